import { expect } from "chai";

import { type CpuProfile, selfTimes, threadProfile } from "../../bench/cpu-profile.ts";
import { drawFlameGraph } from "../../bench/flame-graph.ts";

const at = (functionName: string, url = "", lineNumber = 0) => ({ functionName, url, lineNumber });

/** A codec thread that decodes, hashes below that and elsewhere, and is idle half of the time. */
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: at("(root)"), children: [2, 3, 6] },
    { id: 2, callFrame: at("(idle)") },
    {
      id: 3,
      callFrame: at("answer", "file:///somewhere/dist/chunks/codec-worker.js", 9),
      children: [4, 5],
    },
    { id: 4, callFrame: at("decode<T>", "file:///somewhere/dist/chunks/codec-task.js", 4) },
    { id: 5, callFrame: at("update", "node:internal/crypto/hash", 0) },
    { id: 6, callFrame: at("update", "node:internal/crypto/hash", 0) },
  ],
  samples: [2, 3, 4, 5, 6, 4],
  timeDeltas: [100_000, 10_000, 30_000, 20_000, 5_000, 30_000],
};

describe("bench/cpu-profile", () => {
  it("names a thread after its module, and does not count what it slept", () => {
    const { name, busyMs } = threadProfile(profile, "mount");

    expect(name).to.equal("mount: codec-worker");
    expect(busyMs).to.be.closeTo(95, 0.001);
  });

  it("counts time below a function as the function's, and its own by itself", () => {
    const { root } = threadProfile(profile, "mount");
    const answer = root.children.get("answer chunks/codec-worker.js:10");

    expect(answer).to.include({ selfMs: 10, totalMs: 90, origin: "ours" });
    expect([...(answer?.children.keys() ?? [])]).to.deep.equal([
      "decode<T> chunks/codec-task.js:5",
      "update node:internal/crypto/hash:1",
    ]);
  });

  it("adds up a function's own time from everywhere", () => {
    const [first, second] = selfTimes(threadProfile(profile, "mount"));

    expect(first).to.deep.equal(["decode<T> chunks/codec-task.js:5", 60]);
    expect(second).to.deep.equal(["update node:internal/crypto/hash:1", 25]);
  });

  it("draws each function as wide as its time, callers above what they call", () => {
    const svg = drawFlameGraph("a title", [threadProfile(profile, "mount")]);
    const frames = [...svg.matchAll(/<title>([^<]*): (\d+) ms.*?y="(\d+)" width="([\d.]+)"/g)].map(
      ([, name = "", ms, y, width]) => [name.split(" ")[0], Number(ms), Number(y), Number(width)],
    );
    const [answer, decode, update] = frames;

    expect(answer?.[0]).to.equal("answer");
    expect(decode?.[0]).to.equal("decode&lt;T&gt;");
    expect(Number(decode?.[2])).to.be.greaterThan(Number(answer?.[2]));
    expect(Number(decode?.[3]) / Number(answer?.[3])).to.be.closeTo(60 / 90, 0.01);
    expect(update?.[1]).to.equal(20);
  });
});
