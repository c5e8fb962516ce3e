import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { fromHex, toHex } from "../../../src/format/bytes/hex.ts";
import { chunkDigest } from "../../../src/format/chunk/digest.ts";
import { cryptKeyOf, keyFingerprint } from "../../../src/format/crypto/crypt-key.ts";
import {
  fingerprintOfBytes,
  parseFingerprint,
  shortFingerprint,
} from "../../../src/format/crypto/fingerprint.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { thrown } from "../../support/thrown.ts";

interface CryptVectors {
  readonly key_hex: string;
  readonly digests: {
    data_hex: string;
    sha256: string;
    keyed_digest: string;
    auth_tag_hmac_sha256: string;
  }[];
  readonly fingerprints: { key_hex: string; signature: string; fingerprint_short: string }[];
}

const provider = createNativeProvider();
const vectors = JSON.parse(
  await readFile(new URL("../../../fixtures/crypt/crypt.json", import.meta.url), "utf8"),
) as CryptVectors;

describe("format/crypto/crypt-key", () => {
  const key = cryptKeyOf(provider, fromHex(vectors.key_hex));

  it("digests and signs as the reference does", () => {
    for (const vector of vectors.digests) {
      const data = fromHex(vector.data_hex);

      expect(chunkDigest(provider, data)).to.equal(vector.sha256);
      expect(chunkDigest(provider, data, key)).to.equal(vector.keyed_digest);
      expect(toHex(provider.hmacSha256(key.idKey, data))).to.equal(vector.auth_tag_hmac_sha256);
    }
  });

  it("names keys as the reference does", () => {
    for (const vector of vectors.fingerprints) {
      const fingerprint = keyFingerprint(provider, cryptKeyOf(provider, fromHex(vector.key_hex)));

      expect(fingerprint).to.equal(vector.signature);
      expect(shortFingerprint(fingerprint)).to.equal(vector.fingerprint_short);
      expect(parseFingerprint(vector.signature.toUpperCase())).to.equal(fingerprint);
      expect(parseFingerprint(vector.signature.replaceAll(":", ""))).to.equal(fingerprint);
    }
  });

  it("rejects keys and fingerprints of another length", () => {
    expect(thrown(() => cryptKeyOf(provider, new Uint8Array(31)))).to.have.property(
      "code",
      "FORMAT_INVALID",
    );
    for (const text of ["", "aa:bb", "zz".repeat(32), "aa:".repeat(32)]) {
      expect(thrown(() => parseFingerprint(text))).to.have.property("code", "FORMAT_INVALID");
    }
    expect(() => fingerprintOfBytes(new Uint8Array(5))).to.throw(RangeError);
  });
});
