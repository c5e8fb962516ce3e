import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { prepareOverlay, type RestoreOverlay } from "../../../src/client/vm/restore-overlay.ts";
import { type SnapshotImage } from "../../../src/client/vm/snapshot-images.ts";
import { archiveNameOf } from "../../../src/format/snapshot/archive-name.ts";
import { reasonWithoutQemu } from "../../support/qemu-guest.ts";
import { rejection } from "../../support/rejection.ts";
import { skipBecause } from "../../support/skip-because.ts";
import { tempDir } from "../../support/temp-dir.ts";

const older = imageOf("vm/1/2026-01-01T00:00:00Z", "aa");
const newer = imageOf("vm/1/2026-01-02T00:00:00Z", "bb");

function imageOf(snapshot: string, csum: string): SnapshotImage {
  return {
    snapshot,
    csum,
    archive: archiveNameOf("drive-vd0.img"),
    size: 1024 * 1024,
    toExport: () => {
      throw new Error("nothing is read");
    },
  };
}

describe("client/vm/restore-overlay", function () {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let path: string;

  before(function () {
    const reason = reasonWithoutQemu();
    if (reason !== undefined) skipBecause(this, reason);
  });

  beforeEach(async () => {
    folder = await tempDir();
    path = join(folder.path, "drive-vd0.qcow2");
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  async function prepare(image: SnapshotImage): Promise<RestoreOverlay> {
    const socket = join(folder.path, "nbd.sock");
    return await prepareOverlay(image, { folder: folder.path, socket, position: 0 });
  }

  /** As if everything had been copied. */
  function complete(): void {
    execFileSync("qemu-img", ["rebase", "-u", "-f", "qcow2", "-b", "", path]);
  }

  it("finds what was begun, and what is whole", async () => {
    const made = await prepare(newer);
    const begun = await prepare(newer);
    complete();
    const whole = await prepare(newer);

    expect([made.isFound, begun.isFound, whole.isFound]).to.deep.equal([false, true, true]);
    expect([made.isWhole, begun.isWhole, whole.isWhole]).to.deep.equal([false, false, true]);
  });

  it("refuses a whole disk of another snapshot, names both, and leaves it alone", async () => {
    await prepare(newer);
    complete();
    const before = readFileSync(path);

    const error = await rejection(prepare(older));
    const changed = await rejection(prepare({ ...newer, csum: "cc" }));

    expect(error).to.have.property("code", "VM_OVERLAY_OTHER");
    expect(String(error)).to.contain(older.snapshot).and.to.contain(newer.snapshot);
    expect(changed).to.have.property("code", "VM_OVERLAY_OTHER");
    expect(readFileSync(path).equals(before)).to.equal(true);
  });

  it("refuses a file when nothing says what it is of", async () => {
    await prepare(newer);
    writeFileSync(`${path}.origin`, "{");
    const damaged = await rejection(prepare(newer));
    rmSync(`${path}.origin`);
    const missing = await rejection(prepare(newer));

    for (const error of [damaged, missing]) {
      expect(error).to.have.property("code", "VM_OVERLAY_OTHER");
      expect(String(error)).to.contain(`${path}.origin`);
    }
  });

  it("makes nothing where it cannot see whether something is there", async () => {
    const file = join(folder.path, "file");
    writeFileSync(file, "precious");

    const error = await rejection(
      prepareOverlay(newer, { folder: file, socket: "x", position: 0 }),
    );

    expect(error).to.have.property("code", "VM_OVERLAY_OTHER");
    expect(readFileSync(file, "utf8")).to.equal("precious");
  });
});
