import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type QueryValue } from "./answer-to.ts";

/** The snapshot that a session writes or reads. */
export interface SessionSnapshot extends SnapshotId {
  readonly namespace: Namespace;
}

/** Renders a snapshot as the parameters of the API (spec backup-protocol.md §2.1); the root namespace is left out. */
export function snapshotParameters(snapshot: SessionSnapshot): Record<string, QueryValue> {
  const { namespace, type, id, timeSec } = snapshot;
  return {
    "backup-type": type,
    "backup-id": id,
    "backup-time": timeSec,
    ...(namespace === "" ? {} : { ns: namespace }),
  };
}
