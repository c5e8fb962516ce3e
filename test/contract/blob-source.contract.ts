import { expect } from "chai";
import { type BlobSource } from "../../src/chunks/blob-source.ts";
import { ChunkError } from "../../src/chunks/chunk-error.ts";
import { encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { chunkDigest, type Digest, parseDigest } from "../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { prng } from "../support/prng.ts";
import { rejection } from "../support/rejection.ts";

const provider = createNativeProvider();

/** Blobs of three chunks of different size and kind, by digest. */
export function sampleBlobs(): Map<Digest, Uint8Array> {
  return new Map(
    [prng(7, 1), prng(8, 70_000), new Uint8Array(50_000)].map((plain) => [
      chunkDigest(provider, plain),
      encodeBlob(provider, plain, { compress: true }),
    ]),
  );
}

/**
 * Declares what every {@link BlobSource} must do.
 *
 * @param make Gives a source that holds exactly these blobs; whatever it opens it closes by itself, after the suite.
 */
export function itIsABlobSource(
  make: (blobs: ReadonlyMap<Digest, Uint8Array>) => Promise<BlobSource> | BlobSource,
): void {
  const unknown = parseDigest("00".repeat(32));

  it("reads every blob it holds, byte by byte", async () => {
    const blobs = sampleBlobs();
    const source = await make(blobs);

    for (const [digest, blob] of blobs) {
      expect(new Uint8Array(await source.readBlob(digest))).to.deep.equal(blob);
    }
  });

  it("answers overlapping reads, also of one blob", async () => {
    const blobs = sampleBlobs();
    const source = await make(blobs);
    const digests = [...blobs.keys(), ...blobs.keys()];

    const read = await Promise.all(digests.map(async (digest) => await source.readBlob(digest)));

    for (const [i, digest] of digests.entries()) {
      expect(new Uint8Array(read[i]!)).to.deep.equal(blobs.get(digest));
    }
  });

  it("rejects with CHUNK_MISSING for a blob it does not hold, and goes on", async () => {
    const blobs = sampleBlobs();
    const source = await make(blobs);

    const error = await rejection(source.readBlob(unknown));

    expect(error).to.be.instanceOf(ChunkError);
    expect(error).to.deep.include({ code: "CHUNK_MISSING", digest: unknown });
    const [digest] = blobs.keys();
    expect(await source.readBlob(digest!)).to.have.length(blobs.get(digest!)!.length);
  });

  it("rejects with the signal's reason when that is aborted already", async () => {
    const blobs = sampleBlobs();
    const source = await make(blobs);
    const reason = new Error("changed my mind");
    const [digest] = blobs.keys();

    const error = await rejection(source.readBlob(digest!, { signal: AbortSignal.abort(reason) }));

    expect(error).to.equal(reason);
  });
}
