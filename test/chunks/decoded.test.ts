import { expect } from "chai";
import { ChunkError } from "../../src/chunks/chunk-error.ts";
import { decodeChunkWith, decoded, type ExpectedEncryption } from "../../src/chunks/decoded.ts";
import { encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { chunkDigest, type Digest } from "../../src/format/chunk/digest.ts";
import { cryptKeyOf } from "../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { FormatError } from "../../src/format/format-error.ts";
import { faulty } from "../support/faulty.ts";
import { MemoryBlobSource } from "../support/memory-blob-source.ts";
import { prng } from "../support/prng.ts";
import { rejection } from "../support/rejection.ts";

const provider = createNativeProvider();
const key = cryptKeyOf(provider, new Uint8Array(32).fill(7));
const plain = prng(9, 5000);
const plainDigest = chunkDigest(provider, plain);
const keyedDigest = chunkDigest(provider, plain, key);
const plainBlob = encodeBlob(provider, plain, { compress: true });
const encryptedBlob = encodeBlob(provider, plain, { compress: true, key });

function sourceOf(
  digest: Digest,
  blob: Uint8Array,
  expected: ExpectedEncryption = "either",
  withKey: typeof key | undefined = key,
) {
  const decode = decodeChunkWith(provider, { sizeMax: 10_000, key: withKey });
  return decoded(new MemoryBlobSource(new Map([[digest, blob]])), decode, { expected });
}

async function failure(...args: Parameters<typeof sourceOf>): Promise<ChunkError> {
  const error = await rejection(sourceOf(...args).readChunk(args[0]));
  expect(error).to.be.instanceOf(ChunkError);
  return error as ChunkError;
}

describe("chunks/decoded", () => {
  it("gives the plaintext of plain and encrypted blobs", async () => {
    expect(await sourceOf(plainDigest, plainBlob).readChunk(plainDigest)).to.deep.equal(plain);
    expect(await sourceOf(keyedDigest, encryptedBlob).readChunk(keyedDigest)).to.deep.equal(plain);
  });

  it("rejects with CHUNK_CORRUPT what is another chunk, or damaged, or too long", async () => {
    const other = prng(10, 5000);
    const damaged = plainBlob.slice();
    damaged[100] = damaged[100]! ^ 1;
    const long = new Uint8Array(10_001);
    const cases: [Digest, Uint8Array][] = [
      [plainDigest, encodeBlob(provider, other, { compress: true })],
      [plainDigest, damaged],
      [plainDigest, new Uint8Array(5)],
      [plainDigest, encryptedBlob], // Right content, but the digest of an encrypted chunk is keyed.
      [keyedDigest, plainBlob],
      [chunkDigest(provider, long), encodeBlob(provider, long, { compress: true })],
    ];
    for (const [digest, blob] of cases) {
      const error = await failure(digest, blob);

      expect(error).to.deep.include({ code: "CHUNK_CORRUPT", digest });
      expect(error.cause).to.be.instanceOf(FormatError);
    }
  });

  it("rejects with CHUNK_UNREADABLE when a key is needed and missing", async () => {
    const decode = decodeChunkWith(provider, { sizeMax: 10_000 });
    const blobs = new MemoryBlobSource(new Map([[keyedDigest, encryptedBlob]]));
    const source = decoded(blobs, decode, { expected: "either" });

    const error = await rejection(source.readChunk(keyedDigest));

    expect(error).to.have.property("code", "CHUNK_UNREADABLE");
    expect((error as ChunkError).cause).to.have.property("code", "FORMAT_KEY_REQUIRED");
  });

  it("rejects a plain chunk in an encrypted archive, and the reverse", async () => {
    expect(await failure(plainDigest, plainBlob, "encrypted")).to.have.property(
      "code",
      "CHUNK_CORRUPT",
    );
    expect(await failure(keyedDigest, encryptedBlob, "unencrypted")).to.have.property(
      "code",
      "CHUNK_CORRUPT",
    );
    for (const [digest, blob, expected] of [
      [plainDigest, plainBlob, "unencrypted"],
      [keyedDigest, encryptedBlob, "encrypted"],
    ] as const) {
      expect(await sourceOf(digest, blob, expected).readChunk(digest)).to.have.length(5000);
    }
  });

  it("passes errors of the source on as they are", async () => {
    const unreadable = new ChunkError("CHUNK_UNREADABLE", plainDigest);
    const reason = new Error("stop");
    const blobs = faulty(
      new MemoryBlobSource(new Map()),
      new Map([
        [0, { error: unreadable }],
        [1, { error: reason }],
      ]),
    );
    const decode = decodeChunkWith(provider, { sizeMax: 10_000 });
    const source = decoded(blobs, decode, { expected: "either" });

    expect(await rejection(source.readChunk(plainDigest))).to.equal(unreadable);
    expect(await rejection(source.readChunk(plainDigest))).to.equal(reason);
    expect(await rejection(source.readChunk(plainDigest))).to.have.property(
      "code",
      "CHUNK_MISSING",
    );
  });
});
