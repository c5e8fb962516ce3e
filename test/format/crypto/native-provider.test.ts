import { zstdLoaders } from "../../../src/format/chunk/zstd.ts";
import {
  createNativeProvider,
  createNativeProviderWith,
} from "../../../src/format/crypto/native-provider.ts";
import { itIsACodecProvider } from "../../contract/codec-provider.contract.ts";
import { expect } from "chai";

describe("format/crypto/native-provider", () => {
  for (const [name, load] of Object.entries(zstdLoaders)) {
    describe(`with ${name}`, () => {
      before(function () {
        if (!load()) {
          console.log(`      ${name} is not available here`);
          this.skip();
        }
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
