import { timeText } from "../format/snapshot/time-text.ts";

/** Names one snapshot of the datastore that is shown. */
export interface SnapshotKey {
  /** Components joined by `/`; empty for the root namespace. */
  readonly namespace: string;
  /** `vm`, `ct` or `host`. */
  readonly type: string;
  readonly id: string;
  /** Seconds since the epoch. */
  readonly timeSec: number;
}

/** Names one group of snapshots. */
export type GroupKey = Pick<SnapshotKey, "namespace" | "type" | "id">;

/** One archive or blob of a snapshot, as its manifest lists it. */
export interface SnapshotFile {
  /** Name on the server, for example `root.mpxar.didx`. */
  readonly name: string;
  /** Bytes of an index's archive; of a blob, bytes of its encoded form. */
  readonly size: number;
}

/** What a mounted datastore asks its host for; the answers are {@link FsAnswers}. */
export type FsNeed =
  | { readonly kind: "namespaces"; readonly namespace: string }
  | { readonly kind: "groups"; readonly namespace: string }
  | { readonly kind: "snapshots"; readonly group: GroupKey }
  | { readonly kind: "open-snapshot"; readonly snapshot: SnapshotKey }
  | { readonly kind: "open-archive"; readonly snapshot: SnapshotKey; readonly archive: string }
  | { readonly kind: "blob"; readonly snapshot: SnapshotKey; readonly archive: string }
  | {
      readonly kind: "chunk";
      readonly snapshot: SnapshotKey;
      /** Archive whose index names the chunk: a server hands out chunks only of indexes that were read. */
      readonly archive: string;
      /** 64 hexadecimal digits. */
      readonly digest: string;
      /** Bytes that the index says it has. */
      readonly size: number;
      /** What the archive holds: names and attributes alone, or content as well. */
      readonly holds: "tree" | "content";
    };

/** One group of a namespace. */
export interface GroupEntry {
  readonly type: string;
  readonly id: string;
  /** Seconds since the epoch of its newest snapshot, if that is known without looking. */
  readonly lastTimeSec?: number | undefined;
}

/** A decoded and proven chunk. */
export interface ChunkAnswer {
  readonly bytes: Uint8Array;
  /** What the host gets back when the chunk is dropped; without it the memory needs no care. */
  readonly loan?: number | undefined;
}

/** Answer to each kind of need. */
export interface FsAnswers {
  /** Names of the namespaces directly below. */
  readonly namespaces: readonly string[];
  readonly groups: readonly GroupEntry[];
  readonly snapshots: readonly { readonly timeSec: number; readonly isFinished: boolean }[];
  readonly "open-snapshot": {
    readonly files: readonly SnapshotFile[];
    /** Text of the manifest, UTF-8. */
    readonly manifest: Uint8Array;
  };
  /** The whole index file, compared with the manifest. */
  readonly "open-archive": Uint8Array;
  /** Decoded content. */
  readonly blob: Uint8Array;
  readonly chunk: ChunkAnswer;
}

/** Whether the answer may be another one later: what the datastore holds. Everything else is immutable. */
export function isOfListing({ kind }: FsNeed): boolean {
  return kind === "namespaces" || kind === "groups" || kind === "snapshots";
}

/** A text that is equal for equal needs. */
export function needKey(need: FsNeed): string {
  switch (need.kind) {
    case "namespaces":
    case "groups":
      return `${need.kind} ${need.namespace}`;
    case "snapshots":
      return `snapshots ${groupPath(need.group)}`;
    case "open-snapshot":
      return `open-snapshot ${snapshotPath(need.snapshot)}`;
    case "open-archive":
    case "blob":
      return `${need.kind} ${snapshotPath(need.snapshot)}/${need.archive}`;
    case "chunk":
      return `chunk ${need.digest}`;
  }
}

/** Path of a group as the mount shows it: `ns/a/host/elsa`. */
export function groupPath({ namespace, type, id }: GroupKey): string {
  const components = namespace === "" ? [] : namespace.split("/");
  return [...components.flatMap((component) => ["ns", component]), type, id].join("/");
}

/** Path of a snapshot as the mount shows it: `host/elsa/2024-06-05T14:24:36Z`. */
export function snapshotPath(snapshot: SnapshotKey): string {
  return `${groupPath(snapshot)}/${timeText(snapshot.timeSec)}`;
}
