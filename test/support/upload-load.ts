import { createHash, randomFillSync } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";

import { encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { rawUpgrade, upgradeHead } from "./raw-client.ts";

/** What the thread is told. */
export interface UploadLoad {
  readonly port: number;
  readonly authorization: string;
  readonly clientCount: number;
  readonly kind: "incompressible" | "compressible";
  readonly durationMs: number;
}

const CHUNK_BYTES = 4 * 1024 * 1024;

/** Distinct chunks per client: more than once round costs the server a lookup instead of a write. */
const CHUNKS_PER_CLIENT = 6;

const IN_FLIGHT = 4;

/** Uploads 4 MiB chunks from several clients at once for a while; gives the bytes of plaintext that were taken. */
async function run(load: UploadLoad): Promise<number> {
  const codec = createNativeProvider();
  const until = performance.now() + load.durationMs;
  const counts = await Promise.all(
    Array.from({ length: load.clientCount }, async (_, client) => {
      const chunks = Array.from({ length: CHUNKS_PER_CLIENT }, () => {
        const plain = new Uint8Array(CHUNK_BYTES);
        // Compressible: random digits of one byte in eight, the rest zeros.
        if (load.kind === "incompressible") randomFillSync(plain);
        else for (let i = 0; i < plain.length; i += 8) plain[i] = Math.random() * 256;
        const blob = encodeBlob(codec, plain, { compress: load.kind === "compressible" });
        return { digest: createHash("sha256").update(plain).digest("hex"), blob };
      });
      const path = `/api2/json/backup?store=store1&backup-type=host&backup-id=load-${load.kind}-${client}&backup-time=1719000000`;
      const { authorization } = load;
      const head = upgradeHead(load.port, path, "proxmox-backup-protocol-v1", { authorization });
      const result = await rawUpgrade(load.port, head);
      if (!("session" in result)) throw new Error(result.refusal.text);
      const { session } = result;
      await session.call("POST /dynamic_index?archive-name=a.didx");
      let sent = 0;
      await Promise.all(
        Array.from({ length: IN_FLIGHT }, async (_unused, lane) => {
          for (let i = lane; performance.now() < until; i++) {
            const { digest, blob } = chunks[i % chunks.length]!;
            const query = `wid=1&digest=${digest}&size=${CHUNK_BYTES}&encoded-size=${blob.length}`;
            const answer = await session.call(`POST /dynamic_chunk?${query}`, blob);
            if (answer.status !== 200) throw new Error(answer.text);
            sent += CHUNK_BYTES;
          }
        }),
      );
      await session.close();
      return sent;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

parentPort?.postMessage(await run(workerData as UploadLoad));
