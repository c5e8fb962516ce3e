import { Readable } from "node:stream";

import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type CodecPool } from "../../chunks/codec-pool.ts";
import { typeLetters } from "../../format/catalog/type-letters.ts";
import { decodeBlob } from "../../format/chunk/data-blob.ts";
import { createNativeProvider } from "../../format/crypto/native-provider.ts";
import { BLOB_PLAIN_BYTES_MAX } from "../../format/limits.ts";
import { archiveKindOf, parseArchiveName } from "../../format/snapshot/archive-name.ts";
import { refused } from "../http/api-error.ts";
import { fileName, offByDefault } from "../http/parameter-schema.ts";
import { needsContent } from "../http/permission.ts";
import { addRoute, RawReply } from "../http/route.ts";
import { type StoredFile } from "../store/store-backend.ts";
import { STORED_PIECE_BYTES, storedPieces } from "../http/stored-pieces.ts";
import { type TrafficControl } from "../traffic/traffic-control.ts";
import { listDirectory, openTreeContent, requireArchive, treeArchives } from "./archive-tree.ts";
import { paced, paceWhole } from "./paced.ts";
import {
  type ContentOptions,
  openSnapshot,
  optionalText,
  snapshotParameters,
} from "./content-access.ts";
import { archivePieces, SnapshotArchives } from "./snapshot-archive.ts";
import { tarZstdStream } from "./tar-stream.ts";
import { walkFolder } from "./walk-folder.ts";
import { zipStream } from "./zip-stream.ts";

const readable = { full: ["Datastore.Read"], own: ["Datastore.Backup"] } as const;

const filepath = Type.String({ maxLength: 4096 });

const catalogReply = Type.Object({
  filepath: Type.String(),
  text: Type.String(),
  type: Type.String(),
  leaf: Type.Boolean(),
  size: Type.Optional(Type.Number()),
  mtime: Type.Optional(Type.Number()),
});

/** Content of snapshots without a session: files as stored, decoded, and single files out of archives. */
export function addDownloadRoutes(
  api: FastifyInstance,
  options: ContentOptions & { readonly pool: CodecPool; readonly traffic: TrafficControl },
): void {
  const archives = new SnapshotArchives(options.pool);
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/download",
    description: "A file of a snapshot as it is stored.",
    permit: needsContent(readable),
    produces: "application/octet-stream",
    parameters: Type.Object({ ...snapshotParameters, "file-name": fileName }),
    reply: Type.Null(),
    handle: async (parameters, call) => {
      const place = await openSnapshot(options, call.caller, parameters, readable);
      const name = parseArchiveName(parameters["file-name"]);
      const { datastore, namespace, snapshot } = place;
      const file = await datastore.openFile(namespace, snapshot, name);
      return paced(options.traffic, call, fileStream(file));
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/download-decoded",
    description: "The content of a file of a snapshot.",
    permit: needsContent(readable),
    produces: "application/octet-stream",
    parameters: Type.Object({ ...snapshotParameters, "file-name": fileName }),
    reply: Type.Null(),
    handle: async (parameters, call) => {
      const place = await openSnapshot(options, call.caller, parameters, readable);
      const name = parseArchiveName(parameters["file-name"]);
      if (archiveKindOf(name) !== "blob") {
        const { bytes } = await archives.open(place, name);
        const content = Readable.from(archivePieces(bytes, 0, bytes.size));
        return paced(options.traffic, call, content);
      }
      await archives.requirePlain(place, name);
      const { datastore, namespace, snapshot } = place;
      await using file = await datastore.openFile(namespace, snapshot, name);
      await paceWhole(options.traffic, call, file.size);
      const blob = await file.readAt(0, file.size);
      const limits = { sizeMax: BLOB_PLAIN_BYTES_MAX, what: `blob "${name}"` };
      return new RawReply(decodeBlob(createNativeProvider(), blob, limits));
    },
  });
  addBrowserRoutes(api, options, archives);
}

function addBrowserRoutes(
  api: FastifyInstance,
  options: ContentOptions & { readonly traffic: TrafficControl },
  archives: SnapshotArchives,
): void {
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/catalog",
    description: "One directory of an archive, or the list of archives.",
    permit: needsContent(readable),
    parameters: Type.Object({ ...snapshotParameters, filepath, "archive-name": optionalText }),
    reply: Type.Array(catalogReply),
    handle: async (parameters, { caller }) => {
      const place = await openSnapshot(options, caller, parameters, readable);
      const manifest = await place.datastore.readManifest(place.namespace, place.snapshot);
      const wanted = parseFilepath(parameters.filepath, parameters["archive-name"]);
      if (!wanted) {
        return treeArchives(manifest).map((name) => ({
          filepath: Buffer.from(`/${name}`).toString("base64"),
          text: name,
          type: "d",
          leaf: false,
        }));
      }
      const files = requireArchive(manifest, wanted.archive);
      const entries = await listDirectory(archives, place, manifest, files, wanted.path);
      const parent = [wanted.archive, ...wanted.path.map(latin1)].join("/");
      return entries.map((entry): Static<typeof catalogReply> => ({
        filepath: Buffer.from(`${parent}/${latin1(entry.name)}`, "latin1").toString("base64"),
        text: Buffer.from(entry.name).toString("utf8"),
        type: typeLetters[entry.kind],
        leaf: entry.kind !== "directory",
        ...(entry.size === undefined ? {} : { size: entry.size }),
        ...(entry.mtimeSec === undefined ? {} : { mtime: entry.mtimeSec }),
      }));
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/pxar-file-download",
    description: "A file out of an archive, or a directory as zip or tar.",
    permit: needsContent(readable),
    produces: "application/octet-stream",
    parameters: Type.Object({
      ...snapshotParameters,
      filepath,
      tar: offByDefault,
      "archive-name": optionalText,
    }),
    reply: Type.Null(),
    handle: async (parameters, call) => {
      const send = (content: Readable): RawReply => paced(options.traffic, call, content);
      const place = await openSnapshot(options, call.caller, parameters, readable);
      const manifest = await place.datastore.readManifest(place.namespace, place.snapshot);
      const wanted = parseFilepath(parameters.filepath, parameters["archive-name"]);
      if (!wanted) throw refused("cannot download the list of archives");
      const files = requireArchive(manifest, wanted.archive);
      const content = await openTreeContent(archives, place, files, wanted.path);
      if (content.kind === "file") {
        const { source, offset, size } = content.file;
        return send(Readable.from(archivePieces(source, offset, size)));
      }
      const name = wanted.path.at(-1) ?? new Uint8Array(0);
      const entries = walkFolder(content.open, content.folder, name);
      if (parameters.tar !== true) return send(zipStream(entries));
      const folder = Buffer.from(wanted.path.map(latin1).join("/"), "latin1");
      return send(tarZstdStream(createNativeProvider(), { entries, folder }));
    },
  });
}

/**
 * Takes a `filepath` apart: base64 of `/archive.pxar.didx/dir/file`, or `root` or `/` for the list of archives.
 *
 * With `archive-name`, the path may or may not begin with it.
 */
function parseFilepath(
  text: string,
  archive: string | undefined,
): { readonly archive: string; readonly path: readonly Uint8Array[] } | undefined {
  const isTop = text === "root" || text === "/";
  if (isTop && archive === undefined) return undefined;
  const decoded = isTop ? "" : Buffer.from(text, "base64").toString("latin1");
  const parts = decoded.split("/").filter((part) => part !== "");
  const [first] = parts;
  const named = archive ?? first;
  if (named === undefined) return undefined;
  const rest = first === named ? parts.slice(1) : parts;
  return { archive: named, path: rest.map((part) => Buffer.from(part, "latin1")) };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function fileStream(file: StoredFile): Readable {
  const stream = Readable.from(storedPieces(file, { pieceBytes: STORED_PIECE_BYTES }));
  stream.once("close", () => {
    void file[Symbol.asyncDispose]();
  });
  return stream;
}
