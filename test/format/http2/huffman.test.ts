import { expect } from "chai";

import { decodeHuffman } from "../../../src/format/http2/huffman.ts";
import { Http2Error } from "../../../src/format/http2/http2-error.ts";
import { prng } from "../../support/prng.ts";

/** RFC 7541 appendix C. */
const examples = {
  "www.example.com": "f1e3c2e5f23a6ba0ab90f4ff",
  "no-cache": "a8eb10649cbf",
  "302": "6402",
  private: "aec3771a4b",
  "Mon, 21 Oct 2013 20:13:21 GMT": "d07abe941054d444a8200595040b8166e082a62d1bff",
  "https://www.example.com": "9d29ad171863c78f0b97c8e9ae82ae43d3",
  "": "",
};

describe("format/http2/huffman", () => {
  for (const [text, hex] of Object.entries(examples)) {
    it(`decodes "${text}"`, () => {
      expect(decodeHuffman(Buffer.from(hex, "hex"))).to.equal(text);
    });
  }

  it("refuses an end mark, padding of a byte and more, and padding of zeros", () => {
    for (const hex of ["ffffffff", "ff", "6402ff", "00"]) {
      expect(() => decodeHuffman(Buffer.from(hex, "hex")), hex).to.throw(Http2Error);
    }
  });

  it("answers any bytes with a text or a refusal", () => {
    for (let seed = 0; seed < 500; seed++) {
      try {
        expect(decodeHuffman(prng(seed, seed % 40))).to.be.a("string");
      } catch (error) {
        expect(error).to.be.instanceOf(Http2Error);
      }
    }
  });
});
