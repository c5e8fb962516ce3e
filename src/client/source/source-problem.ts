/**
 * What happened to an entry of the source tree.
 *
 * - `vanished`: it was listed, but gone when it was to be read; left out.
 * - `unreadable`: it cannot be read; left out.
 * - `incomplete`: it is in the archive, but a part of it could not be read.
 * - `changed`: its size changed while it was read; the archive has the first size, cut or filled with zeros.
 * - `ignored`: a rule in the tree cannot be used.
 */
export type SourceProblemKind = "vanished" | "unreadable" | "incomplete" | "changed" | "ignored";

/** One entry that is not in the archive as it is on disk; the backup goes on. */
export interface SourceProblem {
  readonly kind: SourceProblemKind;
  /** Path below the root of the tree without leading slash, any bytes; empty for the root itself. Owned. */
  readonly path: Uint8Array;
  /** Why, for people: an errno name and what it means for the archive. */
  readonly reason: string;
}

/** Whether a problem means that content is missing which a later backup may well find: exit code 3 of the program. */
export function isMissingContent(problem: SourceProblem): boolean {
  return problem.kind === "unreadable" || problem.kind === "incomplete";
}
