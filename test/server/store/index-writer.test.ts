import { expect } from "chai";

import { fromHex, toHex } from "../../../src/format/bytes/hex.ts";
import { parseArchiveName } from "../../../src/format/snapshot/archive-name.ts";
import { rootNamespace } from "../../../src/format/snapshot/namespace.ts";
import { DynamicIndexWriter } from "../../../src/server/store/dynamic-index-writer.ts";
import { FixedIndexWriter } from "../../../src/server/store/fixed-index-writer.ts";
import { uuidOfRandom } from "../../../src/server/store/index-writer.ts";
import { LocalBackend } from "../../../src/server/store/local-backend.ts";
import { newVerifyMemory } from "../../../src/server/store/verify-memory.ts";
import { emptyDatastore } from "../../support/empty-datastore.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import {
  begin,
  codec,
  datastoreOn,
  putBlob,
  putDynamic,
  putFixed,
  putManifest,
  snapshotAt,
} from "../../support/make-backup.ts";

const stamp = {
  uuid: fromHex("00112233445546778899aabbccddeeff"),
  createdAtSec: 1_700_000_000n,
};
const MIB = 1024 * 1024;

describe("server/store/index-writer", () => {
  it("writes the dynamic index of the specification to the byte", async () => {
    await using folder = await emptyDatastore();
    const clock = new FakeClock();
    await using backend = await LocalBackend.open(folder.path, { access: "read-write", clock });
    await using writer = new DynamicIndexWriter(
      "a.didx",
      await backend.stageFile("a.didx"),
      stamp,
      codec,
    );
    const digestOf = (text: string): Uint8Array => codec.sha256(new TextEncoder().encode(text));

    await writer.append(digestOf("abc"), 0, 3);
    await writer.append(digestOf("defgh"), 3, 5);
    const csum = "49ac1be65d03d92affec8061fcbdf4195c8378aa8efb2d5f651a515f9efd4b4b";
    const report = await writer.close({ chunkCount: 2, size: 8, csum }, "synced");

    // Digest of the whole file: spec index.md §8.
    const file = await backend.readFile("a.didx", MIB);
    expect(file && toHex(codec.sha256(file))).to.equal(
      "50df6a756b4690565f53b936207671dafabf3557ed1f816519ef74036efd6214",
    );
    expect(report.uuid).to.equal(toHex(stamp.uuid));
  });

  it("writes the fixed index of the specification to the byte, in any order", async () => {
    await using folder = await emptyDatastore();
    const clock = new FakeClock();
    await using backend = await LocalBackend.open(folder.path, { access: "read-write", clock });
    const plan = { size: 10 * MIB, reused: undefined };
    const staged = await backend.stageFile("a.fidx");
    await using writer = new FixedIndexWriter("a.fidx", staged, { stamp, plan, codec });
    await writer.begin(plan);
    const chunk = (byte: number, size: number): Uint8Array =>
      codec.sha256(new Uint8Array(size).fill(byte));

    await writer.append(chunk(2, 2 * MIB), 8 * MIB, 2 * MIB);
    await writer.append(chunk(1, 4 * MIB), 0, 4 * MIB);
    await writer.append(chunk(0, 4 * MIB), 0, 4 * MIB);
    await writer.append(chunk(1, 4 * MIB), 4 * MIB, 4 * MIB);
    const csum = "14d3386fe6e8962878a299aa956d39f717a26f0ab0d0006b1b1ae99d89691cbc";
    const close = writer.close({ chunkCount: 4, size: 10 * MIB, csum }, "none");

    // The entry that was written twice counts twice, so this claim is refused (spec backup-protocol.md §4.7).
    await close.then(
      () => expect.fail("accepted"),
      (error: unknown) => {
        expect((error as Error).message).to.match(/unexpected chunk count \(3 != 4\)$/);
      },
    );

    const second = await backend.stageFile("b.fidx");
    await using again = new FixedIndexWriter("b.fidx", second, { stamp, plan, codec });
    await again.append(chunk(2, 2 * MIB), 8 * MIB, 2 * MIB);
    await again.append(chunk(1, 4 * MIB), 4 * MIB, 4 * MIB);
    await again.append(chunk(0, 4 * MIB), 0, 4 * MIB);
    await again.close({ chunkCount: 3, size: 10 * MIB, csum }, "none");

    // Digest of the whole file: spec index.md §7.
    const file = await backend.readFile("b.fidx", MIB);
    expect(file && toHex(codec.sha256(file))).to.equal(
      "f9ffe727cc4e7223a486bdae8606bcc272a0030569f55c3a0ef19d4b22a97aa6",
    );
  });

  it("takes the session of the specification's transcript with its checksums", async () => {
    await using folder = await emptyDatastore();
    const clock = new FakeClock();
    const backend = await LocalBackend.open(folder.path, { access: "read-write", clock });
    await using store = datastoreOn(backend, clock, "filesystem");
    const snapshot = snapshotAt(0, "vm/100");
    await using target = await begin(store, snapshot);
    const letters = (letter: string, size: number): Uint8Array =>
      new Uint8Array(size).fill(letter.charCodeAt(0));

    const files = [
      await putDynamic(target, "root.pxar.didx", [letters("a", 100_000), letters("b", 50_000)]),
      await putFixed(target, "drive-scsi0.img.fidx", [new Uint8Array(4 * MIB), letters("c", 1024)]),
      await putBlob(
        target,
        "qemu-server.conf.blob",
        new TextEncoder().encode("name: demo\nmemory: 2048\n"),
      ),
    ];
    await putManifest(target, files);
    await target.finish();

    // Checksums: spec backup-protocol.md §7.
    expect(files.map(({ csum, size }) => [csum, size]).slice(0, 2)).to.deep.equal([
      ["e378df59e4ca9b087e6fd535048950466d2ffba7d2a619c2f0542d32c0d00ba9", 150_000],
      ["ab154b7f8b82f9293976f989a39231631a3c86a368822d11cabc326c98f1570e", 4_195_328],
    ]);
    const verdict = await store.verifySnapshot(rootNamespace, snapshot, newVerifyMemory());
    expect(verdict.faults).to.deep.equal([]);
    await using index = await store.openFile(
      rootNamespace,
      snapshot,
      parseArchiveName("drive-scsi0.img.fidx"),
    );
    expect(index.size).to.equal(4096 + 64);
  });

  it("makes version-4 UUIDs of random bytes", () => {
    expect(toHex(uuidOfRandom(new Uint8Array(16).fill(0xff)))).to.equal(
      "ffffffffffff4fffbfffffffffffffff",
    );
    expect(toHex(uuidOfRandom(new Uint8Array(16)))).to.equal("00000000000040008000000000000000");
  });
});
