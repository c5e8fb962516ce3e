/** A snapshot of very many files that were never on a disk: its archive is encoded from a tree that is computed. */
import { systemClock } from "../src/format/clock.ts";
import { type ByteSink } from "../src/format/bytes/byte-sink.ts";
import { BuzhashChunker } from "../src/format/chunk/buzhash-chunker.ts";
import { createNativeProvider } from "../src/format/crypto/native-provider.ts";
import { DynamicIndexBuilder } from "../src/format/index/dynamic-index.ts";
import { type ManifestFile } from "../src/format/manifest/manifest.ts";
import { PxarEncoder } from "../src/format/pxar/encoder.ts";
import { parseArchiveName } from "../src/format/snapshot/archive-name.ts";
import { type SnapshotId } from "../src/format/snapshot/snapshot-id.ts";
import { inlineChunkVerifier } from "../src/server/store/accepted-blob.ts";
import { type BackupTarget } from "../src/server/store/backup-target.ts";
import { Datastore } from "../src/server/store/datastore.ts";
import { LocalBackend } from "../src/server/store/local-backend.ts";
import { begin, chunkOf, putManifest } from "../test/support/make-backup.ts";
import { metadataOf } from "../test/support/pxar-fixtures.ts";

/** Files in one directory, and directories in the root: as in many-files.ts. */
export const FILES_PER_FOLDER = 200;
export const TOP_FOLDERS = 97;

/** Average lengths of chunks: of content, and what this program and others make of metadata. */
const CONTENT_CHUNK_BYTES = 4 * 2 ** 20;
export const METADATA_CHUNK_BYTES = { short: 512 * 1024, long: 4 * 2 ** 20 } as const;
const BLOCK_BYTES = 2 ** 20;
const codec = createNativeProvider();

/** Cuts a stream into chunks and stores them: what is full waits until {@link ChunkedUpload.drain} is called. */
class ChunkedUpload implements ByteSink {
  readonly #chunker: BuzhashChunker;
  readonly #index = new DynamicIndexBuilder(codec);
  readonly #target: BackupTarget;
  readonly #id: number;
  readonly #name: string;
  #block = new Uint8Array(BLOCK_BYTES);
  #filled = 0;
  #pieces: Uint8Array[] = [];
  #chunks: Uint8Array[] = [];
  position = 0;

  constructor(target: BackupTarget, name: string, id: number, averageBytes: number) {
    this.#chunker = new BuzhashChunker({ averageBytes });
    this.#target = target;
    this.#name = name;
    this.#id = id;
  }

  static async start(
    target: BackupTarget,
    name: string,
    averageBytes: number,
  ): Promise<ChunkedUpload> {
    const id = await target.createDynamicWriter(parseArchiveName(name));
    return new ChunkedUpload(target, name, id, averageBytes);
  }

  write(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > BLOCK_BYTES) this.#scan();
    this.#block.set(bytes, this.#filled);
    this.#filled += bytes.length;
    this.position += bytes.length;
  }

  async drain(): Promise<void> {
    for (const plain of this.#chunks.splice(0)) {
      const { digest, size, body } = chunkOf(plain);
      const chunk = { writer: "dynamic", writerId: this.#id, digest, size, body } as const;
      await this.#target.uploadChunk(chunk);
      await this.#target.append("dynamic", this.#id, [digest], [this.#index.size]);
      this.#index.append(size, digest);
    }
  }

  async finish(): Promise<ManifestFile> {
    this.#scan();
    this.#cut();
    await this.drain();
    const index = this.#index;
    const claim = { chunkCount: index.count, size: index.size, csum: index.csum() };
    await this.#target.close("dynamic", this.#id, claim);
    const { size, csum } = claim;
    return { filename: parseArchiveName(this.#name), cryptMode: "none", size, csum };
  }

  #scan(): void {
    let rest = this.#block.subarray(0, this.#filled);
    while (rest.length > 0) {
      const cut = this.#chunker.scan(rest);
      this.#pieces.push(rest.slice(0, cut > 0 ? cut : rest.length));
      if (cut > 0) this.#cut();
      rest = cut > 0 ? rest.subarray(cut) : rest.subarray(rest.length);
    }
    this.#filled = 0;
  }

  #cut(): void {
    if (this.#pieces.length > 0) this.#chunks.push(Buffer.concat(this.#pieces));
    this.#pieces = [];
  }
}

/** Numbers that look random, the same every time. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
}

const text = new TextEncoder();

/**
 * Puts a snapshot with an archive `tree.pxar` of `fileCount` files, a tenth of them with content, into a datastore's folder.
 *
 * Every hundredth directory has a file with a second name. Times of modification differ, as they do in real trees.
 */
export async function makeSyntheticSnapshot(
  base: string,
  snapshot: SnapshotId,
  fileCount: number,
  metadataChunkBytes: number,
): Promise<void> {
  const backend = await LocalBackend.open(base, { access: "read-write", clock: systemClock });
  const verifier = inlineChunkVerifier(codec);
  const parts = { name: "bench", clock: systemClock, codec, verifier, syncLevel: "none" } as const;
  await using store = new Datastore(backend, parts);
  await using target = await begin(store, snapshot);
  const metadata = await ChunkedUpload.start(target, "tree.mpxar.didx", metadataChunkBytes);
  const payload = await ChunkedUpload.start(target, "tree.ppxar.didx", CONTENT_CHUNK_BYTES);
  const encoder = new PxarEncoder({ metadata, payload });
  const random = pseudoRandom(fileCount);
  const directory = (): ReturnType<typeof metadataOf> =>
    metadataOf({ mode: 0o40755, mtimeSec: 1_700_000_000 + (random() % 10_000_000) });
  encoder.startRoot(directory());
  const folderCount = Math.ceil(fileCount / FILES_PER_FOLDER);
  let left = fileCount;
  for (let top = 0; top < TOP_FOLDERS; top++) {
    const topName = String(top).padStart(2, "0");
    encoder.startDirectory(text.encode(topName), directory());
    for (let folder = top; folder < folderCount; folder += TOP_FOLDERS) {
      const folderName = String(folder).padStart(6, "0");
      encoder.startDirectory(text.encode(folderName), directory());
      let first = 0;
      for (let i = 0; i < FILES_PER_FOLDER && left > 0; i++, left--) {
        const content = i % 10 === 0 ? text.encode(`${folder} ${i}`) : new Uint8Array(0);
        const fileMetadata = metadataOf({
          mode: 0o100644,
          mtimeSec: 1_700_000_000 + (random() % 10_000_000),
          mtimeNanos: random() % 1_000_000_000,
        });
        const name = text.encode(`file-${String(i).padStart(4, "0")}.txt`);
        const offset = encoder.startFile(name, fileMetadata, content.length);
        payload.write(content);
        encoder.endFile();
        if (i === 0) first = offset;
      }
      if (folder % 100 === 0 && first !== 0) {
        const path = text.encode(`${topName}/${folderName}/file-0000.txt`);
        encoder.addHardLink(text.encode("link"), path, first);
      }
      encoder.endDirectory();
      await metadata.drain();
      await payload.drain();
    }
    encoder.endDirectory();
  }
  encoder.endDirectory();
  encoder.finish();
  await putManifest(target, [await metadata.finish(), await payload.finish()]);
  await target.finish();
}
