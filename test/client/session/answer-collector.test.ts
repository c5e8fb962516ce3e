import { expect } from "chai";

import { AnswerCollector, type AnswerHead } from "../../../src/client/session/answer-collector.ts";
import { prng } from "../../support/prng.ts";

const head = (status: number, length?: number): AnswerHead => ({
  status: String(status),
  contentLength: length === undefined ? undefined : String(length),
});

describe("client/session/answer-collector", () => {
  it("gathers in the memory that is offered, whether the length is told or not", () => {
    for (const length of [5, undefined]) {
      const memory = new Uint8Array(new SharedArrayBuffer(10), 2);
      const told: unknown[] = [];
      const answer = new AnswerCollector(100, (size) => {
        told.push(size);
        return memory;
      });

      answer.start(head(200, length));
      answer.add(Uint8Array.of(1, 2));
      answer.add(Uint8Array.of(3, 4, 5));

      expect(told).to.deep.equal([length]);
      expect(answer.bytes().buffer).to.equal(memory.buffer);
      expect([...answer.bytes()]).to.deep.equal([1, 2, 3, 4, 5]);
      expect(answer.isWhole()).to.equal(true);
    }
  });

  it("goes on elsewhere when the answer turns out to be longer than that memory", () => {
    const memory = new Uint8Array(3);
    const answer = new AnswerCollector(100, () => memory);

    answer.start(head(200));
    answer.add(Uint8Array.of(1, 2));
    answer.add(Uint8Array.of(3, 4));
    answer.add(Uint8Array.of(5));

    expect([...answer.bytes()]).to.deep.equal([1, 2, 3, 4, 5]);
    expect(answer.bytes().buffer).not.to.equal(memory.buffer);
  });

  it("takes data that is told before its head", () => {
    const answer = new AnswerCollector(100, () => undefined);

    answer.add(Uint8Array.of(1, 2));
    answer.start(head(200, 3));
    answer.add(Uint8Array.of(3));

    expect([...answer.bytes()]).to.deep.equal([1, 2, 3]);
  });

  it("takes a length that is no number of bytes for none", () => {
    for (const contentLength of ["0.5", "-1", "Infinity", "4, 4", "x"]) {
      const told: unknown[] = [];
      const answer = new AnswerCollector(100, (size) => {
        told.push(size);
        return undefined;
      });

      answer.start({ status: "200", contentLength });
      answer.add(Uint8Array.of(1));

      expect(told).to.deep.equal([undefined]);
      expect(answer.isWhole()).to.equal(true);
    }
  });

  it("notices an answer that ends early, and refuses one that is too long", () => {
    const early = new AnswerCollector(100);
    early.start(head(200, 3));
    early.add(Uint8Array.of(1, 2));
    const long = new AnswerCollector(2);
    long.start(head(200));

    expect(early.isWhole()).to.equal(false);
    expect(long.add(Uint8Array.of(1, 2, 3))).to.equal(false);
  });

  it("keeps what is only lent to it until the call is over", () => {
    const lent = Uint8Array.of(1, 2);
    const answer = new AnswerCollector(100);

    answer.start(head(200));
    answer.add(lent);
    lent.fill(9);

    expect([...answer.bytes()]).to.deep.equal([1, 2]);
  });

  it("takes little more memory than an answer has bytes, in whatever parts it comes", () => {
    const answer = new AnswerCollector(2_000_000);
    answer.start(head(200));
    const before = process.memoryUsage();

    for (let i = 0; i < 1_000_000; i++) answer.add(Uint8Array.of(i));

    const after = process.memoryUsage();
    const bytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    expect(bytes).to.be.below(64 * 1024 * 1024); // What waits for V8 to collect it included.
    expect(answer.bytes().every((byte, i) => byte === i % 256)).to.equal(true);
    expect(answer.bytes()).to.have.length(1_000_000);
  });

  it("joins parts of all lengths in their order", () => {
    const sent = prng(7, 300_000);
    const answer = new AnswerCollector(sent.length, () => new Uint8Array(1000));

    answer.start(head(200));
    for (let at = 0, length = 1; at < sent.length; at += length++) {
      answer.add(sent.subarray(at, at + length));
    }

    expect(Buffer.from(answer.bytes()).equals(sent)).to.equal(true);
  });

  it("does not ask for memory for the text of an error", () => {
    let asked = 0;
    const answer = new AnswerCollector(100, () => {
      asked++;
      return new Uint8Array(new SharedArrayBuffer(100));
    });

    answer.start(head(400, 2));
    answer.add(new TextEncoder().encode("no"));

    expect(answer.text()).to.equal("no");
    expect(asked).to.equal(0);
  });
});
