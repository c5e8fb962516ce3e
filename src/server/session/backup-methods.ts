import { type ServerHttp2Stream } from "node:http2";

import { Type, type Static } from "typebox";

import { parseDigest, type Digest } from "../../format/chunk/digest.ts";
import { BLOB_UPLOAD_BYTES_MAX, CHUNK_BYTES_MAX, WRITER_ID_MAX } from "../../format/limits.ts";
import { parseArchiveName } from "../../format/snapshot/archive-name.ts";
import { refused } from "../http/api-error.ts";
import { encodedBlobSize, fileName, sha256Hex } from "../http/parameter-schema.ts";
import { type BackupTarget } from "../store/backup-target.ts";
import { method, streamMethod, type SessionRoute } from "./session-router.ts";
import { STORED_PIECE_BYTES } from "../http/stored-pieces.ts";
import { storedBytes } from "./stored-bytes.ts";
import { blobLengthTexts, chunkLengthTexts, readExactly } from "./read-exactly.ts";
import { type UploadPlaces } from "./upload-memory.ts";
import { uploadStatisticsLines } from "./upload-statistics.ts";

/** What the methods of a backup session work on. */
export interface BackupSessionParts {
  readonly target: BackupTarget;
  /** Adds a line to the task log. */
  readonly log: (line: string) => void;
  /** Adds a line that only matters when the client asked for details. */
  readonly debug: (line: string) => void;
  /** Path of the snapshot's folder below the datastore, for the log. */
  readonly snapshotPath: string;
  readonly memory: UploadPlaces;
  /** Told of every piece of an upload as it comes. */
  readonly onReceived: (size: number) => void;
}

type Kind = "dynamic" | "fixed";

const writerId = Type.Integer({ minimum: 1, maximum: WRITER_ID_MAX });

const chunkParameters = Type.Object({
  wid: writerId,
  digest: sha256Hex,
  size: Type.Integer({ minimum: 1, maximum: CHUNK_BYTES_MAX }),
  "encoded-size": Type.Integer({ minimum: 13, maximum: BLOB_UPLOAD_BYTES_MAX }),
});

const appendParameters = Type.Object({
  wid: writerId,
  "digest-list": Type.Array(sha256Hex),
  "offset-list": Type.Array(Type.Integer({ minimum: 0 })),
});

/** The methods of a backup session (spec backup-protocol.md §4). */
export function backupMethods(parts: BackupSessionParts): readonly SessionRoute[] {
  return [
    ...indexMethods("dynamic", parts),
    ...indexMethods("fixed", parts),
    blobMethod(parts),
    ...previousMethods(parts),
    streamMethod("POST /speedtest", Type.Object({}), async (_parameters, stream) => {
      await discard(stream, parts.onReceived);
      return null;
    }),
    method("POST /finish", Type.Object({}), async () => {
      await parts.target.finish();
      parts.log("successfully finished backup");
      return null;
    }),
  ];
}

function indexMethods(kind: Kind, parts: BackupSessionParts): readonly SessionRoute[] {
  const { target, log, debug } = parts;
  const closeParameters = Type.Object({
    wid: writerId,
    "chunk-count": Type.Integer({ minimum: kind === "dynamic" ? 1 : 0 }),
    size: Type.Integer({ minimum: kind === "dynamic" ? 1 : 0 }),
    csum: sha256Hex,
  });
  return [
    createMethod(kind, parts),
    streamMethod(
      `POST /${kind}_chunk`,
      chunkParameters,
      async (parameters, stream) => await uploadChunk(kind, parts, parameters, stream),
    ),
    method(`PUT /${kind}_index`, appendParameters, async (parameters) => {
      const digests = parameters["digest-list"].map((text) => parseDigest(text));
      debug(`${kind}_append ${digests.length} chunks`);
      await target.append(kind, parameters.wid, digests, parameters["offset-list"]);
      return null;
    }),
    method(`POST /${kind}_close`, closeParameters, async (parameters) => {
      const report = await target.close(kind, parameters.wid, {
        chunkCount: parameters["chunk-count"],
        size: parameters.size,
        csum: parameters.csum,
      });
      for (const line of uploadStatisticsLines(report)) log(line);
      log(`successfully closed ${kind} index ${parameters.wid}`);
      return null;
    }),
  ];
}

function createMethod(kind: Kind, { target, log, snapshotPath }: BackupSessionParts): SessionRoute {
  const requireExtension = (name: string, extension: string): void => {
    if (!name.endsWith(extension)) throw refused(`wrong archive extension: '${name}'`);
  };
  const created = (id: number, name: string): number => {
    log(`created new ${kind} index ${id} ("${snapshotPath}/${name}")`);
    return id;
  };
  if (kind === "dynamic") {
    return method(
      "POST /dynamic_index",
      Type.Object({ "archive-name": fileName }),
      async (given) => {
        const name = given["archive-name"];
        requireExtension(name, ".didx");
        return created(await target.createDynamicWriter(parseArchiveName(name)), name);
      },
    );
  }
  const parameters = Type.Object({
    "archive-name": fileName,
    size: Type.Optional(Type.Integer({ minimum: 1 })),
    "reuse-csum": Type.Optional(sha256Hex),
  });
  return method("POST /fixed_index", parameters, async (given) => {
    const name = given["archive-name"];
    requireExtension(name, ".fidx");
    const reuse = given["reuse-csum"];
    const id = await target.createFixedWriter(parseArchiveName(name), {
      ...(given.size === undefined ? {} : { size: given.size }),
      ...(reuse === undefined ? {} : { reuseCsum: parseDigest(reuse) }),
    });
    return created(id, name);
  });
}

async function uploadChunk(
  kind: Kind,
  { target, memory, debug, onReceived }: BackupSessionParts,
  parameters: Static<typeof chunkParameters>,
  stream: ServerHttp2Stream,
): Promise<Digest> {
  const { wid, size, "encoded-size": encodedSize } = parameters;
  const digest = parseDigest(parameters.digest);
  const slot = await memory.take(encodedSize);
  try {
    await readExactly(stream, { bytes: slot.bytes, texts: chunkLengthTexts, onReceived });
    await target.uploadChunk({ writer: kind, writerId: wid, digest, size, body: slot.bytes });
  } finally {
    slot.release();
  }
  debug(`upload_chunk done: ${size} bytes, ${digest}`);
  return digest;
}

function blobMethod({ target, memory, log, onReceived }: BackupSessionParts): SessionRoute {
  const parameters = Type.Object({ "file-name": fileName, "encoded-size": encodedBlobSize });
  return streamMethod("POST /blob", parameters, async (given, stream) => {
    const name = given["file-name"];
    const size = given["encoded-size"];
    if (!name.endsWith(".blob")) throw refused(`wrong blob file extension: '${name}'`);
    const slot = await memory.take(size);
    try {
      await readExactly(stream, { bytes: slot.bytes, texts: blobLengthTexts, onReceived });
      await target.writeBlob(parseArchiveName(name), slot.bytes);
    } finally {
      slot.release();
    }
    log(`add blob "${target.path}/${name}" (${size} bytes, comp: ${size})`);
    return null;
  });
}

function previousMethods({ target, log }: BackupSessionParts): readonly SessionRoute[] {
  return [
    streamMethod(
      "GET /previous_backup_time",
      Type.Object({}),
      async () => await Promise.resolve(target.base?.timeSec ?? null),
    ),
    streamMethod("GET /previous", Type.Object({ "archive-name": fileName }), async (given) => {
      const name = given["archive-name"];
      const file = await target.openPrevious(parseArchiveName(name));
      if (file.registeredChunks !== undefined) {
        log(`register chunks in '${name}' from previous backup.`);
      }
      log(`download '${name}' from previous backup.`);
      return storedBytes(file, { pieceBytes: STORED_PIECE_BYTES });
    }),
  ];
}

async function discard(
  stream: ServerHttp2Stream,
  onReceived: (size: number) => void,
): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.on("end", resolve);
    stream.on("close", resolve);
    stream.on("data", (bytes: Uint8Array) => {
      onReceived(bytes.length);
    });
  });
}
