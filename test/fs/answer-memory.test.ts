import { expect } from "chai";

import { NotResident } from "../../src/format/bytes/resident-source.ts";
import { AnswerMemory } from "../../src/fs/answer-memory.ts";
import { type FsNeed } from "../../src/fs/fs-need.ts";
import { thrown } from "../support/thrown.ts";

const snapshot = { namespace: "", type: "host", id: "elsa", timeSec: 1 };
const chunk = (i: number): FsNeed & { kind: "chunk" } => ({
  kind: "chunk",
  snapshot,
  archive: "root.ppxar.didx",
  digest: String(i).padStart(64, "0"),
  size: 400,
  holds: "content",
});
const groups: FsNeed & { kind: "groups" } = { kind: "groups", namespace: "" };

function made(bytesMax = 1000): {
  memory: AnswerMemory;
  prefetched: FsNeed[];
  /** Loans that were given back. */
  returned: number[];
  pass: (ms: number) => void;
} {
  const prefetched: FsNeed[] = [];
  const returned: number[] = [];
  let nowMs = 0;
  const memory = new AnswerMemory({
    bytesMax,
    host: {
      prefetch: (need) => prefetched.push(need as FsNeed),
      giveBack: (loan) => returned.push(loan),
    },
    monotonicMs: () => nowMs,
  });
  return { memory, prefetched, returned, pass: (ms) => (nowMs += ms) };
}

describe("fs/answer-memory", () => {
  it("asks for what it does not have, and has it then", () => {
    const { memory } = made();

    const asked = thrown(() => memory.get(chunk(1)));
    memory.accept(chunk(1), { bytes: new Uint8Array(3) });

    expect(asked).to.be.instanceOf(NotResident).with.property("need").deep.equal(chunk(1));
    expect(memory.get(chunk(1)).bytes.length).to.equal(3);
  });

  it("fails with what the host failed with for a few seconds, and asks again then", () => {
    const { memory, pass } = made();
    memory.accept(chunk(1), new Error("connection refused"));

    const atOnce = thrown(() => memory.get(chunk(1)));
    pass(5000);
    const later = thrown(() => memory.get(chunk(1)));

    expect(atOnce).to.have.property("code", "EIO");
    expect((atOnce as Error).cause).to.have.property("message", "connection refused");
    expect(later).to.be.instanceOf(NotResident);
  });

  it("asks soon again for what could only not be reached", () => {
    const { memory, pass } = made();
    const cause = Object.assign(new Error("the server is away"), { code: "SESSION_UNREACHABLE" });
    memory.accept(chunk(1), new Error("unreadable", { cause }));

    const atOnce = thrown(() => memory.get(chunk(1)));
    pass(300);
    const soon = thrown(() => memory.get(chunk(1)));

    expect(atOnce).to.have.property("code", "EIO");
    expect(soon).to.be.instanceOf(NotResident);
  });

  it("says EACCES where a key is missing, however deep that lies in the causes", () => {
    const { memory } = made();
    const cause = Object.assign(new Error("encrypted"), { code: "FORMAT_KEY_REQUIRED" });
    memory.accept(chunk(1), new Error("unreadable", { cause: new Error("outer", { cause }) }));

    expect(thrown(() => memory.get(chunk(1)))).to.have.property("code", "EACCES");
  });

  it("asks for listings again after some seconds, for chunks never", () => {
    const { memory, pass } = made(100_000);
    memory.accept(groups, [{ type: "host", id: "elsa" }]);
    memory.accept(chunk(1), { bytes: new Uint8Array(3) });

    pass(60_000);

    expect(thrown(() => memory.get(groups))).to.be.instanceOf(NotResident);
    expect(memory.get(chunk(1)).bytes.length).to.equal(3);
  });

  it("keeps no more bytes than it may, what was used last above all", () => {
    const { memory } = made(1500);
    for (const i of [1, 2]) memory.accept(chunk(i), { bytes: new Uint8Array(400) });
    memory.get(chunk(1));

    memory.accept(chunk(3), { bytes: new Uint8Array(400) });

    expect(memory.get(chunk(1)).bytes.length).to.equal(400);
    expect(thrown(() => memory.get(chunk(2)))).to.be.instanceOf(NotResident);
  });

  it("keeps two of the longest chunks of trees beside the others, and more of them only while they are short", () => {
    const mebibyte = 1024 * 1024;
    const { memory } = made(64 * mebibyte);
    const treeChunk = (i: number): FsNeed => ({ ...chunk(i), holds: "tree" });
    const accept = (i: number, mebibytes: number): void => {
      memory.accept(treeChunk(i), { bytes: new Uint8Array(mebibytes * mebibyte) });
    };
    const kept = (): number[] =>
      [1, 2, 3, 4, 5, 6].filter((i) => memory.peek(treeChunk(i)) !== undefined);
    memory.accept(chunk(0), { bytes: new Uint8Array(400) });
    for (const i of [1, 2, 3]) accept(i, 5);
    memory.get(treeChunk(1));

    accept(4, 5);
    const whileShort = kept();
    for (const i of [5, 6]) accept(i, 15);

    expect(whileShort).to.deep.equal([1, 3, 4]);
    expect(kept()).to.deep.equal([5, 6]);
    expect(memory.peek(chunk(0))).to.not.equal(undefined);
  });

  it("gives lent memory back when a chunk is dropped, replaced or too long to be kept", () => {
    const { memory, returned } = made(1500);
    memory.accept(chunk(1), { bytes: new Uint8Array(400), loan: 1 });
    const held = memory.get(chunk(1));

    memory.accept(chunk(1), { bytes: new Uint8Array(400), loan: 2 });
    memory.accept(chunk(2), { bytes: new Uint8Array(2000), loan: 3 });
    for (const i of [3, 4]) memory.accept(chunk(i), { bytes: new Uint8Array(400), loan: 10 * i });

    expect(returned).to.deep.equal([1, 3, 2]);
    expect(held.isDropped).to.equal(true);
    expect(held.bytes).to.have.lengthOf(0);
  });

  it("asks ahead once for what is neither there nor under way nor failing", () => {
    const { memory, prefetched } = made();
    memory.accept(chunk(1), { bytes: new Uint8Array(3) });
    memory.accept(chunk(2), new Error("missing"));

    for (const i of [1, 2, 3, 3]) memory.prefetch(chunk(i));

    expect(prefetched).to.deep.equal([chunk(3)]);
  });
});
