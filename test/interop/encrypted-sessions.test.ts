import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { decodeChunkWith, decoded } from "../../src/chunks/decoded.ts";
import { chunkDigest, parseDigest } from "../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { type ChunkIndex } from "../../src/format/index/chunk-index.ts";
import { DynamicIndexBuilder, parseDynamicIndex } from "../../src/format/index/dynamic-index.ts";
import { FixedIndexBuilder, parseFixedIndex } from "../../src/format/index/fixed-index.ts";
import { CHUNK_BYTES_MAX, FIXED_CHUNK_BYTES } from "../../src/format/limits.ts";
import { parseManifest } from "../../src/format/manifest/manifest.ts";
import { manifestSignature } from "../../src/format/manifest/signature.ts";
import { parseTimeText } from "../../src/format/snapshot/time-text.ts";
import { FolderDatastoreView } from "../../src/fs/folder-datastore-view.ts";
import { knownKey } from "../support/known-key.ts";

const provider = createNativeProvider();
const fixtures = new URL("../../fixtures/", import.meta.url);
const store = fileURLToPath(new URL("datastore-real/store", fixtures));
const view = new FolderDatastoreView({
  folder: store,
  provider,
  key: knownKey,
  unsigned: "refused",
  chunksOf: (blobs, expected) =>
    decoded(blobs, decodeChunkWith(provider, { sizeMax: CHUNK_BYTES_MAX, key: knownKey }), {
      expected,
    }),
});

/** What the official client said in one session, as far as keys matter. */
function recordedSession(name: string) {
  const text = readFileSync(new URL(`protocol/${name}.jsonl`, fixtures), "utf8");
  const paths = [...text.matchAll(/\[":path", "([^"]*)"\]/g)].map(
    ([, path = ""]) => new URL(path, "http://localhost"),
  );
  const of = (end: RegExp): URLSearchParams[] =>
    paths.filter(({ pathname }) => end.test(pathname)).map(({ searchParams }) => searchParams);
  return {
    chunks: of(/_chunk$/).map((query) => `${query.get("digest")} ${query.get("size")}`),
    csums: of(/_close$/).map((query) => query.get("csum")),
  };
}

// The content of the recorded sessions is in fixtures/datastore-real: what is derived from it here, with the key and
// our own code, must be what went over the wire.
describe("interop, encrypted sessions of the official client", () => {
  for (const [recording, group] of [
    ["backup3-encrypted-img", "host/trace-enc"],
    ["backup8-signonly-master", "ct/777"],
    ["v4-backup-metadata-enc", "host/v4metaenc"],
  ] as const) {
    describe(recording, () => {
      const [type = "", id = ""] = group.split("/");
      const timeSec = parseTimeText("2024-06-05T14:24:36Z");
      const open = async () => await view.openSnapshot({ namespace: "", type, id, timeSec });

      it("has the names and lengths of chunks, and the index checksums, that we derive", async () => {
        const snapshot = await open();
        const chunks: string[] = [];
        const csums: string[] = [];
        for (const { name } of snapshot.files.filter((file) => !file.name.endsWith(".blob"))) {
          const index = parseIndex(name, await snapshot.readIndex(name));
          const dynamic = new DynamicIndexBuilder(provider);
          const fixed = new FixedIndexBuilder(FIXED_CHUNK_BYTES);
          for (let i = 0; i < index.count; i++) {
            const plain = await snapshot.chunks.readChunk(index.digestAt(i));
            const digest = chunkDigest(provider, plain, knownKey);
            chunks.push(`${digest} ${plain.length}`);
            dynamic.append(plain.length, parseDigest(digest));
            fixed.set(i, parseDigest(digest));
          }
          csums.push(name.endsWith(".fidx") ? fixed.csum(provider) : dynamic.csum());
        }

        const recorded = recordedSession(recording);
        expect([...new Set(chunks)]).to.have.members(recorded.chunks);
        expect(csums).to.have.members(recorded.csums);
      });

      it("has the signature that we compute", async () => {
        const { manifest: text } = await open();

        const manifest = parseManifest(new TextDecoder().decode(text));

        expect(manifest.signature).to.equal(manifestSignature(provider, manifest, knownKey));
      });
    });
  }
});

function parseIndex(name: string, bytes: Uint8Array): ChunkIndex {
  return name.endsWith(".fidx") ? parseFixedIndex(bytes) : parseDynamicIndex(bytes);
}
