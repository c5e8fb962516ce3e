import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { decodeBlob, encodeBlob } from "../../../src/format/chunk/data-blob.ts";
import { cryptKeyOf } from "../../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import {
  decodeManifest,
  encodeManifest,
  parseManifest,
  serializeManifest,
} from "../../../src/format/manifest/manifest.ts";
import { verifyManifest } from "../../../src/format/manifest/signature.ts";
import { snapshotIdText } from "../../../src/format/snapshot/snapshot-id.ts";
import { miniSnapshots } from "../../support/mini-snapshots.ts";
import { thrown } from "../../support/thrown.ts";

const provider = createNativeProvider();
const key = cryptKeyOf(
  provider,
  Uint8Array.from({ length: 32 }, (_, i) => i),
);
const real = new URL("../../../fixtures/datastore-real/", import.meta.url);
const recorded = JSON.parse(await readFile(new URL("expected.json", real), "utf8")) as {
  dir: string;
  snapshot: string;
  manifest: { signature: string | null };
}[];
const mini = await miniSnapshots();

function example(changes: object = {}): string {
  return JSON.stringify({
    "backup-type": "host",
    "backup-id": "elsa",
    "backup-time": 1593179765,
    files: [{ filename: "root.pxar.didx", "crypt-mode": "none", size: 8, csum: "49".repeat(32) }],
    ...changes,
  });
}

describe("format/manifest/manifest", () => {
  for (const { dir, snapshot, manifest: expected } of recorded) {
    it(`reads and reprints the manifest of ${dir}, as the real server stored it`, async () => {
      const raw = await readFile(new URL(`store/${dir}/index.json.blob`, real));
      const text = new TextDecoder().decode(
        decodeBlob(provider, raw, { sizeMax: 1 << 20, what: "manifest" }),
      );

      const manifest = decodeManifest(provider, raw);

      expect(snapshotIdText(manifest.snapshot)).to.equal(snapshot);
      expect(serializeManifest(manifest)).to.equal(text);
      expect(JSON.parse(text)).to.deep.equal(expected);
      expect(decodeManifest(provider, encodeManifest(provider, manifest))).to.deep.equal(manifest);
      const isSigned = expected.signature !== null;
      expect(verifyManifest(provider, manifest, key)).to.equal(isSigned ? "signed" : "unsigned");
    });
  }

  for (const { dir, url, manifestText } of mini) {
    it(`reads and reprints the manifest of the small store, ${dir}`, async () => {
      const manifest = decodeManifest(provider, await readFile(new URL("index.json.blob", url)));

      expect(serializeManifest(manifest)).to.equal(manifestText);
    });
  }

  it("fills in what old versions left out", () => {
    const text = example({
      files: [{ filename: "root.pxar.didx", size: 8, csum: "AB".repeat(32), future: 1 }],
      future: { x: 1 },
    });

    const manifest = parseManifest(text);

    expect(manifest.files).to.deep.equal([
      { filename: "root.pxar.didx", cryptMode: "none", size: 8, csum: "ab".repeat(32) },
    ]);
    expect(manifest.unprotected).to.deep.equal({});
    expect(manifest).to.not.have.property("signature");
    expect(parseManifest(example({ signature: null }))).to.not.have.property("signature");
    expect(serializeManifest(manifest)).to.not.include("future");
  });

  it("keeps unknown members of the unprotected part", () => {
    const unprotected = { notes: "a\nb", "key-fingerprint": "x", future: [1, null, { y: "z" }] };

    const again = parseManifest(serializeManifest(parseManifest(example({ unprotected }))));

    expect(again.unprotected).to.deep.equal(unprotected);
  });

  it("rejects each broken member", () => {
    const file = {
      filename: "root.pxar.didx",
      "crypt-mode": "none",
      size: 8,
      csum: "49".repeat(32),
    };
    const broken: Record<string, [object, string][]> = {
      FORMAT_INVALID: [
        [{ "backup-type": "lxc" }, "type"],
        [{ "backup-id": "../x" }, "id"],
        [{ "backup-id": 1 }, "id"],
        [{ "backup-time": "now" }, "time"],
        [{ files: {} }, "files"],
        [{ files: ["x"] }, "file"],
        [{ files: [{ ...file, filename: "../../etc/passwd.blob" }] }, "filename"],
        [{ files: [{ ...file, "crypt-mode": "rot13" }] }, "crypt-mode"],
        [{ files: [{ ...file, csum: "49" }] }, "csum"],
        [{ signature: "abc" }, "signature"],
        [{ signature: 5 }, "signature"],
        [{ unprotected: [] }, "unprotected"],
        [{ unprotected: "x" }, "unprotected"],
      ],
      FORMAT_OUT_OF_RANGE: [
        [{ "backup-time": 1.5 }, "time"],
        [{ "backup-time": 2 ** 60 }, "time"],
        [{ files: [{ ...file, size: -1 }] }, "size"],
        [{ files: [{ ...file, size: 2 ** 53 }] }, "size"],
      ],
    };
    for (const [code, cases] of Object.entries(broken)) {
      for (const [changes, name] of cases) {
        expect(
          thrown(() => parseManifest(example(changes))),
          name,
        ).to.have.property("code", code);
      }
    }
    for (const text of ["[]", "null", "{}", "1", "{"]) {
      expect(thrown(() => parseManifest(text))).to.have.property("code", "FORMAT_INVALID");
    }
  });

  it("rejects an encrypted manifest and one that is not UTF-8", () => {
    const plain = new TextEncoder().encode(example());
    const encrypted = encodeBlob(provider, plain, { compress: true, key });
    const latin = encodeBlob(provider, new Uint8Array([0x22, 0xe9, 0x22]), { compress: false });

    for (const raw of [encrypted, latin]) {
      expect(thrown(() => decodeManifest(provider, raw))).to.have.property(
        "code",
        "FORMAT_INVALID",
      );
    }
  });
});
