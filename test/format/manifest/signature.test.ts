import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { fromHex } from "../../../src/format/bytes/hex.ts";
import { cryptKeyOf } from "../../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { withUnprotected } from "../../../src/format/manifest/manifest-summary.ts";
import { parseManifest, serializeManifest } from "../../../src/format/manifest/manifest.ts";
import {
  manifestSignature,
  signManifest,
  verifyManifest,
} from "../../../src/format/manifest/signature.ts";
import { thrown } from "../../support/thrown.ts";

const provider = createNativeProvider();
const key = cryptKeyOf(
  provider,
  Uint8Array.from({ length: 32 }, (_, i) => i),
);
const documented = parseManifest(
  JSON.stringify({
    "backup-type": "host",
    "backup-id": "elsa",
    "backup-time": 1593179765,
    files: [
      { filename: "test1.img.fidx", "crypt-mode": "encrypt", size: 200, csum: "01".repeat(32) },
      { filename: "abc.blob", "crypt-mode": "none", size: 200, csum: "02".repeat(32) },
    ],
  }),
);

describe("format/manifest/signature", () => {
  it("computes the documented signatures", () => {
    const scrypted = "28cdb1a3bef39396c3860e00d448fe7a0efd8244486ab6feb30457681d31597e";

    expect(manifestSignature(provider, documented, cryptKeyOf(provider, fromHex(scrypted))))
      .to //
      .equal("d7b446fb7db081662081d4b40fedd858a1d6307a5aff4ecff7d5bf4fd35679e9");
    expect(manifestSignature(provider, documented, key)).to.equal(
      "9034ba9371746b0173222e4bcab78b58447348430a555bf296ed3ea94f80afef",
    );
  });

  it("signs like the reference, byte by byte", async () => {
    const { sign_only_manifest: vector } = JSON.parse(
      await readFile(
        new URL("../../../fixtures/datastore-mini/index.json", import.meta.url),
        "utf8",
      ),
    ) as { sign_only_manifest: { signed_text: string; unsigned_text: string } };

    const signed = signManifest(provider, parseManifest(vector.unsigned_text), key);

    expect(serializeManifest(signed)).to.equal(vector.signed_text);
  });

  it("accepts its own signature, also after the server changed the unprotected part", () => {
    const signed = signManifest(provider, documented, key);

    expect(verifyManifest(provider, signed, key)).to.equal("signed");
    const noted = withUnprotected(signed, { notes: "moved" });
    expect(verifyManifest(provider, noted, key)).to.equal("signed");
    expect(verifyManifest(provider, documented, key)).to.equal("unsigned");
  });

  it("rejects a change to anything that is covered", () => {
    const signed = signManifest(provider, documented, key);
    const [first, ...others] = signed.files;
    const changed = [
      { ...signed, snapshot: { ...signed.snapshot, timeSec: 1 } },
      { ...signed, files: others },
      { ...signed, files: [{ ...first!, size: 201 }, ...others] },
      { ...signed, files: [{ ...first!, cryptMode: "none" as const }, ...others] },
      { ...signed, files: [{ ...first!, csum: "03".repeat(32) }, ...others] },
    ];
    for (const manifest of changed) {
      expect(thrown(() => verifyManifest(provider, manifest, key))).to.have.property(
        "code",
        "FORMAT_BAD_SIGNATURE",
      );
    }
  });

  it("tells another key from a bad signature", () => {
    const signed = signManifest(provider, documented, key);
    const other = cryptKeyOf(provider, new Uint8Array(32));

    expect(thrown(() => verifyManifest(provider, signed, other))).to.have.property(
      "code",
      "FORMAT_WRONG_KEY",
    );
    const anonymous = withUnprotected(signed, { "key-fingerprint": undefined });
    expect(thrown(() => verifyManifest(provider, anonymous, other))).to.have.property(
      "code",
      "FORMAT_BAD_SIGNATURE",
    );
  });
});
