import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { createPortableProvider } from "../../../src/format/crypto/portable-provider.ts";
import { itIsACodecProvider } from "../../contract/codec-provider.contract.ts";

describe("format/crypto/portable-provider", () => {
  itIsACodecProvider(createPortableProvider);

  it("imports nothing of Node, directly or through our own modules", async () => {
    const seen = new Set<string>();
    const queue = ["portable-provider", "lock-key"].map(
      (name) => new URL(`../../../src/format/crypto/${name}.ts`, import.meta.url),
    );
    for (let url = queue.pop(); url; url = queue.pop()) {
      if (seen.has(url.href)) continue;
      seen.add(url.href);
      const source = await readFile(url, "utf8");
      expect(source, url.href).to.not.match(/from "node:|\bBuffer\b|\bprocess\./);
      for (const [, path] of source.matchAll(/from "(\.[^"]+)"/g)) queue.push(new URL(path!, url));
    }
    expect(seen.size).to.be.above(4);
  });
});
