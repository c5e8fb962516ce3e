import { createHash } from "node:crypto";

import { expect } from "chai";
import fc from "fast-check";

import { ArchiveUpload, type ArchiveWriter } from "../../../src/client/session/archive-upload.ts";
import { ChunkUploads } from "../../../src/client/session/chunk-uploads.ts";
import { KnownChunks } from "../../../src/client/session/known-chunks.ts";
import { type Digest, parseDigest } from "../../../src/format/chunk/digest.ts";
import { rejection } from "../../support/rejection.ts";

function digestOf(text: string): Digest {
  return parseDigest(createHash("sha256").update(text).digest("hex"));
}

/** A server that checks the rules of appends: known chunks only, in order, one request at a time. */
class CheckingWriter implements ArchiveWriter {
  readonly kind: "dynamic" | "fixed";
  readonly known: Set<Digest>;
  readonly appends: number[] = [];
  readonly sizes = new Map<Digest, number>();
  readonly sent: Digest[] = [];
  order: Digest[] = [];
  offset = 0;
  inFlight = 0;
  inFlightMax = 0;
  closed: unknown[] | undefined;
  #isAppending = false;
  readonly #delay: () => Promise<void>;

  constructor(kind: "dynamic" | "fixed", known: Iterable<Digest>, delay: () => Promise<void>) {
    this.kind = kind;
    this.known = new Set(known);
    this.#delay = delay;
  }

  sendChunk = async (digest: Digest, size: number, blob: Uint8Array): Promise<void> => {
    expect(blob.length).to.be.greaterThan(0);
    this.inFlight += 1;
    this.inFlightMax = Math.max(this.inFlight, this.inFlightMax);
    await this.#delay();
    this.inFlight -= 1;
    this.sent.push(digest);
    this.sizes.set(digest, size);
    this.known.add(digest);
  };

  async append(digests: readonly Digest[], offsets: readonly number[]): Promise<void> {
    expect(this.#isAppending, "two appends at once").to.equal(false);
    this.#isAppending = true;
    await this.#delay();
    for (const [i, digest] of digests.entries()) {
      expect(this.known.has(digest), "append before the chunk").to.equal(true);
      expect(offsets[i]).to.equal(this.offset);
      this.offset += this.sizes.get(digest) ?? 0;
      this.order.push(digest);
    }
    this.appends.push(digests.length);
    this.#isAppending = false;
  }

  async close(...args: unknown[]): Promise<void> {
    this.closed = args;
    await Promise.resolve();
  }
}

const atOnce = async (): Promise<void> => {
  await Promise.resolve();
};

describe("client/session/archive-upload", () => {
  it("appends each chunk in order, after its upload, whatever the speed of the server", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(20), fc.boolean()), { minLength: 1, maxLength: 300 }),
        fc.infiniteStream(fc.nat(3)),
        async (items, delays) => {
          const delay = async (): Promise<void> => {
            for (let turns = delays.next().value as number; turns > 0; turns--) {
              await new Promise((resolve) => setImmediate(resolve));
            }
          };
          const known = new KnownChunks();
          const writer = new CheckingWriter("dynamic", [], delay);
          const upload = new ArchiveUpload(writer, new ChunkUploads(known));
          const expected: Digest[] = [];
          let settled = 0;
          let handedIn = 0;
          for (const [content, isPromise] of items) {
            const digest = digestOf(String(content));
            const size = content + 1;
            expected.push(digest);
            if (upload.isKnown(digest)) {
              await upload.add({ digest, size });
              continue;
            }
            handedIn += 1;
            const blob = new Uint8Array(5);
            await upload.add({
              digest,
              size,
              blob: isPromise ? delay().then(() => blob) : blob,
              onSettled: () => (settled += 1),
            });
          }

          const result = await upload.close();

          expect(writer.order).to.deep.equal(expected);
          expect(new Set(writer.sent).size).to.equal(writer.sent.length);
          expect(settled).to.equal(handedIn);
          expect(result.size).to.equal(writer.offset);
          expect(writer.closed).to.deep.equal([items.length, result.size, result.csum]);
          expect(result.stats.uploadedCount).to.equal(writer.sent.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("computes the checksum of the transcript's dynamic index", async () => {
    // Spec backup-protocol.md §7.
    const a = parseDigest("6d1cf22d7cc09b085dfc25ee1a1f3ae0265804c607bc2074ad253bcc82fd81ee");
    const b = parseDigest("80109cef4a7d11b3740ca1c72c987bea624c6117f9d1411ba629874592d1660b");
    const writer = new CheckingWriter("dynamic", [], atOnce);
    const upload = new ArchiveUpload(writer, new ChunkUploads(new KnownChunks()));
    await upload.add({ digest: a, size: 100_000, blob: new Uint8Array(1) });
    await upload.add({ digest: b, size: 50_000, blob: new Uint8Array(1) });

    const { csum } = await upload.close();

    expect(csum).to.equal("e378df59e4ca9b087e6fd535048950466d2ffba7d2a619c2f0542d32c0d00ba9");
  });

  it("computes the checksum of the transcript's fixed index", async () => {
    const z = parseDigest("bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8");
    const c = parseDigest("f03752e3f29c4db81cb1cb7d4c791bed8785e161d2447ccaa9a49f5c2bc38d06");
    const writer = new CheckingWriter("fixed", [], atOnce);
    const upload = new ArchiveUpload(writer, new ChunkUploads(new KnownChunks()));
    await upload.add({ digest: z, size: 4_194_304, blob: new Uint8Array(1) });
    await upload.add({ digest: c, size: 1024, blob: new Uint8Array(1) });

    const { csum } = await upload.close();

    expect(csum).to.equal("ab154b7f8b82f9293976f989a39231631a3c86a368822d11cabc326c98f1570e");
  });

  it("merges the appends of known chunks", async () => {
    const known = new KnownChunks();
    const digests = Array.from({ length: 1000 }, (_, i) => digestOf(String(i)));
    for (const digest of digests) known.add(digest);
    const writer = new CheckingWriter("dynamic", digests, atOnce);
    for (const digest of digests) writer.sizes.set(digest, 1);
    const upload = new ArchiveUpload(writer, new ChunkUploads(known));

    for (const digest of digests) await upload.add({ digest, size: 1 });
    await upload.close();

    expect(writer.appends.length).to.be.lessThan(20);
    expect(Math.max(...writer.appends)).to.be.at.most(128);
  });

  it("makes the caller wait while too many new chunks are on their way", async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const writer = new CheckingWriter("dynamic", [], async () => {
      await gate;
    });
    const upload = new ArchiveUpload(writer, new ChunkUploads(new KnownChunks()));
    let added = 0;

    const producer = (async () => {
      for (let i = 0; i < 100; i++) {
        await upload.add({ digest: digestOf(String(i)), size: 1, blob: new Uint8Array(1) });
        added += 1;
      }
    })();
    await new Promise((resolve) => setImmediate(resolve));
    const addedWhileStuck = added;
    release();
    await producer;
    await upload.close();

    expect(addedWhileStuck).to.be.lessThan(33);
    expect(writer.inFlightMax).to.be.at.most(16);
  });

  it("fails every call after the first failure of an upload", async () => {
    const writer = new CheckingWriter("dynamic", [], async () => {
      await Promise.resolve();
      throw new Error("disk full");
    });
    const upload = new ArchiveUpload(writer, new ChunkUploads(new KnownChunks()));
    let settled = 0;
    await upload.add({
      digest: digestOf("a"),
      size: 1,
      blob: new Uint8Array(1),
      onSettled: () => (settled += 1),
    });

    expect(await rejection(upload.close())).to.have.property("message", "disk full");
    expect(await rejection(upload.close())).to.have.property("message", "disk full");
    expect(settled).to.equal(1);
  });

  it("fails when a blob cannot be made", async () => {
    const writer = new CheckingWriter("dynamic", [], atOnce);
    const upload = new ArchiveUpload(writer, new ChunkUploads(new KnownChunks()));
    const blob = Promise.reject(new Error("no memory"));
    await upload.add({ digest: digestOf("a"), size: 1, blob });

    expect(await rejection(upload.close())).to.have.property("message", "no memory");
  });

  it("sends a chunk once that two archives bring at the same time", async () => {
    const uploads = new ChunkUploads(new KnownChunks());
    const first = new CheckingWriter("dynamic", [], atOnce);
    const second = new CheckingWriter("dynamic", [digestOf("a")], atOnce);
    const entry = { digest: digestOf("a"), size: 1, blob: new Uint8Array(1) };
    const archives = [new ArchiveUpload(first, uploads), new ArchiveUpload(second, uploads)];

    await Promise.all(archives.map((archive) => archive.add(entry)));
    await Promise.all(archives.map((archive) => archive.close()));

    expect([first.sent.length, second.sent.length]).to.deep.equal([1, 0]);
  });
});
