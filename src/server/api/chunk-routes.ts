import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { type Digest, DIGEST_BYTES, digestOfBytes } from "../../format/chunk/digest.ts";
import { DYNAMIC_ENTRY_BYTES } from "../../format/index/dynamic-index.ts";
import { INDEX_HEADER_BYTES, parseIndexHeader } from "../../format/index/index-header.ts";
import { archiveKindOf, parseArchiveName } from "../../format/snapshot/archive-name.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { fileName } from "../http/parameter-schema.ts";
import { needsContent } from "../http/permission.ts";
import { addRoute, RawReply } from "../http/route.ts";
import { type StoredFile } from "../store/store-backend.ts";
import { type TrafficControl } from "../traffic/traffic-control.ts";
import { paceWhole } from "./paced.ts";
import { type ContentOptions, openSnapshot, snapshotParameters } from "./content-access.ts";

const readable = { full: ["Datastore.Read"], own: ["Datastore.Backup"] } as const;

/**
 * Stored chunks for a reader without a session: the web page, which decodes and decrypts by itself.
 *
 * A chunk is named by its position in an index of the snapshot, never by its digest: who may read the snapshot gets the
 * chunks of that snapshot and no others.
 */
export function addChunkRoutes(
  api: FastifyInstance,
  options: ContentOptions & { readonly traffic: TrafficControl },
): void {
  addRoute(api, {
    method: "GET",
    path: "/amber/datastore/:store/chunk",
    description: "One chunk of an archive as it is stored, compressed and encrypted as it may be.",
    permit: needsContent(readable),
    produces: "application/octet-stream",
    parameters: Type.Object({
      ...snapshotParameters,
      "file-name": fileName,
      position: Type.Integer({
        minimum: 0,
        maximum: 0xffff_ffff,
        description: "Position of the chunk in the index, from 0.",
      }),
    }),
    reply: Type.Null(),
    handle: async (parameters, call) => {
      const place = await openSnapshot(options, call.caller, parameters, readable);
      const { datastore, namespace, snapshot } = place;
      const name = parseArchiveName(parameters["file-name"]);
      const kind = archiveKindOf(name);
      if (kind === "blob") throw refused(`'${name}' is no archive`);
      await using index = await datastore.openFile(namespace, snapshot, name);
      const digest = await digestAt(index, kind, parameters.position);
      const size = (await datastore.blobs.stat(digest))?.size ?? 0; // Reading says what is wrong if it is not there.
      await paceWhole(options.traffic, call, size);
      return new RawReply(await datastore.blobs.readBlob(digest), {
        "content-type": "application/octet-stream",
        "cache-control": "no-store",
      });
    },
  });
}

/**
 * Reads one entry of an index, whatever the size of the index.
 *
 * @throws {ApiError} `API_NOT_FOUND` behind the last entry.
 * @throws {FormatError} When the file is no index of that kind.
 */
async function digestAt(
  index: StoredFile,
  kind: "dynamic" | "fixed",
  position: number,
): Promise<Digest> {
  parseIndexHeader(await index.readAt(0, INDEX_HEADER_BYTES), kind);
  const entryBytes = kind === "dynamic" ? DYNAMIC_ENTRY_BYTES : DIGEST_BYTES;
  const end = INDEX_HEADER_BYTES + (position + 1) * entryBytes;
  if (end > index.size) throw new ApiError("API_NOT_FOUND", `no chunk at position ${position}`);
  return digestOfBytes(await index.readAt(end - DIGEST_BYTES, DIGEST_BYTES));
}
