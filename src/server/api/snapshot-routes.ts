import { type Readable } from "node:stream";

import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { mapConcurrent } from "../../chunks/map-concurrent.ts";
import { BLOB_UPLOAD_BYTES_MAX } from "../../format/limits.ts";
import {
  commentOf,
  keyFingerprintOf,
  verifyStateOf,
} from "../../format/manifest/manifest-summary.ts";
import { parseBackupId, type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { refused } from "../http/api-error.ts";
import { backupId, backupType } from "../http/parameter-schema.ts";
import { needsContent } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { type SnapshotDescription, type SnapshotFileEntry } from "../store/describe-snapshot.ts";
import { StoreError } from "../store/store-error.ts";
import {
  type ContentOptions,
  type ContentPlace,
  openPlace,
  openSnapshot,
  placeParameters,
  snapshotParameters,
} from "./content-access.ts";
import { LISTING_READS_MAX, type VisibleGroup, visibleGroups } from "./group-routes.ts";

const listed = { full: ["Datastore.Audit"], own: ["Datastore.Backup"] } as const;
const filesListed = {
  full: ["Datastore.Audit", "Datastore.Read"],
  own: ["Datastore.Backup"],
} as const;
const changed = {
  full: ["Datastore.Modify"],
  own: ["Datastore.Backup"],
  operation: "write",
} as const;
const removed = {
  full: ["Datastore.Modify"],
  own: ["Datastore.Prune"],
  operation: "write",
} as const;
const written = { full: [], own: ["Datastore.Backup"], operation: "write" } as const;

const fileReply = Type.Object({
  filename: Type.String(),
  "crypt-mode": Type.Optional(Type.String()),
  size: Type.Optional(Type.Number()),
});

const snapshotReply = Type.Object({
  "backup-type": Type.String(),
  "backup-id": Type.String(),
  "backup-time": Type.Integer(),
  files: Type.Array(fileReply),
  size: Type.Optional(Type.Number()),
  owner: Type.String(),
  protected: Type.Boolean(),
  comment: Type.Optional(Type.String()),
  fingerprint: Type.Optional(Type.String()),
  verification: Type.Optional(Type.Object({ state: Type.String(), upid: Type.String() })),
});

/** Snapshots: list, files, removal, notes, protection, the client's log (spec rest-api.md §5). */
export function addSnapshotRoutes(api: FastifyInstance, options: ContentOptions): void {
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/snapshots",
    description: "Snapshots of a namespace, of all groups or some.",
    permit: needsContent(listed),
    parameters: Type.Object({
      ...placeParameters,
      "backup-type": Type.Optional(backupType),
      "backup-id": Type.Optional(backupId),
    }),
    reply: Type.Array(snapshotReply),
    handle: async (parameters, { caller }) => {
      const place = await openPlace(options, caller, parameters, listed);
      const { "backup-type": type, "backup-id": id } = parameters;
      const groups = await visibleGroups(place, caller, {
        ...(type === undefined ? {} : { type }),
        ...(id === undefined ? {} : { id: parseBackupId(id) }),
      });
      const replies: Static<typeof snapshotReply>[] = [];
      for await (const reply of mapConcurrent(
        snapshotsOf(place, groups),
        LISTING_READS_MAX,
        async (entry) => await describe(place, entry.snapshot, entry.owner),
      )) {
        if (reply) replies.push(reply);
      }
      return replies;
    },
  });
  addRoute(api, {
    method: "DELETE",
    path: "/admin/datastore/:store/snapshots",
    description: "Removes a snapshot.",
    permit: needsContent(removed),
    parameters: Type.Object(snapshotParameters),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      const place = await openSnapshot(options, caller, parameters, removed);
      await place.datastore.forgetSnapshot(place.namespace, place.snapshot);
      return null;
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/files",
    description: "Files of a snapshot.",
    permit: needsContent(filesListed),
    parameters: Type.Object(snapshotParameters),
    reply: Type.Array(fileReply),
    handle: async (parameters, { caller }) => {
      const place = await openSnapshot(options, caller, parameters, filesListed);
      const { files } = await place.datastore.describeSnapshot(place.namespace, place.snapshot);
      return files.map(fileEntry);
    },
  });
  addNoteRoutes(api, options);
  addProtectionRoutes(api, options);
  addLogRoute(api, options);
}

function addNoteRoutes(api: FastifyInstance, options: ContentOptions): void {
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/notes",
    description: "Notes of a snapshot.",
    permit: needsContent(listed),
    parameters: Type.Object(snapshotParameters),
    reply: Type.String(),
    handle: async (parameters, { caller }) => {
      const place = await openSnapshot(options, caller, parameters, listed);
      return await place.datastore.readNotes(place.namespace, place.snapshot);
    },
  });
  addRoute(api, {
    method: "PUT",
    path: "/admin/datastore/:store/notes",
    description: "Replaces the notes of a snapshot.",
    permit: needsContent(changed),
    parameters: Type.Object({ ...snapshotParameters, notes: Type.String() }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      const place = await openSnapshot(options, caller, parameters, changed);
      await place.datastore.writeNotes(place.namespace, place.snapshot, parameters.notes);
      return null;
    },
  });
}

function addProtectionRoutes(api: FastifyInstance, options: ContentOptions): void {
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/protected",
    description: "Whether a snapshot is protected against removal.",
    permit: needsContent(listed),
    parameters: Type.Object(snapshotParameters),
    reply: Type.Boolean(),
    handle: async (parameters, { caller }) => {
      const place = await openSnapshot(options, caller, parameters, listed);
      return await place.datastore.isProtected(place.namespace, place.snapshot);
    },
  });
  addRoute(api, {
    method: "PUT",
    path: "/admin/datastore/:store/protected",
    description: "Protects a snapshot against removal, or no longer.",
    permit: needsContent(changed),
    parameters: Type.Object({ ...snapshotParameters, protected: Type.Boolean() }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      const place = await openSnapshot(options, caller, parameters, changed);
      const state = parameters.protected ? "protected" : "unprotected";
      await place.datastore.setProtected(place.namespace, place.snapshot, state);
      return null;
    },
  });
}

function addLogRoute(api: FastifyInstance, options: ContentOptions): void {
  addRoute(api, {
    method: "POST",
    path: "/admin/datastore/:store/upload-backup-log",
    description: "Adds the client's log to a snapshot; the body is the blob.",
    permit: needsContent(written),
    parameters: Type.Object({ ...snapshotParameters, "file-name": Type.Optional(Type.String()) }),
    body: "stream",
    reply: Type.Null(),
    handle: async (parameters, { caller, request }) => {
      const place = await openSnapshot(options, caller, parameters, written);
      const body = await readWhole(request.body);
      await place.datastore.putClientLog(place.namespace, place.snapshot, body);
      return null;
    },
  });
}

async function readWhole(body: unknown): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  if (isReadable(body)) {
    // Leaving the loop must not destroy the request, whose connection has yet to carry the answer.
    const pieces: AsyncIterable<unknown> = body.iterator({ destroyOnReturn: false });
    for await (const part of pieces) {
      if (!(part instanceof Uint8Array)) throw new TypeError("the body has an encoding set");
      size += part.length;
      if (size > BLOB_UPLOAD_BYTES_MAX) throw refused("uploaded log is too large");
      parts.push(part);
    }
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function isReadable(body: unknown): body is Readable {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

/** Snapshots of some groups, in their order; folders of groups are read ahead of those of snapshots. */
async function* snapshotsOf(
  { datastore, namespace }: ContentPlace,
  groups: readonly VisibleGroup[],
): AsyncGenerator<{ readonly snapshot: SnapshotId; readonly owner: string }, void, void> {
  for await (const { owner, snapshots } of mapConcurrent(
    groups,
    LISTING_READS_MAX,
    async ({ group, owner }) => ({
      owner,
      snapshots: await datastore.listSnapshots(namespace, group),
    }),
  )) {
    for (const snapshot of snapshots) yield { snapshot, owner };
  }
}

/** One row of a listing; nothing for a snapshot that was removed meanwhile. */
async function describe(
  { datastore, namespace }: ContentPlace,
  snapshot: SnapshotId,
  owner: string,
): Promise<Static<typeof snapshotReply> | undefined> {
  try {
    return snapshotEntry(await datastore.describeSnapshot(namespace, snapshot), owner);
  } catch (error) {
    if (error instanceof StoreError && error.code === "STORE_SNAPSHOT_MISSING") return undefined;
    throw error;
  }
}

function snapshotEntry(
  { snapshot, manifest, files, isProtected, size }: SnapshotDescription,
  owner: string,
): Static<typeof snapshotReply> {
  const comment = manifest && commentOf(manifest);
  const fingerprint = manifest && keyFingerprintOf(manifest);
  const verification = manifest && verifyStateOf(manifest);
  return {
    "backup-type": snapshot.type,
    "backup-id": snapshot.id,
    "backup-time": snapshot.timeSec,
    files: files.map(fileEntry),
    ...(size === undefined ? {} : { size }),
    owner,
    protected: isProtected,
    ...(comment === undefined || comment === "" ? {} : { comment }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(verification === undefined ? {} : { verification: { ...verification } }),
  };
}

function fileEntry({ name, cryptMode, size }: SnapshotFileEntry): Static<typeof fileReply> {
  return {
    filename: name,
    ...(cryptMode === undefined ? {} : { "crypt-mode": cryptMode }),
    ...(size === undefined ? {} : { size }),
  };
}
