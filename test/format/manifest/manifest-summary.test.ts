import { expect } from "chai";
import {
  chunkUploadStatsJson,
  chunkUploadStatsOf,
  commentOf,
  keyFingerprintOf,
  manifestFile,
  manifestSize,
  notesOf,
  snapshotCryptMode,
  verifyStateOf,
  withUnprotected,
} from "../../../src/format/manifest/manifest-summary.ts";
import {
  type CryptMode,
  type Manifest,
  parseManifest,
} from "../../../src/format/manifest/manifest.ts";
import { archiveNameOf } from "../../../src/format/snapshot/archive-name.ts";

function manifestOf(modes: readonly CryptMode[], unprotected: object = {}): Manifest {
  return parseManifest(
    JSON.stringify({
      "backup-type": "host",
      "backup-id": "elsa",
      "backup-time": 1,
      files: modes.map((mode, i) => ({
        filename: `f${i}.img.fidx`,
        "crypt-mode": mode,
        size: 10,
        csum: "00".repeat(32),
      })),
      unprotected,
    }),
  );
}

describe("format/manifest/manifest-summary", () => {
  it("sums sizes and finds files", () => {
    const manifest = manifestOf(["none", "none"]);

    expect(manifestSize(manifest)).to.equal(20);
    expect(manifestFile(manifest, archiveNameOf("f1.img"))?.size).to.equal(10);
    expect(manifestFile(manifest, archiveNameOf("g.img"))).to.equal(undefined);
  });

  it("gives the weakest mode of all files", () => {
    expect(snapshotCryptMode(manifestOf([]))).to.equal(undefined);
    expect(snapshotCryptMode(manifestOf(["encrypt", "encrypt"]))).to.equal("encrypt");
    expect(snapshotCryptMode(manifestOf(["encrypt", "sign-only"]))).to.equal("sign-only");
    expect(snapshotCryptMode(manifestOf(["encrypt", "none", "sign-only"]))).to.equal("none");
  });

  it("reads what servers and clients note beside the signed part", () => {
    const stats = { count: 3, size: 100, compressedSize: 50, duplicates: 1 };
    const manifest = manifestOf([], {
      notes: "first line\nsecond",
      verify_state: { upid: "UPID:x", state: "failed" },
      chunk_upload_stats: chunkUploadStatsJson(stats),
      "key-fingerprint": Array.from({ length: 32 }, () => "AB").join(":"),
    });

    expect(notesOf(manifest)).to.equal("first line\nsecond");
    expect(commentOf(manifest)).to.equal("first line");
    expect(verifyStateOf(manifest)).to.deep.equal({ upid: "UPID:x", state: "failed" });
    expect(chunkUploadStatsOf(manifest)).to.deep.equal(stats);
    expect(keyFingerprintOf(manifest)).to.match(/^ab:ab:/);
  });

  it("treats records that make no sense as absent", () => {
    const manifest = manifestOf([], {
      notes: 1,
      verify_state: { upid: 1, state: "maybe" },
      chunk_upload_stats: [],
      "key-fingerprint": "nonsense",
    });

    for (const read of [notesOf, commentOf, verifyStateOf, chunkUploadStatsOf, keyFingerprintOf]) {
      expect(read(manifest)).to.equal(undefined);
      expect(read(manifestOf([]))).to.equal(undefined);
    }
    expect(verifyStateOf(manifestOf([], { verify_state: "ok" }))).to.equal(undefined);
    expect(chunkUploadStatsOf(manifestOf([], { chunk_upload_stats: {} }))?.count).to.equal(0);
  });

  it("replaces and removes unprotected members without touching the others", () => {
    const manifest = manifestOf([], { notes: "a", other: [1] });

    const changed = withUnprotected(manifest, { notes: undefined, verify_state: "x" });

    expect(changed.unprotected).to.deep.equal({ other: [1], verify_state: "x" });
    expect(manifest.unprotected).to.deep.equal({ notes: "a", other: [1] });
  });
});
