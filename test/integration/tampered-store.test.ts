import { cpSync, copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { type BlobSource } from "../../src/chunks/blob-source.ts";
import { type ChunkSource } from "../../src/chunks/chunk-source.ts";
import { type ExpectedEncryption, decodeChunkWith, decoded } from "../../src/chunks/decoded.ts";
import { type BackupServer } from "../../src/client/session/backup-server.ts";
import { RemoteDatastoreView } from "../../src/client/session/remote-datastore-view.ts";
import { encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { type Digest } from "../../src/format/chunk/digest.ts";
import { type CryptKey } from "../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { parseDynamicIndex } from "../../src/format/index/dynamic-index.ts";
import { CHUNK_BYTES_MAX } from "../../src/format/limits.ts";
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
} from "../../src/format/manifest/manifest.ts";
import { type ManifestProof } from "../../src/format/manifest/proven-manifest.ts";
import { parseTimeText } from "../../src/format/snapshot/time-text.ts";
import { type DatastoreView, type OpenSnapshot } from "../../src/fs/datastore-view.ts";
import { FolderDatastoreView } from "../../src/fs/folder-datastore-view.ts";
import { clientOf } from "../support/client-of-server.ts";
import { knownKey, otherKey } from "../support/known-key.ts";
import { miniStore } from "../support/mini-snapshots.ts";
import { rejection } from "../support/rejection.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";

const provider = createNativeProvider();
const TIME = "2024-06-05T14:24:36Z";
const STREAM = "stream.pxar.didx";

interface ReaderOptions {
  readonly key?: CryptKey | undefined;
  readonly unsigned?: ManifestProof["unsigned"];
  readonly onUnsigned?: () => void;
}

/** Code of an error, or of the nearest cause that says what is wrong with the bytes. */
function codes(error: unknown): string[] {
  const found: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at) found.push(String(at.code));
  }
  return found;
}

// Real stores, made by the official programs, are tampered with as whoever runs the server could.
describe("integration/tampered-store", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let store = "";
  let server: TestServer;
  let client: BackupServer;

  before(async () => {
    folder = await tempDir();
    store = join(folder.path, "store");
    cpSync(fileURLToPath(miniStore), store, { recursive: true });
    server = await startTestServer({ storePath: store });
    client = await clientOf(server, folder.path);
  });

  after(async () => {
    client[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const at = (group: string, name = "", time = TIME): string =>
    join(store, "host", group, time, name);
  const chunkPath = (digest: Digest): string => join(store, ".chunks", digest.slice(0, 4), digest);

  /** A snapshot of its own for one test. */
  function copyOf(group: string, name: string): string {
    cpSync(join(store, "host", group), join(store, "host", name), { recursive: true });
    return name;
  }

  function changeManifest(group: string, change: (manifest: Manifest) => Manifest): void {
    const path = at(group, "index.json.blob");
    const changed = change(decodeManifest(provider, readFileSync(path)));
    writeFileSync(path, encodeManifest(provider, changed));
  }

  function chunksWith(key: CryptKey | undefined) {
    return (blobs: BlobSource, expected: ExpectedEncryption): ChunkSource =>
      decoded(blobs, decodeChunkWith(provider, { sizeMax: CHUNK_BYTES_MAX, key }), { expected });
  }

  function viewOf(kind: "folder" | "server", { key, ...rest }: ReaderOptions): DatastoreView {
    const parts = { provider, key, chunksOf: chunksWith(key), ...rest };
    return kind === "folder"
      ? new FolderDatastoreView({ folder: store, ...parts })
      : new RemoteDatastoreView({
          server: client,
          reconnect: { totalMs: 100, delayMs: 10, delayMsMax: 10 },
          requestTimeoutMs: 5_000,
          ...parts,
        });
  }

  for (const kind of ["folder", "server"] as const) {
    describe(`read from a ${kind}`, () => {
      async function open(group: string, options: ReaderOptions): Promise<OpenSnapshot> {
        const key = { namespace: "", type: "host", id: group, timeSec: parseTimeText(TIME) };
        return await viewOf(kind, options).openSnapshot(key);
      }

      async function failureOf(group: string, options: ReaderOptions = { key: knownKey }) {
        return codes(await rejection(open(group, options)));
      }

      async function chunkFailure(
        tamper: (first: Digest, second: Digest) => void,
      ): Promise<string[]> {
        const opened = await open("golden-encrypted", { key: knownKey });
        const index = parseDynamicIndex(await opened.readIndex(STREAM));
        const [first, second] = [index.digestAt(0), index.digestAt(1)];
        const before = readFileSync(chunkPath(first));
        try {
          tamper(first, second);
          return codes(await rejection(opened.chunks.readChunk(first)));
        } finally {
          writeFileSync(chunkPath(first), before);
          await opened.close();
        }
      }

      it("opens the untouched snapshot with its key", async () => {
        const opened = await open("golden-encrypted", { key: knownKey });

        const index = parseDynamicIndex(await opened.readIndex(STREAM));
        const chunk = await opened.chunks.readChunk(index.digestAt(0));

        expect(chunk).to.have.length(index.endOf(0));
        await opened.close();
      });

      it("refuses archives and blobs without a key, and names the key", async () => {
        const opened = await open("golden-encrypted", {});

        const archive = await rejection(opened.readIndex(STREAM));
        const blob = await rejection(opened.readBlob("test.conf.blob"));

        for (const error of [archive, blob]) {
          expect(codes(error)).to.deep.equal(["FORMAT_KEY_REQUIRED"]);
          expect((error as Error).message).to.include("0e:ab:d4:46:0b:6e:b9:ca");
        }
        await opened.close();
      });

      it("refuses another key, and names both", async () => {
        const error = await rejection(open("golden-encrypted", { key: otherKey }));

        expect(codes(error)).to.deep.equal(["FORMAT_WRONG_KEY"]);
        expect((error as Error).message).to.include("0e:ab:d4:46:0b:6e:b9:ca");
      });

      for (const [what, change] of [
        ["a file's checksum", (file) => ({ ...file, csum: "0".repeat(64) })],
        ["a file's mode", (file) => ({ ...file, cryptMode: "none" })],
        ["a file's size", (file) => ({ ...file, size: file.size + 1 })],
      ] as readonly [string, (file: Manifest["files"][number]) => Manifest["files"][number]][]) {
        it(`refuses a manifest in which ${what} was changed`, async () => {
          const group = copyOf("golden-encrypted", `changed-${kind}-${what.length}`);
          changeManifest(group, (manifest) => ({
            ...manifest,
            files: manifest.files.map(change),
          }));

          expect(await failureOf(group)).to.deep.equal(["FORMAT_BAD_SIGNATURE"]);
        });
      }

      it("refuses an encrypted snapshot whose signature was taken away", async () => {
        const group = copyOf("golden-encrypted", `stripped-${kind}`);
        changeManifest(group, ({ signature: _, ...manifest }) => manifest);

        expect(await failureOf(group)).to.deep.equal(["FORMAT_NOT_SIGNED"]);
      });

      it("refuses the manifest of another group", async () => {
        const group = copyOf("golden-encrypted", `replayed-${kind}`);

        expect(await failureOf(group)).to.deep.equal(["FORMAT_OTHER_SNAPSHOT"]);
      });

      it("refuses the manifest of another time of the same group", async () => {
        const group = copyOf("golden-encrypted", `later-${kind}`);
        renameSync(at(group), at(group, "", "2024-06-06T00:00:00Z"));
        const id = { namespace: "", type: "host", id: group };

        const opened = viewOf(kind, { key: knownKey }).openSnapshot({
          ...id,
          timeSec: parseTimeText("2024-06-06T00:00:00Z"),
        });

        expect(codes(await rejection(opened))).to.deep.equal(["FORMAT_OTHER_SNAPSHOT"]);
      });

      it("says when an encrypted snapshot was replaced by one that nobody signed", async () => {
        const group = copyOf("golden-plain", `downgraded-${kind}`);
        let told = 0;

        const opened = await open(group, { key: knownKey, onUnsigned: () => told++ });
        await opened.close();
        await (await open(group, { onUnsigned: () => told++ })).close();

        expect(told).to.equal(1);
        expect(await failureOf(group, { key: knownKey, unsigned: "refused" })).to.deep.equal([
          "FORMAT_NOT_SIGNED",
        ]);
      });

      it("refuses an index and a blob that are not those of the manifest", async () => {
        const opened = await open("golden-encrypted", { key: knownKey });
        for (const name of [STREAM, "test.conf.blob"]) {
          const path = at("golden-encrypted", name);
          const before = readFileSync(path);
          copyFileSync(at("golden-plain", name), path);
          try {
            const reading = name === STREAM ? opened.readIndex(name) : opened.readBlob(name);
            expect(codes(await rejection(reading)), name).to.deep.equal(["FORMAT_NOT_AS_LISTED"]);
          } finally {
            writeFileSync(path, before);
          }
        }
        await opened.close();
      });

      it("refuses a chunk under the name of another", async () => {
        const found = await chunkFailure((first, second) => {
          copyFileSync(chunkPath(second), chunkPath(first));
        });

        expect(found).to.deep.equal(["CHUNK_CORRUPT", "FORMAT_OTHER_CHUNK"]);
      });

      it("refuses an unencrypted chunk in an encrypted archive", async () => {
        const found = await chunkFailure((first) => {
          const forged = encodeBlob(provider, Buffer.from("forged"), { compress: false });
          writeFileSync(chunkPath(first), forged);
        });

        expect(found).to.deep.equal(["CHUNK_CORRUPT", "FORMAT_OTHER_ENCRYPTION"]);
      });

      it("refuses a chunk that was changed after encryption", async () => {
        const found = await chunkFailure((first) => {
          const blob = Buffer.from(readFileSync(chunkPath(first)));
          blob[20] = (blob[20] ?? 0) ^ 1; // In the initialisation vector, which no checksum covers.
          writeFileSync(chunkPath(first), blob);
        });

        expect(found).to.deep.equal(["CHUNK_CORRUPT", "FORMAT_NOT_AUTHENTIC"]);
      });

      it("refuses a chunk of another key", async () => {
        const found = await chunkFailure((first) => {
          const plain = Buffer.from("made by someone else");
          writeFileSync(
            chunkPath(first),
            encodeBlob(provider, plain, { compress: false, key: otherKey }),
          );
        });

        expect(found).to.deep.equal(["CHUNK_CORRUPT", "FORMAT_NOT_AUTHENTIC"]);
      });
    });
  }
});
