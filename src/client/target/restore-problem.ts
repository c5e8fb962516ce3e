/**
 * What of an entry could not be restored.
 *
 * - `owner`, `mode`, `time`, `attributes`, `capabilities`, `acl`, `flags`, `project`: that part of its metadata;
 * - `device`: the entry itself, a device, fifo or socket that may not be made here;
 * - `hardlink`: the entry itself, because its target was not restored.
 */
export const restoreProblemKinds = [
  "owner",
  "mode",
  "time",
  "attributes",
  "capabilities",
  "acl",
  "flags",
  "project",
  "device",
  "hardlink",
] as const;

/** One of {@link restoreProblemKinds}. */
export type RestoreProblemKind = (typeof restoreProblemKinds)[number];

/** The first entry of which something could not be restored, for each kind and reason; the restore goes on. */
export interface RestoreProblem {
  readonly kind: RestoreProblemKind;
  /** Path below the target, any bytes. */
  readonly path: Uint8Array;
  /** Errno name. */
  readonly reason: string;
}
