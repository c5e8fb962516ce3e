import { type FastifyBaseLogger } from "fastify";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type AccessControl } from "../auth/access-control.ts";
import { type Datastores } from "../datastores.ts";
import { type Datastore } from "../store/datastore.ts";
import { type TaskRegistry } from "../tasks/task-registry.ts";
import { type TrafficControl } from "../traffic/traffic-control.ts";
import { type RunningSessions } from "./running-sessions.ts";
import { type UntakenBytes } from "./untaken-bytes.ts";
import { type UploadMemory } from "./upload-memory.ts";

/** What sessions work with. */
export interface SessionOptions {
  readonly datastores: Datastores;
  readonly access: AccessControl;
  readonly tasks: TaskRegistry;
  readonly traffic: TrafficControl;
  /** Shared by all uploads of the server. */
  readonly uploadMemory: UploadMemory;
  /** Bounds what the clients of all uploads have sent beyond that. */
  readonly untaken: UntakenBytes;
  /** How long a 401 is held back. */
  readonly unauthenticatedMs: number;
  readonly logger: FastifyBaseLogger;
  /** Sessions that are running. */
  readonly running: RunningSessions;
  /** Called when a backup is finished and its task is over; must not reject. */
  readonly afterBackup: (backup: FinishedBackup) => Promise<void>;
}

/** A backup that is whole. */
export interface FinishedBackup {
  readonly datastore: Datastore;
  readonly namespace: Namespace;
  readonly snapshot: SnapshotId;
  /** Who made it. */
  readonly authId: AuthId;
}
