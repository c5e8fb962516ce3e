import { expect } from "chai";
import fc from "fast-check";

import { fromBase64, toBase64 } from "../../../src/format/bytes/base64.ts";
import { thrown } from "../../support/thrown.ts";

describe("format/bytes/base64", () => {
  it("agrees with the platform on bytes of every length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const text = toBase64(bytes);

        expect(text).to.equal(Buffer.from(bytes).toString("base64"));
        expect(fromBase64(text, "text")).to.deep.equal(bytes);
      }),
    );
  });

  it("rejects every text but the one form of some bytes, without showing it", () => {
    for (const text of [
      "QQ",
      "QQ=",
      "QR==",
      "Q===",
      "QUI",
      "QUJ=",
      "QUJD=",
      "QU-D",
      "Q",
      " QUJD",
      "QUJD\n",
    ]) {
      const error = thrown(() => fromBase64(text, "text")) as Error;

      expect(error).to.have.property("code", "FORMAT_INVALID");
      expect(error.message).to.equal("Cannot read text: it is not base64 in its standard form");
    }
  });
});
