import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, ftruncateSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { readVolumeKind, type VolumeKind } from "../../../src/format/disk/volume-kind.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** The kind of a volume of which these are the bytes. */
async function kindOf(bytes: Uint8Array): Promise<VolumeKind> {
  return await readVolumeKind(
    async (offset, size) => await Promise.resolve(bytes.subarray(offset, offset + size)),
  );
}

describe("volume kind", () => {
  const made = [
    ["ext", 4 << 20, "mke2fs", ["-q", "-t", "ext4"]],
    ["swap", 4 << 20, "mkswap", ["-q"]],
  ] as const;
  for (const [kind, size, program, args] of made) {
    it(`knows what ${program} has made`, async () => {
      await using folder = await tempDir();
      const path = join(folder.path, "volume");
      const file = openSync(path, "w", 0o600);
      ftruncateSync(file, size);
      closeSync(file);
      execFileSync(program, [...args, path], {
        stdio: "ignore",
        env: { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" },
      });

      expect(await kindOf(readFileSync(path))).to.equal(kind);
    });
  }

  const marked = [
    ["xfs", 0, "XFSB"],
    ["ntfs", 3, "NTFS    "],
    ["fat", 82, "FAT32   "],
    ["lvm", 512, "LABELONE"],
    ["luks", 0, "LUKS\xba\xbe"],
    ["btrfs", 65_600, "_BHRfS_M"],
  ] as const;
  for (const [kind, offset, mark] of marked) {
    it(`knows ${kind} by its mark`, async () => {
      const bytes = Buffer.alloc(128 * 1024);
      bytes.write(mark, offset, "latin1");

      expect(await kindOf(bytes)).to.equal(kind);
    });
  }

  it("does not know what is empty, or shorter than the marks", async () => {
    expect(await kindOf(new Uint8Array(0))).to.equal("unknown");
    expect(await kindOf(Uint8Array.of(0x58, 0x46))).to.equal("unknown");
    expect(await kindOf(new Uint8Array(1 << 17))).to.equal("unknown");
  });
});
