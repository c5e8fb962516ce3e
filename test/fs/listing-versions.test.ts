import { expect } from "chai";

import { AnswerMemory, LISTING_MS } from "../../src/fs/answer-memory.ts";
import { type FsAnswers, type FsNeed } from "../../src/fs/fs-need.ts";
import { ListingVersions } from "../../src/fs/listing-versions.ts";

const INO = 7;
const group = { namespace: "", type: "host", id: "elsa" };
const snapshots: FsNeed & { kind: "snapshots" } = { kind: "snapshots", group };
const manifest: FsNeed & { kind: "open-snapshot" } = {
  kind: "open-snapshot",
  snapshot: { ...group, timeSec: 1 },
};

/** A memory in which the host has answered, and time that passes for it. */
function made(): {
  versions: ListingVersions;
  answer: (...times: readonly number[]) => void;
  pass: (ms: number) => void;
  list: (ino?: number) => FsAnswers["snapshots"];
  memory: AnswerMemory;
} {
  let passedMs = 0;
  const memory = new AnswerMemory({
    bytesMax: 100_000,
    host: { prefetch: () => undefined, giveBack: () => undefined },
    monotonicMs: () => passedMs,
  });
  const versions = new ListingVersions(memory);
  return {
    versions,
    memory,
    answer: (...times) => {
      memory.accept(
        snapshots,
        times.map((timeSec) => ({ timeSec, isFinished: true })),
      );
    },
    pass: (ms) => (passedMs += ms),
    list: (ino = INO) => versions.make(ino, ({ get }) => get(snapshots)),
  };
}

describe("fs/listing-versions", () => {
  it("keeps the number while what a listing was made from is fresh", () => {
    const { versions, answer, pass, list } = made();
    answer(1, 2);
    const before = versions.numberOf(INO);
    list();

    pass(LISTING_MS - 1);
    list();

    expect(versions.numberOf(INO)).to.equal(before);
  });

  it("gives another number once when that is old, asking nobody, and keeps it for the listing that comes then", () => {
    const { versions, answer, pass, list } = made();
    answer(1);
    list();
    const before = versions.numberOf(INO);
    pass(LISTING_MS);

    const noticed = versions.numberOf(INO);
    answer(1, 2);
    const unread = versions.numberOf(INO);
    list();

    expect(noticed).not.to.equal(before);
    expect([unread, versions.numberOf(INO)]).to.deep.equal([noticed, noticed]);
  });

  it("gives another number to a listing that is handed out before anybody has asked", () => {
    const { versions, answer, pass, list } = made();
    answer(1);
    list();
    const before = versions.numberOf(INO);
    pass(LISTING_MS);
    answer();

    list();

    expect(versions.numberOf(INO)).not.to.equal(before);
  });

  it("keeps the number of what cannot change", () => {
    const { versions, memory, pass } = made();
    memory.accept(manifest, { files: [], manifest: new Uint8Array(0) });
    versions.make(INO, ({ get }) => get(manifest));
    const before = versions.numberOf(INO);

    pass(LISTING_MS);
    memory.accept(manifest, { files: [], manifest: new Uint8Array(1) });

    expect(versions.numberOf(INO)).to.equal(before);
  });

  it("keeps the number of a directory nobody has listed, whatever becomes of others", () => {
    const { versions, answer, pass, list } = made();
    answer(1);
    list();
    const before = versions.numberOf(8);

    pass(LISTING_MS);
    versions.numberOf(INO);

    expect(versions.numberOf(8)).to.equal(before);
  });

  it("brings a directory that was forgotten back with another number", () => {
    const { versions, answer, list } = made();
    answer(1);
    list();
    const before = versions.numberOf(INO);

    versions.forget(INO);

    expect(versions.numberOf(INO)).not.to.equal(before);
  });
});
