import { readFileSync } from "node:fs";
import { expect } from "chai";
import loadWabt from "wabt";
import { BUZHASH_WASM_MODULE_BASE64 } from "../../../src/format/chunk/buzhash-wasm-module.ts";

describe("format/chunk/buzhash-wasm", () => {
  it("runs the module that scripts/build-wasm.js makes of buzhash.wat", async () => {
    const text = readFileSync(
      new URL("../../../src/format/chunk/buzhash.wat", import.meta.url),
      "utf8",
    );
    const wabt = await loadWabt();

    const { buffer } = wabt.parseWat("buzhash.wat", text, { threads: true }).toBinary({});

    expect(Buffer.from(buffer).toString("base64")).to.equal(BUZHASH_WASM_MODULE_BASE64);
  });
});
