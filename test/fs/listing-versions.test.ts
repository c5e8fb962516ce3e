import { expect } from "chai";

import { NotResident } from "../../src/format/bytes/resident-source.ts";
import { AnswerMemory, LISTING_MS } from "../../src/fs/answer-memory.ts";
import { type FsAnswers, type FsNeed } from "../../src/fs/fs-need.ts";
import { ListingVersions } from "../../src/fs/listing-versions.ts";
import { thrown } from "../support/thrown.ts";

const INO = 7;
const group = { namespace: "", type: "host", id: "elsa" };
const snapshots: FsNeed & { kind: "snapshots" } = { kind: "snapshots", group };
const manifest: FsNeed & { kind: "open-snapshot" } = {
  kind: "open-snapshot",
  snapshot: { ...group, timeSec: 1 },
};

/** A memory in which the host has answered, and time that passes for it and for the clock. */
function made(): {
  versions: ListingVersions;
  answer: (...times: readonly number[]) => void;
  fail: () => void;
  pass: (ms: number) => void;
  list: () => FsAnswers["snapshots"];
  memory: AnswerMemory;
} {
  let passedMs = 0;
  const memory = new AnswerMemory({
    bytesMax: 100_000,
    host: { prefetch: () => undefined, giveBack: () => undefined },
    monotonicMs: () => passedMs,
  });
  const nowMs = (): number => 1_000_000 + passedMs;
  const clock = { nowMs, nowSec: () => Math.floor(nowMs() / 1000) };
  const versions = new ListingVersions(memory, clock);
  return {
    versions,
    memory,
    answer: (...times) => {
      memory.accept(
        snapshots,
        times.map((timeSec) => ({ timeSec, isFinished: true })),
      );
    },
    fail: () => {
      memory.accept(snapshots, new Error("connection refused"));
    },
    pass: (ms) => (passedMs += ms),
    list: () => versions.make(INO, ({ get }) => get(snapshots)),
  };
}

describe("fs/listing-versions", () => {
  it("knows of no change before there was one, however often the datastore says the same", () => {
    const { versions, answer, pass, list } = made();
    answer(1, 2);
    list();

    pass(LISTING_MS);
    answer(1, 2);

    expect(versions.reviewedChangedMs(INO)).to.equal(undefined);
    expect(list()).to.have.length(2);
    expect(versions.changedMs(INO)).to.equal(undefined);
  });

  it("dates a change to the review that notices it, and keeps the date when the new listing is handed out", () => {
    const { versions, answer, pass, list } = made();
    answer(1);
    list();
    pass(LISTING_MS);
    answer(1, 2);

    const noticed = versions.reviewedChangedMs(INO);
    pass(10);
    list();

    expect(noticed).to.equal(1_000_000 + LISTING_MS);
    expect(versions.reviewedChangedMs(INO)).to.equal(noticed);
  });

  it("dates a change to the listing that shows it, where no review came first", () => {
    const { versions, answer, pass, list } = made();
    answer(1);
    list();
    pass(LISTING_MS);
    answer();

    list();

    expect(versions.changedMs(INO)).to.equal(1_000_000 + LISTING_MS);
    expect(versions.reviewedChangedMs(INO)).to.equal(1_000_000 + LISTING_MS);
  });

  it("asks the datastore when what it knows is old", () => {
    const { versions, answer, pass, list } = made();
    answer(1);
    list();

    pass(LISTING_MS);

    expect(thrown(() => versions.reviewedChangedMs(INO))).to.be.instanceOf(NotResident);
  });

  it("takes a listing for unchanged while the datastore cannot be asked", () => {
    const { versions, answer, fail, pass, list } = made();
    answer(1);
    list();

    pass(LISTING_MS);
    fail();

    expect(versions.reviewedChangedMs(INO)).to.equal(undefined);
  });

  it("does not ask again for what cannot change", () => {
    const { versions, memory } = made();
    memory.accept(manifest, { files: [], manifest: new Uint8Array(0) });
    versions.make(INO, ({ get }) => get(manifest));
    memory.accept(manifest, { files: [], manifest: new Uint8Array(1) });

    expect(versions.reviewedChangedMs(INO)).to.equal(undefined);
  });

  it("forgets what the kernel has forgotten", () => {
    const { versions, answer, pass, list } = made();
    answer(1);
    list();
    pass(LISTING_MS);
    answer(2);
    list();

    versions.forget(INO);

    expect(versions.changedMs(INO)).to.equal(undefined);
  });
});
