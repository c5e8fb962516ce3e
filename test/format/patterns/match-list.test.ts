import { expect } from "chai";
import { MatchList, parseMatchEntry } from "../../../src/format/patterns/match-list.ts";

function listOf(...patterns: readonly string[]): MatchList {
  const list = new MatchList();
  list.add(patterns.map((text) => parseMatchEntry(Buffer.from(text), "any-depth")));
  return list;
}

describe("format/patterns/match-list", () => {
  it("lets the last pattern that matches decide", () => {
    const list = listOf("*.log", "!/keep/*.log", "/keep/b.log");
    const verdicts = ["/a.log", "/keep/a.log", "/keep/b.log", "/keep/a.txt"].map((path) =>
      list.verdict(Buffer.from(path), "other"),
    );

    expect(verdicts).to.deep.equal(["exclude", "include", "exclude", undefined]);
  });

  it("asks patterns with a slash at the end about directories only", () => {
    const list = listOf("cache//");

    expect(list.verdict(Buffer.from("/x/cache"), "directory")).to.equal("exclude");
    expect(list.verdict(Buffer.from("/x/cache"), "other")).to.equal(undefined);
  });

  it("forgets what was added after a size that was remembered", () => {
    const list = listOf("a");
    const size = list.size;
    list.add(listOf("b").entries);

    list.truncate(size);

    expect(list.size).to.equal(1);
    expect(list.verdict(Buffer.from("/b"), "other")).to.equal(undefined);
  });
});
