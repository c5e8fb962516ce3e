import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { isJsonObject } from "../../src/format/manifest/parse-json.ts";
import { objects } from "../../src/client/vm/vm-disks.ts";
import {
  runAmber,
  type ServerProcess,
  startMountProcess,
  startServerProcess,
  whyNoMount,
} from "../support/amber-program.ts";
import { eventually } from "../support/eventually.ts";
import { prng } from "../support/prng.ts";
import { makeDisk, reasonWithoutQemu, startGuest, writeDisk } from "../support/qemu-guest.ts";
import { skipBecause } from "../support/skip-because.ts";
import { tempDir } from "../support/temp-dir.ts";
import { checkRecords, oneDiskWriter, writerSector } from "../support/writer-guest.ts";

const MIB = 1024 * 1024;

describe("images in a mount", function () {
  this.timeout(180_000);

  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: ServerProcess;

  before(async function () {
    const reason = reasonWithoutQemu() ?? whyNoMount();
    if (reason !== undefined) skipBecause(this, reason);
    folder = await tempDir();
    server = await startServerProcess(folder.path);
  });

  after(async () => {
    await server.stop();
    await folder[Symbol.asyncDispose]();
  });

  function backUp(id: string, ...sources: readonly string[]): void {
    const run = runAmber(["backup", "--backup-id", id, ...sources], server.env);
    expect(run.stderr).to.not.contain("Error");
    expect(run.status).to.equal(0);
  }

  it("boots a guest from an overlay whose backing file is the mounted image", async () => {
    const raw = makeDisk({ path: join(folder.path, "boot.raw"), format: "raw" }, "16M");
    writeDisk(raw, 0, writerSector(oneDiskWriter));
    writeDisk(raw, 5 * MIB, prng(4, 9 * MIB));
    backUp("boot", `disk.img:${raw.path}`);
    const mount = await startMountProcess(
      ["host/boot/latest"],
      join(folder.path, "boot"),
      server.env,
    );
    const overlay = join(folder.path, "overlay.qcow2");
    const backing = ["-b", join(mount.point, "disk.img"), "-F", "raw"];
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...backing, overlay]);
    const restored = join(folder.path, "restored.raw");

    try {
      const guest = await startGuest(folder.path, [{ path: overlay, format: "qcow2" }]);
      await eventually(async () => {
        const [drive] = objects(await guest.control.execute("query-blockstats"));
        const { stats } = drive ?? {};
        return isJsonObject(stats) && Number(stats["wr_operations"]) > 20;
      });
      await guest.stop("quit");
      execFileSync("qemu-img", ["convert", "-O", "raw", overlay, restored]);
    } finally {
      await mount.stop();
    }

    const image = readFileSync(restored);
    const { newest, wrongBlocks } = checkRecords(image, oneDiskWriter);
    expect(wrongBlocks).to.equal(0);
    expect(newest).to.be.at.least(20);
    const rest = readFileSync(raw.path).subarray(5 * MIB);
    expect(image.subarray(5 * MIB).equals(rest)).to.equal(true);
  });

  it("lets the kernel mount xfs and btrfs from a part of it, and reads the same files", async function () {
    if (process.getuid?.() !== 0) skipBecause(this, "only root can make loop devices");
    const known = readFileSync("/proc/filesystems", "utf8");
    if (!/\txfs$/m.test(known) || !/\tbtrfs$/m.test(known)) {
      skipBecause(this, "the kernel knows no xfs or btrfs");
    }
    const tree = join(folder.path, "tree");
    mkdirSync(tree);
    writeFileSync(join(tree, "large"), prng(6, 5 * MIB));
    const offset = 2 * MIB;
    const parts = { xfs: 320 * MIB, btrfs: 128 * MIB };
    for (const [system, size] of Object.entries(parts)) {
      const part = join(folder.path, `${system}.part`);
      execFileSync("truncate", ["-s", String(size), part]);
      if (system === "btrfs") execFileSync("mkfs.btrfs", ["-q", "--rootdir", tree, part]);
      else {
        const prototype = join(folder.path, "prototype");
        const lines = ["/", "0 0", "d--755 0 0", `large ---644 0 0 ${join(tree, "large")}`, "$"];
        writeFileSync(prototype, `${lines.join("\n")}\n`);
        execFileSync("mkfs.xfs", ["-q", "-p", prototype, part]);
      }
      const disk = join(folder.path, `${system}.disk`);
      execFileSync("truncate", ["-s", String(offset + size + MIB), disk]);
      const place = ["bs=1M", `seek=${offset / MIB}`, "conv=notrunc,sparse", "status=none"];
      execFileSync("dd", [`if=${part}`, `of=${disk}`, ...place]);
    }
    const disks = Object.keys(parts).map((name) => `${name}.img:${join(folder.path, name)}.disk`);
    backUp("kernel", ...disks);
    const mount = await startMountProcess(
      ["host/kernel/latest"],
      join(folder.path, "kernel"),
      server.env,
    );

    try {
      for (const [system, size] of Object.entries(parts)) {
        const range = ["--offset", String(offset), "--sizelimit", String(size)];
        const how = ["--read-only", "--find", "--show", ...range];
        const image = join(mount.point, `${system}.img`);
        const loop = execFileSync("losetup", [...how, image])
          .toString()
          .trim();
        const point = join(folder.path, `${system}.point`);
        mkdirSync(point);
        try {
          const options = system === "xfs" ? "ro,norecovery" : "ro";
          execFileSync("mount", ["-t", system, "-o", options, loop, point]);
          try {
            execFileSync("cmp", [join(point, "large"), join(tree, "large")]);
          } finally {
            execFileSync("umount", [point]);
          }
        } finally {
          execFileSync("losetup", ["--detach", loop]);
        }
      }
    } finally {
      await mount.stop();
    }
  });
});
