import { randomBytes } from "node:crypto";

import { expect } from "chai";

import { type Cut } from "../../../src/chunks/chunk-cutter.ts";
import { CodecPool } from "../../../src/chunks/codec-pool.ts";
import { SharedArena } from "../../../src/chunks/shared-arena.ts";
import { uploadCuts } from "../../../src/client/archive/upload-cuts.ts";
import { type ArchiveEntry } from "../../../src/client/session/archive-upload.ts";

const MIB = 1024 * 1024;
const COUNT = 20;
const CHUNK_BYTES = 4 * MIB;

/** Chunks of noise, in slots of an arena. */
async function* noise(arena: SharedArena): AsyncGenerator<Cut, void, void> {
  for (let i = 0; i < COUNT; i++) {
    const slot = await arena.acquireAsync();
    arena.view(slot, 0, CHUNK_BYTES).set(randomBytes(CHUNK_BYTES));
    yield { kind: "data", slot, size: CHUNK_BYTES, streamOffset: i * CHUNK_BYTES };
  }
}

/** An upload in which blobs are acknowledged when the test says so. */
class SlowUpload {
  readonly sizes: number[] = [];
  readonly #unsettled: { readonly size: number; readonly settle: () => void }[] = [];
  #onAdd: () => void = () => undefined;

  get unsettledBytes(): number {
    return this.#unsettled.reduce((sum, { size }) => sum + size, 0);
  }

  isKnown(): boolean {
    return false;
  }

  async add(entry: ArchiveEntry): Promise<void> {
    if (!("blob" in entry)) throw new TypeError("all chunks are new");
    const { length } = await entry.blob;
    this.sizes.push(entry.size);
    this.#unsettled.push({ size: length, settle: () => entry.onSettled?.() });
    this.#onAdd();
  }

  /** Resolves when the next blob has been added. */
  async added(): Promise<void> {
    await new Promise<void>((resolve) => (this.#onAdd = resolve));
  }

  settleOldest(): void {
    this.#unsettled.shift()?.settle();
  }
}

describe("client/archive/upload-cuts", () => {
  it("hands over blobs as others are acknowledged, so that few are in memory at a time", async () => {
    const arena = SharedArena.create({ slotCount: 2, slotBytes: CHUNK_BYTES });
    const upload = new SlowUpload();
    await using pool = CodecPool.create({ workerCount: 1 });
    let peakBytes = 0;

    const uploaded = uploadCuts(noise(arena), { arena, pool, upload, expected: "new" });
    while (upload.sizes.length < COUNT) {
      const added = upload.added();
      if (upload.unsettledBytes + CHUNK_BYTES > 24 * MIB) upload.settleOldest();
      await added;
      peakBytes = Math.max(peakBytes, upload.unsettledBytes);
    }
    await uploaded;

    expect(upload.sizes).to.deep.equal(Array.from({ length: COUNT }, () => CHUNK_BYTES));
    expect(peakBytes).to.be.within(16 * MIB, 24 * MIB);
  });
});
