import * as zlib from "node:zlib";

import { zstdLoaders } from "../../../src/format/chunk/zstd.ts";
import {
  createNativeProvider,
  createNativeProviderWith,
} from "../../../src/format/crypto/native-provider.ts";
import { itIsACodecProvider } from "../../contract/codec-provider.contract.ts";
import { skipBecause } from "../../support/skip-because.ts";
import { expect } from "chai";

/** Libraries that this version of Node can have: its own came with 22.15. */
const possible = Object.entries(zstdLoaders).filter(
  ([name]) => name !== "node:zlib" || "zstdCompressSync" in zlib,
);

describe("format/crypto/native-provider", () => {
  for (const [name, load] of possible) {
    describe(`with ${name}`, () => {
      before(function () {
        if (!load()) skipBecause(this, `${name} is not available here`);
      });
      itIsACodecProvider(() => createNativeProviderWith(load()));
    });
  }

  describe("without a zstd library", () => {
    itIsACodecProvider(() => createNativeProviderWith(undefined));
  });

  it("names what is behind it", () => {
    expect(createNativeProvider().name).to.match(/^node:crypto, .*zstd/);
  });
});
