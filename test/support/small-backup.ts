import { createHash } from "node:crypto";

import { rawUpgrade, type RawSession, upgradeHead } from "./raw-client.ts";
import { chunkQuery, plainBlob, transcriptChunk, type TranscriptChunk } from "./transcript.ts";

/** Where a session works: a snapshot of `host/<id>` in a namespace of `store1`, unless another store is said. */
export interface SessionPlace {
  readonly store?: string;
  readonly ns: string;
  readonly id: string;
  readonly timeSec: number;
}

/** Opens a session of one of the two protocols; refusals are thrown with their text. */
export async function openSession(
  server: { readonly port: number },
  kind: "backup" | "reader",
  { store = "store1", ns, id, timeSec }: SessionPlace,
  { authorization, benchmark }: { readonly authorization: string; readonly benchmark?: true },
): Promise<RawSession> {
  const query = new URLSearchParams({
    store,
    ns,
    "backup-type": "host",
    "backup-id": id,
    "backup-time": String(timeSec),
    ...(benchmark ? { benchmark: "true" } : {}),
  });
  const protocol = `proxmox-backup-${kind === "backup" ? "" : "reader-"}protocol-v1`;
  const path = `/api2/json/${kind}?${query.toString()}`;
  const result = await rawUpgrade(
    server.port,
    upgradeHead(server.port, path, protocol, { authorization }),
  );
  if (!("session" in result)) throw new Error(`${result.refusal.status} ${result.refusal.text}`);
  return result.session;
}

/** A manifest that lists one archive of one chunk. */
export function manifestOf({ id, timeSec }: SessionPlace, chunk: TranscriptChunk): Buffer {
  const file = {
    filename: "root.pxar.didx",
    "crypt-mode": "none",
    size: chunk.plain.length,
    csum: oneChunkCsum(chunk),
  };
  const names = { "backup-type": "host", "backup-id": id, "backup-time": timeSec };
  return plainBlob(
    Buffer.from(JSON.stringify({ ...names, files: [file], unprotected: {}, signature: null })),
  );
}

/** Checksum of a dynamic index of one chunk: end and digest, hashed. */
export function oneChunkCsum({ digest, plain }: TranscriptChunk): string {
  const end = Buffer.alloc(8);
  end.writeBigUInt64LE(BigInt(plain.length));
  return createHash("sha256").update(end).update(Buffer.from(digest, "hex")).digest("hex");
}

/** Backs up one chunk as `root.pxar.didx`; gives the chunk. */
export async function backUp(
  server: { readonly port: number },
  place: SessionPlace,
  authorization: string,
  content: string,
): Promise<TranscriptChunk> {
  const chunk = transcriptChunk(Buffer.from(content));
  const session = await openSession(server, "backup", place, { authorization });
  const call = async (line: string, body?: Uint8Array): Promise<void> => {
    const { status, text } = await session.call(line, body);
    if (status !== 200) throw new Error(`${line}: ${status} ${text}`);
  };
  await call("POST /dynamic_index?archive-name=root.pxar.didx");
  await call(`POST /dynamic_chunk?${chunkQuery(chunk, 1)}`, chunk.blob);
  await session.json("PUT /dynamic_index", {
    wid: 1,
    "digest-list": [chunk.digest],
    "offset-list": [0],
  });
  const { length } = chunk.plain;
  const csum = oneChunkCsum(chunk);
  await call(`POST /dynamic_close?wid=1&chunk-count=1&size=${length}&csum=${csum}`);
  const manifest = manifestOf(place, chunk);
  await call(`POST /blob?encoded-size=${manifest.length}&file-name=index.json.blob`, manifest);
  await call("POST /finish");
  await session.close();
  return chunk;
}
