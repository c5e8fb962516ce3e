import { createHash } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";

import { expect } from "chai";

import { type BlobSource } from "../../src/chunks/blob-source.ts";
import { ChunkError } from "../../src/chunks/chunk-error.ts";
import { type ChunkSource } from "../../src/chunks/chunk-source.ts";
import { type Digest, parseDigest } from "../../src/format/chunk/digest.ts";
import { DiskCache } from "../../src/fs/disk-cache.ts";
import { diskCached } from "../../src/fs/disk-cached.ts";
import { tempDir } from "../support/temp-dir.ts";

// Before the real time, by which files are dated: what is being written never looks abandoned.
const clock = { nowSec: () => 1_700_000_000, nowMs: () => 1_700_000_000_000 };

/** A blob that is its own plaintext. */
function blobOf(i: number): { blob: Uint8Array; digest: Digest } {
  const blob = Buffer.alloc(1000, `blob ${i} `);
  return { blob, digest: parseDigest(createHash("sha256").update(blob).digest("hex")) };
}

function proving(blobs: BlobSource): ChunkSource {
  return {
    readChunk: async (digest) => {
      const blob = await blobs.readBlob(digest);
      if (createHash("sha256").update(blob).digest("hex") !== digest) {
        throw new ChunkError("CHUNK_CORRUPT", digest);
      }
      return blob;
    },
  };
}

function countingSource(): BlobSource & { reads: number } {
  const blobs = new Map(Array.from({ length: 100 }, (_, i) => [blobOf(i).digest, blobOf(i).blob]));
  return {
    reads: 0,
    async readBlob(digest) {
      this.reads++;
      const blob = await Promise.resolve(blobs.get(digest));
      if (!blob) throw new ChunkError("CHUNK_MISSING", digest);
      return blob;
    },
  };
}

async function filesIn(folder: string): Promise<string[]> {
  const names = await fs.readdir(folder, { recursive: true });
  return names.map((name) => path.basename(name)).filter((name) => name.length > 2);
}

describe("fs/disk-cache", () => {
  it("keeps what was read, also for the next process", async () => {
    await using temp = await tempDir();
    const source = countingSource();
    const { digest, blob } = blobOf(1);
    for (let process = 0; process < 2; process++) {
      const cache = await DiskCache.open({ folder: temp.path, bytesMax: 10_000, clock });
      const chunks = diskCached({ blobs: source, cache, prove: proving });
      for (let i = 0; i < 3; i++) {
        expect(Buffer.compare(await chunks.readChunk(digest), blob)).to.equal(0);
        await cache.store(digest, blob);
      }
    }

    expect(source.reads).to.equal(1);
  });

  it("drops a damaged blob and reads it from the source again", async () => {
    await using temp = await tempDir();
    const source = countingSource();
    const { digest, blob } = blobOf(1);
    const cache = await DiskCache.open({ folder: temp.path, bytesMax: 10_000, clock });
    await cache.store(digest, blob);
    await fs.writeFile(path.join(temp.path, digest.slice(0, 2), digest), "damaged");
    const chunks = diskCached({ blobs: source, cache, prove: proving });

    const chunk = await chunks.readChunk(digest);

    expect(Buffer.compare(chunk, blob)).to.equal(0);
    expect(source.reads).to.equal(1);
  });

  it("never keeps what the source should not have sent", async () => {
    await using temp = await tempDir();
    const cache = await DiskCache.open({ folder: temp.path, bytesMax: 10_000, clock });
    const bad: BlobSource = { readBlob: async () => await Promise.resolve(Buffer.from("other")) };
    const chunks = diskCached({ blobs: bad, cache, prove: proving });

    await chunks.readChunk(blobOf(1).digest).catch(() => undefined);

    expect(await filesIn(temp.path)).to.deep.equal([]);
  });

  it("stays below its size, dropping what was not used for longest", async () => {
    await using temp = await tempDir();
    const cache = await DiskCache.open({ folder: temp.path, bytesMax: 10_000, clock });
    await cache.scanned;
    for (let i = 0; i < 10; i++) await cache.store(blobOf(i).digest, blobOf(i).blob);
    await cache.read(blobOf(0).digest);

    for (let i = 10; i < 15; i++) await cache.store(blobOf(i).digest, blobOf(i).blob);

    const kept = await filesIn(temp.path);
    expect(kept.length).to.be.at.most(10);
    expect(cache.keptBytes).to.be.at.most(10_000);
    expect(kept).to.include(blobOf(0).digest);
    expect(kept).not.to.include(blobOf(1).digest);
    expect(kept).to.include(blobOf(14).digest);
  });

  it("counts what an earlier process left, and removes what one that crashed was writing", async () => {
    await using temp = await tempDir();
    const before = await DiskCache.open({ folder: temp.path, bytesMax: 10_000, clock });
    await before.scanned; // It would take away what is made here, too.
    for (let i = 0; i < 8; i++) await before.store(blobOf(i).digest, blobOf(i).blob);
    await fs.writeFile(path.join(temp.path, "tmp-1-1"), "half a blo");
    await fs.utimes(path.join(temp.path, "tmp-1-1"), 1, 1);

    const cache = await DiskCache.open({ folder: temp.path, bytesMax: 10_000, clock });
    await cache.scanned;

    expect(cache.keptBytes).to.equal(8000);
    expect(await filesIn(temp.path)).not.to.include("tmp-1-1");
  });

  it("is as good as absent when its folder cannot be used", async () => {
    await using temp = await tempDir();
    const folder = path.join(temp.path, "cache");
    const cache = await DiskCache.open({ folder, bytesMax: 10_000, clock });
    await cache.scanned;
    await fs.rm(folder, { recursive: true });
    await fs.writeFile(folder, "a file instead");
    const source = countingSource();
    const chunks = diskCached({ blobs: source, cache, prove: proving });

    const chunk = await chunks.readChunk(blobOf(1).digest);
    await chunks.readChunk(blobOf(1).digest);

    expect(Buffer.compare(chunk, blobOf(1).blob)).to.equal(0);
    expect(source.reads).to.equal(2);
  });

  it("is readable by its owner only", async () => {
    await using temp = await tempDir();
    const folder = path.join(temp.path, "cache");
    const cache = await DiskCache.open({ folder, bytesMax: 10_000, clock });
    const { digest, blob } = blobOf(1);
    await cache.store(digest, blob);

    expect((await fs.stat(folder)).mode & 0o777).to.equal(0o700);
    expect((await fs.stat(path.join(folder, digest.slice(0, 2), digest))).mode & 0o777).to.equal(
      0o600,
    );
  });
});
