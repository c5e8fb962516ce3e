import { expect } from "chai";
import fc from "fast-check";
import { ChunkError } from "../../src/chunks/chunk-error.ts";
import { CodecPool } from "../../src/chunks/codec-pool.ts";
import { CodecThread } from "../../src/chunks/codec-thread.ts";
import { type CodecResult } from "../../src/chunks/codec-task.ts";
import { SharedArena } from "../../src/chunks/shared-arena.ts";
import { decodeBlob, encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { chunkDigest } from "../../src/format/chunk/digest.ts";
import { cryptKeyOf } from "../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { FormatError } from "../../src/format/format-error.ts";
import { foxBytes, prngBytes } from "../support/golden-streams.ts";

const provider = createNativeProvider();
const key = cryptKeyOf(
  provider,
  Uint8Array.from({ length: 32 }, (_, i) => i),
);
const sizeMax = 1024 * 1024;

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => "no failure",
    (error: unknown) => error,
  );
}

describe("chunks/codec-pool", () => {
  let pool: CodecPool;
  before(() => {
    pool = CodecPool.create({ workerCount: 2 });
  });
  after(async () => {
    await pool[Symbol.asyncDispose]();
  });

  it("works where it is asked until its threads run, when they start with the first work", async () => {
    await using later = CodecPool.create({ workerCount: 2, starts: "later" });
    const plain = prngBytes(3, 5000);

    const kept = encodeBlob(provider, plain, { compress: true, key });
    const digest = chunkDigest(provider, plain, key);
    const decoded: Uint8Array[] = [];
    // Threads take some 50 ms to start: the first are done without them, the last by them.
    for (let i = 0; i < 500; i++) {
      decoded.push((await later.decode(kept, { digest, sizeMax, key })).plain);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const failure = await failureOf(later.decode(kept.subarray(0, 40), { digest, sizeMax, key }));

    expect(decoded.every((bytes) => Buffer.compare(bytes, plain) === 0)).to.equal(true);
    expect(failure).to.be.instanceOf(ChunkError).with.property("code", "CHUNK_CORRUPT");
  });

  it("is told that there will be work before there is any, and no more once it is closed", async () => {
    const later = CodecPool.create({ workerCount: 2, starts: "later" });
    const plain = prngBytes(4, 5000);
    const threads = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
    const before = threads();

    later.start();
    later.start();
    const started = threads() - before;
    const digest = await later.digest(plain);
    await later[Symbol.asyncDispose]();
    later.start();

    expect(digest).to.equal(chunkDigest(provider, plain));
    expect([started, threads() - before]).to.deep.equal([2, 0]);
  });

  it("names and encodes what lies in a shared arena", async () => {
    const arena = SharedArena.create({ slotCount: 2, slotBytes: 64 * 1024 });
    const plain = arena.view(1, 10, 50_000);
    plain.set(foxBytes(50_000));

    const { digest, blob } = await pool.digestAndEncode(plain, { compress: true });

    expect(digest).to.equal(chunkDigest(provider, plain));
    expect(blob.length).to.be.lessThan(1000);
    expect(blob.byteLength).to.equal(blob.buffer.byteLength);
    expect(decodeBlob(provider, blob, { sizeMax, what: "blob" })).to.deep.equal(foxBytes(50_000));
  });

  it("uses the key for the digest and the blob", async () => {
    const plain = prngBytes(1, 3000);

    const digest = await pool.digest(plain, { key });
    const blob = await pool.encode(plain, { compress: true, key });

    expect(digest).to.equal(chunkDigest(provider, plain, key));
    expect(decodeBlob(provider, blob, { sizeMax, what: "blob", key })).to.deep.equal(plain);
  });

  it("copies plaintext that is not shared and leaves it alone", async () => {
    const whole = prngBytes(2, 10_000);
    const plain = whole.subarray(100, 200);

    const digest = await pool.digest(plain);

    expect(digest).to.equal(chunkDigest(provider, plain));
    expect(plain).to.have.lengthOf(100);
  });

  it("copies a Buffer, whose memory is shared with others, before it sends it", async () => {
    const plain = Buffer.from("a small buffer lies in a pool");
    const neighbour = Buffer.from("another");

    const digest = await pool.digest(plain, { key });
    const blob = Buffer.from(await pool.encode(plain, { compress: false, key }));
    const decoded = await pool.decode(blob, { digest, sizeMax, key, ownership: "given" });

    expect([plain, Buffer.from(decoded.plain)].map(String)).to.deep.equal([
      "a small buffer lies in a pool",
      "a small buffer lies in a pool",
    ]);
    expect(String(neighbour)).to.equal("another");
  });

  it("decodes what it encoded, many at a time", async () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 0, max: 9000 }).map((size) => new Uint8Array(size)),
      fc.integer({ min: 1, max: 9000 }).map((size) => prngBytes(size, size)),
    );
    const item = fc.record({ content, compress: fc.boolean(), withKey: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 20 }), async (items) => {
        const decoded = await Promise.all(
          items.map(async ({ content: plain, compress, withKey }) => {
            const options = { compress, key: withKey ? key : undefined };
            const { digest, blob } = await pool.digestAndEncode(plain, options);
            return await pool.decode(blob, { digest, sizeMax, key, ownership: "given" });
          }),
        );

        expect(decoded.map(({ plain }) => [...plain])).to.deep.equal(
          items.map(({ content: plain }) => [...plain]),
        );
      }),
      { numRuns: 40 },
    );
  });

  it("hands out plaintext in shared memory", async () => {
    const plain = prngBytes(3, 1000);
    const blob = encodeBlob(provider, plain, { compress: true });

    const decoded = await pool.decode(blob, { digest: chunkDigest(provider, plain), sizeMax });

    expect(decoded.plain.buffer).to.be.instanceOf(SharedArrayBuffer);
    expect([...decoded.plain]).to.deep.equal([...plain]);
    expect(blob.length).to.be.greaterThan(0);
  });

  it("verifies without passing the plaintext on", async () => {
    const plain = prngBytes(4, 1000);
    const blob = encodeBlob(provider, plain, { compress: false });

    const { plain: nothing, size } = await pool.decode(blob, {
      digest: chunkDigest(provider, plain),
      sizeMax,
      wanted: "verify",
    });

    expect([nothing.length, size]).to.deep.equal([0, 1000]);
  });

  it("moves a blob that was given, and copies one that was only lent", async () => {
    const plain = prngBytes(5, 1000);
    const digest = chunkDigest(provider, plain);
    const lent = encodeBlob(provider, plain, { compress: false });
    const given = lent.slice();
    const part = new Uint8Array(2000);
    part.set(lent, 7);

    await pool.decode(lent, { digest, sizeMax });
    await pool.decode(given, { digest, sizeMax, ownership: "given" });
    await pool.decode(part.subarray(7, 7 + lent.length), { digest, sizeMax, ownership: "given" });

    expect([lent.length, given.length, part.length]).to.deep.equal([1012, 0, 2000]);
  });

  const corruptions: Record<string, (blob: Uint8Array) => Uint8Array> = {
    "a changed byte": (blob) => blob.map((byte, i) => (i === 20 ? byte ^ 1 : byte)),
    "a missing end": (blob) => blob.subarray(0, -1),
    "an unknown magic number": (blob) => blob.map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
    "too few bytes for a header": (blob) => blob.subarray(0, 5),
    "other content": () => encodeBlob(provider, prngBytes(9, 50), { compress: false }),
  };
  for (const [name, corrupt] of Object.entries(corruptions)) {
    it(`rejects ${name} with CHUNK_CORRUPT and the reason as cause`, async () => {
      const plain = prngBytes(6, 1000);
      const digest = chunkDigest(provider, plain);
      const blob = corrupt(encodeBlob(provider, plain, { compress: false }));

      const error = await failureOf(pool.decode(blob, { digest, sizeMax }));

      expect(error).to.be.instanceOf(ChunkError).with.property("code", "CHUNK_CORRUPT");
      expect(error).to.have.property("digest", digest);
      expect((error as ChunkError).cause).to.be.instanceOf(FormatError);
      expect((error as ChunkError).cause)
        .to.have.property("message")
        .that.matches(new RegExp(`^Cannot read chunk ${digest}: [^C]`));
    });
  }

  it("gives a reader content that has its digest, whatever the checksum beside it has become", async () => {
    const plain = prngBytes(6, 1000);
    const digest = chunkDigest(provider, plain);
    for (const compress of [false, true]) {
      const blob = encodeBlob(provider, plain, { compress });
      blob[8] = 1 ^ (blob[8] ?? 0);

      const read = await pool.decode(blob, { digest, sizeMax, checksum: "left" });
      const judged = await failureOf(pool.decode(blob, { digest, sizeMax }));

      expect(Buffer.from(read.plain).equals(plain)).to.equal(true);
      expect((judged as ChunkError).cause).to.have.property("code", "FORMAT_BAD_CHECKSUM");
    }
  });

  it("names the checksum first when a reader's content is damaged", async () => {
    const plain = new Uint8Array(1000).fill(7);
    const digest = chunkDigest(provider, plain);
    for (const compress of [false, true]) {
      const blob = encodeBlob(provider, plain, { compress });
      blob[20] = 1 ^ (blob[20] ?? 0);

      const error = await failureOf(pool.decode(blob, { digest, sizeMax, checksum: "left" }));

      expect(error).to.have.property("code", "CHUNK_CORRUPT");
      expect((error as ChunkError).cause).to.have.property("code", "FORMAT_BAD_CHECKSUM");
    }
  });

  it("rejects more plaintext than allowed", async () => {
    const plain = new Uint8Array(1000);
    const digest = chunkDigest(provider, plain);
    const blob = encodeBlob(provider, plain, { compress: true });

    const error = await failureOf(pool.decode(blob, { digest, sizeMax: 999 }));

    expect(error).to.be.instanceOf(ChunkError).with.property("code", "CHUNK_CORRUPT");
    expect((error as ChunkError).cause).to.have.property("code", "FORMAT_OUT_OF_RANGE");
  });

  it("says that an encrypted blob cannot be read without a key, not that it is corrupt", async () => {
    const plain = prngBytes(7, 100);
    const blob = encodeBlob(provider, plain, { compress: false, key });

    const error = await failureOf(
      pool.decode(blob, { digest: chunkDigest(provider, plain, key), sizeMax }),
    );

    expect(error).to.be.instanceOf(ChunkError).with.property("code", "CHUNK_UNREADABLE");
    expect((error as ChunkError).cause).to.have.property("code", "FORMAT_KEY_REQUIRED");
  });

  it("drops a task that is aborted while it waits, and goes on", async () => {
    await using small = CodecPool.create({ workerCount: 1 });
    const stop = new AbortController();
    const plain = prngBytes(8, 100);
    const first = [1, 2].map(() => small.digest(plain));
    const dropped = small.digest(plain, { signal: stop.signal });
    const last = small.digest(plain);

    stop.abort("enough");

    expect(await failureOf(dropped)).to.equal("enough");
    expect(await Promise.all([...first, last])).to.have.lengthOf(3);
    expect(await failureOf(small.digest(plain, { signal: stop.signal }))).to.equal("enough");
  });

  it("works beside another pool in the same process", async () => {
    await using other = CodecPool.create({ workerCount: 2 });
    const plains = Array.from({ length: 40 }, (_, i) => prngBytes(i + 1, 20_000));

    const digests = await Promise.all(
      plains.flatMap((plain) => [pool.digest(plain, { key }), other.digest(plain, { key })]),
    );

    expect(digests).to.deep.equal(
      plains.flatMap((plain) => {
        const digest = chunkDigest(provider, plain, key);
        return [digest, digest];
      }),
    );
  });

  it("rejects what is not finished when it is closed", async () => {
    const closing = CodecPool.create({ workerCount: 1 });
    const tasks = [1, 2, 3, 4].map(() => failureOf(closing.digest(new Uint8Array(10))));

    await closing[Symbol.asyncDispose]();

    for (const error of await Promise.all(tasks)) expect(error).to.be.instanceOf(Error);
    expect(await failureOf(closing.digest(new Uint8Array(1)))).to.be.instanceOf(Error);
  });

  it("rejects the tasks of a thread that dies and starts another", async () => {
    const thread = new CodecThread(() => undefined);
    const digestInThread = async (): Promise<CodecResult> =>
      await new Promise((resolve, reject) => {
        thread.send(
          { op: "digest", plain: Uint8Array.of(1), keyId: undefined },
          { key: undefined, transfer: [], waiter: { resolve, reject } },
        );
      });
    const lost = failureOf(digestInThread());
    await thread.stop();

    const { digest } = await digestInThread();

    expect(await lost)
      .to.be.instanceOf(Error)
      .with.property("message")
      .that.includes("ended");
    expect(digest).to.equal(chunkDigest(provider, Uint8Array.of(1)));
    await thread.stop();
  });

  it("passes errors of our own making on as they are", async () => {
    const thread = new CodecThread(() => undefined);
    const wrong = new Promise((resolve, reject) => {
      thread.send(
        { op: "digest", plain: Uint8Array.of(1), keyId: 7 },
        { key: undefined, transfer: [], waiter: { resolve, reject } },
      );
    });

    expect(await failureOf(wrong)).to.be.instanceOf(TypeError);
    await thread.stop();
  });
});
