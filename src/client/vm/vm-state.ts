import { type JsonObject } from "../../format/manifest/canonical-json.ts";
import { isJsonObject, parseJson } from "../../format/manifest/parse-json.ts";
import { archiveNameOf, type ArchiveName } from "../../format/snapshot/archive-name.ts";
import { type TrackedDisk } from "./dirty-bitmaps.ts";
import { objects, text } from "./vm-disks.ts";

/** How a guest is treated while its disks are backed up. */
export const vmModes = ["snapshot", "suspend", "stop"] as const;

/** One of {@link vmModes}. */
export type VmMode = (typeof vmModes)[number];

/**
 * What can be expected of the disks: `stopped` when the guest was shut down, `file-systems` when its file systems held still,
 * `crash` when it is as after a power failure.
 */
export type Consistency = "stopped" | "file-systems" | "crash";

/** What a snapshot of a guest says about how it was made; the next backup builds on it. */
export interface VmState {
  readonly mode: VmMode;
  readonly consistency: Consistency;
  /** How long the guest was paused, in milliseconds; 0 when it was not. */
  readonly pausedMs: number;
  /** How long its file systems held still. */
  readonly frozenMs: number;
  /** By name of the archive without ending. */
  readonly disks: ReadonlyMap<string, TrackedDisk>;
}

/** The file of the snapshot that it is in. */
export const VM_STATE_NAME: ArchiveName = archiveNameOf("amber-vm.conf");

/** Puts it into JSON, as UTF-8. */
export function encodeVmState(state: VmState): Uint8Array {
  const { mode, consistency, pausedMs, frozenMs } = state;
  const disks = [...state.disks].map(([name, { bitmap, size }]) => ({ name, size, bitmap }));
  const value = { version: 1, mode, consistency, pausedMs, frozenMs, disks };
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}

/**
 * Reads what the next backup needs of it: the bitmaps.
 *
 * @throws {FormatError} `FORMAT_INVALID` when it is no JSON.
 */
export function parseTrackedDisks(bytes: Uint8Array): ReadonlyMap<string, TrackedDisk> {
  const value = parseJson(new TextDecoder().decode(bytes), `"${VM_STATE_NAME}"`);
  const state: JsonObject = isJsonObject(value) ? value : {};
  return new Map(
    objects(state["disks"]).map(({ name, bitmap, size }) => [
      text(name),
      { bitmap: text(bitmap), size: Number(size) },
    ]),
  );
}
