import { expect } from "chai";
import fc from "fast-check";

import { ChunkError } from "../../src/chunks/chunk-error.ts";
import { CodecPool, type DecodeOptions } from "../../src/chunks/codec-pool.ts";
import { type CodecResult, type CodecTask } from "../../src/chunks/codec-task.ts";
import { CodecThread } from "../../src/chunks/codec-thread.ts";
import { decodeInPair, pairFor, type PairedDecode } from "../../src/chunks/decode-in-pair.ts";
import { FilledBytes } from "../../src/chunks/filled-bytes.ts";
import { encodeBlob } from "../../src/format/chunk/data-blob.ts";
import { chunkDigest, type Digest } from "../../src/format/chunk/digest.ts";
import { cryptKeyOf } from "../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { foxBytes, prngBytes } from "../support/golden-streams.ts";
import { rejection } from "../support/rejection.ts";

const provider = createNativeProvider();
const key = cryptKeyOf(
  provider,
  Uint8Array.from({ length: 32 }, (_, i) => i),
);
const MIB = 1024 * 1024;
const HEADER_BYTES = 12;

/** Words and noise in turn: blocks of all kinds, and nothing that is over at once. */
const plain = foxBytes(3 * MIB + 5);
for (let start = 0; start < plain.length; start += 300_000) {
  plain.set(prngBytes(start + 1, 100_000).subarray(0, plain.length - start), start);
}
const digest = chunkDigest(provider, plain);
const blob = encodeBlob(provider, plain, { compress: true });

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function changed(offset: number, bit = 1): Uint8Array {
  const copy = blob.slice();
  copy[offset] = (copy[offset] ?? 0) ^ bit;
  return copy;
}

function withBody(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = Buffer.concat([blob.subarray(0, HEADER_BYTES), ...parts]);
  new DataView(whole.buffer, whole.byteOffset).setUint32(
    8,
    provider.crc32(whole.subarray(HEADER_BYTES)),
    true,
  );
  return whole;
}

function frameOf(bytes: Uint8Array): Uint8Array {
  return provider.zstdCompress(bytes) ?? new Uint8Array(0);
}

describe("chunks/decode-in-pair", () => {
  let pool: CodecPool;
  let single: CodecPool;
  const ops: string[] = [];
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the thread it was called on
  const send = CodecThread.prototype.send;

  /** A pool whose threads run, which they are asked to show one by one. */
  async function runningPool(workerCount: number): Promise<CodecPool> {
    const made = CodecPool.create({ workerCount });
    const tasks = Array.from({ length: 2 * workerCount }, async () => await made.digest(plain));
    await Promise.all(tasks);
    return made;
  }

  before(async () => {
    CodecThread.prototype.send = function (this: CodecThread, task: CodecTask, options) {
      ops.push(task.op);
      send.call(this, task, options);
    };
    [pool, single] = await Promise.all([runningPool(2), runningPool(1)]);
  });
  after(async () => {
    CodecThread.prototype.send = send;
    await pool[Symbol.asyncDispose]();
    await single[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    ops.length = 0;
  });

  async function decode(
    by: CodecPool,
    bytes: Uint8Array,
    options: Partial<DecodeOptions> = {},
  ): Promise<Uint8Array> {
    const sizeMax = options.sizeMax ?? plain.length;
    const into = new Uint8Array(new SharedArrayBuffer(sizeMax + 7));
    const fixed = { digest, sizeMax, into, checksum: "left", threads: "two", ...options } as const;
    const decoded = await by.decode(shared(bytes), fixed);
    expect(decoded.size).to.equal(decoded.plain.length);
    expect(Buffer.compare(into.subarray(0, decoded.size), decoded.plain)).to.equal(0);
    return decoded.plain;
  }

  it("decompresses in one thread and hashes in the other, when both are idle", async () => {
    const decoded = await decode(pool, blob);

    expect(Buffer.compare(decoded, plain)).to.equal(0);
    expect(ops).to.deep.equal(["decodeAhead", "digestBehind"]);
  });

  it("decodes what is encrypted and compressed", async () => {
    const sealed = encodeBlob(provider, plain, { compress: true, key });
    const name = chunkDigest(provider, plain, key);

    const decoded = await decode(pool, sealed, { digest: name, key });

    expect(Buffer.compare(decoded, plain)).to.equal(0);
    expect(ops).to.deep.equal(["decodeAhead", "digestBehind"]);
  });

  it("does not use the key for the name of what is not encrypted", async () => {
    const decoded = await decode(pool, blob, { key });

    expect(Buffer.compare(decoded, plain)).to.equal(0);
    expect(ops).to.deep.equal(["decodeAhead", "digestBehind"]);
  });

  it("decodes frames that follow one another, and such as do not state their size", async () => {
    const zeros = new Uint8Array(4 * MIB);
    // 4 MiB of zeros in run-length blocks behind a header without a size: RFC 8878 §3.1.1.
    const block = (isLast: number): number[] => [0x02 + isLast, 0x00, 0x10, 0x00];
    const blocks = Array.from({ length: 32 }, (_, i) => block(i === 31 ? 1 : 0)).flat();
    const unsized = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x48, ...blocks]);
    const halves = [plain.subarray(0, MIB), plain.subarray(MIB)].map(frameOf);

    const joined = await decode(pool, withBody(...halves));
    const grown = await decode(pool, withBody(unsized), {
      digest: chunkDigest(provider, zeros),
      sizeMax: 5 * MIB,
    });

    expect(Buffer.compare(joined, plain)).to.equal(0);
    expect(Buffer.compare(grown, zeros)).to.equal(0);
    expect(ops).to.deep.equal(["decodeAhead", "digestBehind", "decodeAhead", "digestBehind"]);
  });

  it("leaves to one thread what is short, not compressed, not in shared memory, only to be verified or not urgent", async () => {
    const small = foxBytes(MIB - 1);
    const stored = encodeBlob(provider, plain, { compress: false });

    await decode(pool, encodeBlob(provider, small, { compress: true }), {
      digest: chunkDigest(provider, small),
      sizeMax: small.length,
    });
    await decode(pool, stored);
    const options = { digest, sizeMax: plain.length, threads: "two" } as const;
    await pool.decode(blob, options);
    await pool.decode(shared(blob), { ...options, wanted: "verify" });
    await pool.decode(shared(blob), { ...options, memory: "own" });
    await decode(pool, blob, { threads: "one" });

    expect(ops).to.deep.equal(new Array(6).fill("decode"));
  });

  it("gives each its own thread when several come at once, and all of them their bytes", async () => {
    const decoded = await Promise.all(
      Array.from({ length: 9 }, async () => await decode(pool, blob)),
    );

    expect(decoded.every((bytes) => Buffer.compare(bytes, plain) === 0)).to.equal(true);
    expect(ops.filter((op) => op === "decode")).to.have.lengthOf(8);
  });

  it("works again and again", async () => {
    for (let i = 0; i < 20; i++) {
      expect(Buffer.compare(await decode(pool, blob), plain)).to.equal(0);
    }

    expect(ops).to.have.lengthOf(40);
  });

  const damages: Record<string, readonly [Uint8Array, Partial<DecodeOptions>?]> = {
    "a wrong checksum, which must not be left": [changed(9), { checksum: "checked" }],
    "a changed magic number of the frame": [changed(HEADER_BYTES)],
    "a changed size in the frame's header": [changed(HEADER_BYTES + 6)],
    "a changed bit early in the frame": [changed(HEADER_BYTES + 200)],
    "a changed bit in the middle": [changed(blob.length >> 1)],
    "a changed bit at the end": [changed(blob.length - 1, 0x80)],
    "a missing end": [blob.subarray(0, -1)],
    "half of it": [blob.subarray(0, blob.length >> 1)],
    "half of it with the right checksum": [withBody(blob.subarray(HEADER_BYTES, blob.length >> 1))],
    "no frame": [withBody()],
    "a trailing byte": [withBody(blob.subarray(HEADER_BYTES), Uint8Array.of(0))],
    "a frame too many": [withBody(blob.subarray(HEADER_BYTES), frameOf(Uint8Array.of(1)))],
    "more than is allowed": [blob, { sizeMax: plain.length - 1 }],
    "more than is allowed, in a second frame": [
      withBody(frameOf(plain.subarray(0, MIB)), frameOf(plain.subarray(MIB))),
      { sizeMax: plain.length - 1 },
    ],
    "sound content of another chunk": [encodeBlob(provider, foxBytes(2 * MIB), { compress: true })],
    "content that ends early": [withBody(frameOf(plain.subarray(0, -1)))],
    "an encrypted blob without its key": [encodeBlob(provider, plain, { compress: true, key })],
    "an encrypted blob that was changed": [
      encodeBlob(provider, plain, { compress: true, key }).map((byte, i) =>
        i === 30 ? byte ^ 1 : byte,
      ),
      { key },
    ],
    "an encrypted blob under the name without key": [
      encodeBlob(provider, plain, { compress: true, key }),
      { key },
    ],
  };
  for (const [name, [damaged, options]] of Object.entries(damages)) {
    it(`fails as one thread does: ${name}`, async () => {
      const alone = await rejection(decode(single, damaged, options));
      ops.length = 0;

      const error = await rejection(decode(pool, damaged, options));

      expect(error).to.be.instanceOf(ChunkError);
      expect(error).to.deep.include({ code: (alone as ChunkError).code, digest });
      expect((error as ChunkError).message).to.equal((alone as ChunkError).message);
      expect((error as ChunkError).cause).to.deep.equal((alone as ChunkError).cause);
      expect(ops).to.deep.equal(["decodeAhead", "digestBehind", "decode"]);
    });
  }

  it("ends as one thread does, whatever bit is changed", async () => {
    const outcome = async (by: CodecPool, bytes: Uint8Array): Promise<unknown> =>
      await decode(by, bytes).then(
        (decoded) => Buffer.compare(decoded, plain),
        (error: unknown) => [(error as ChunkError).code, (error as ChunkError).cause],
      );
    const places = fc.record({ offset: fc.nat(blob.length - 1), bit: fc.nat(7) });
    await fc.assert(
      fc.asyncProperty(places, async ({ offset, bit }) => {
        const damaged = changed(offset, 1 << bit);

        const [pair, alone] = [await outcome(pool, damaged), await outcome(single, damaged)];

        expect(pair).to.deep.equal(alone);
      }),
      { numRuns: 60 },
    );
  });

  it("gives a reader content that has its digest, whatever the checksum beside it has become", async () => {
    expect(Buffer.compare(await decode(pool, changed(8)), plain)).to.equal(0);
    expect(ops).to.have.lengthOf(2);
  });

  it("drops a task that was aborted, once it is known that it would have to be done again", async () => {
    const stop = new AbortController();
    const failing = rejection(decode(pool, changed(500), { signal: stop.signal }));

    stop.abort(new Error("enough"));

    expect(await failing).to.have.property("message", "enough");
    expect(ops).to.deep.equal(["decodeAhead", "digestBehind"]);
  });

  it("rejects what a pair has not finished when the pool is closed, and ends", async () => {
    const closing = await runningPool(2);
    const [good, bad] = [blob, changed(500)].map(async (bytes) => {
      return await rejection(decode(closing, bytes));
    });

    await closing[Symbol.asyncDispose]();

    expect((await good)?.toString()).to.match(/Cannot finish the task/);
    expect((await bad)?.toString()).to.match(/Cannot finish the task/);
  });

  describe("when a thread dies", () => {
    let threads: readonly [CodecThread, CodecThread];

    async function digestIn(thread: CodecThread): Promise<CodecResult> {
      return await new Promise((resolve, reject) => {
        const task = { op: "digest", plain: Uint8Array.of(1), keyId: undefined } as const;
        thread.send(task, { key: undefined, transfer: [], waiter: { resolve, reject } });
      });
    }

    function pairOf(name: Digest): PairedDecode {
      const pair = pairFor(
        {
          op: "decode",
          blob: shared(blob),
          digest: name,
          sizeMax: plain.length,
          wanted: "plain",
          checksum: "left",
          into: new Uint8Array(new SharedArrayBuffer(plain.length)),
          keyId: undefined,
        },
        threads,
      );
      if (!pair) throw new Error("the threads do not run");
      return pair;
    }

    beforeEach(async () => {
      threads = [new CodecThread(() => undefined), new CodecThread(() => undefined)];
      await Promise.all(threads.map(digestIn));
    });
    afterEach(async () => {
      await Promise.all(threads.map((thread) => thread.stop()));
    });

    for (const [name, position] of [
      ["decompresses", 0],
      ["hashes", 1],
    ] as const) {
      it(`rejects the task of the one that ${name}, and the other goes on`, async () => {
        const other = threads[1 - position] ?? threads[0];
        const lost = rejection(decodeInPair(pairOf(digest), undefined));

        await threads[position].stop();

        expect((await lost)?.toString()).to.match(/its codec thread ended/);
        expect((await digestIn(other)).size).to.equal(1);
      });
    }

    it("ends also while it waits for the other", async () => {
      const filled = new FilledBytes();
      filled.grow(10);
      const waiting = new Promise((resolve, reject) => {
        threads[1].send(
          { op: "digestBehind", plain, filled: filled.memory, keyId: undefined },
          { key: undefined, transfer: [], waiter: { resolve, reject } },
        );
      });
      const lost = rejection(waiting);

      await threads[1].stop();

      expect((await lost)?.toString()).to.match(/its codec thread ended/);
    });

    it("makes no pair of threads that do not run", async () => {
      await threads[1].stop();

      expect(() => pairOf(digest)).to.throw("do not run");
    });
  });
});
