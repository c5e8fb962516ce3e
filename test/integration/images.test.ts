import { execFileSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import {
  runAmber,
  type ServerProcess,
  startMountProcess,
  startServerProcess,
  whyNoMount,
} from "../support/amber-program.ts";
import { reasonWithoutQemu } from "../support/qemu-guest.ts";
import { skipBecause } from "../support/skip-because.ts";
import { tempDir } from "../support/temp-dir.ts";

const MIB = 1024 * 1024;

/** A disk of 64 MiB with a partition table, whose first partition has an ext4 file system with some files. */
function makeDiskImage(folder: string): string {
  const tree = join(folder, "tree");
  mkdirSync(join(tree, "etc"), { recursive: true });
  writeFileSync(join(tree, "etc/hello world"), "hello from the image\n");
  writeFileSync(join(tree, "large"), Buffer.alloc(9 * MIB, "large"));
  const image = join(folder, "disk.raw");
  execFileSync("truncate", ["-s", "64M", image]);
  // One entry of an MBR: type 0x83, from sector 2048 on, 48 MiB.
  const table = Buffer.alloc(66);
  table.writeUInt8(0x83, 4);
  table.writeUInt32LE(2048, 8);
  table.writeUInt32LE((48 * MIB) / 512, 12);
  table.writeUInt16LE(0xaa55, 64);
  const offset = `offset=${MIB}`;
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", tree, "-E", offset, image, "48M"]);
  const disk = openSync(image, "r+");
  writeSync(disk, table, 0, table.length, 446);
  closeSync(disk);
  return image;
}

describe("images in snapshots", function () {
  this.timeout(180_000);

  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: ServerProcess;
  let raw: string;

  before(async function () {
    const reason = reasonWithoutQemu() ?? whyNoMount();
    if (reason !== undefined) skipBecause(this, reason);
    folder = await tempDir();
    server = await startServerProcess(folder.path);
    raw = makeDiskImage(folder.path);
  });

  after(async () => {
    await server.stop();
    await folder[Symbol.asyncDispose]();
  });

  function amber(...args: string[]): ReturnType<typeof runAmber> {
    const run = runAmber(args, server.env);
    expect(run.stderr).to.not.contain("Error");
    expect(run.status).to.equal(0);
    return run;
  }

  it("stores of qcow2, vmdk and vdi files what a guest sees", () => {
    const formats = ["qcow2", "vmdk", "vdi"];
    for (const format of formats) {
      const file = join(folder.path, `disk.${format}`);
      execFileSync("qemu-img", ["convert", "-f", "raw", "-O", format, raw, file]);
    }

    const sources = formats.map((format) => `${format}.img:${join(folder.path, `disk.${format}`)}`);
    amber("backup", "--backup-id", "formats", ...sources);

    for (const format of formats) {
      const target = join(folder.path, `${format}.out`);
      amber("restore", "host/formats", `${format}.img`, target);
      expect(statSync(target).size, format).to.equal(64 * MIB);
      execFileSync("cmp", [raw, target]);
    }
  });

  it("stores such a file itself when that is wanted, and a raw disk that only looks like one", () => {
    const file = join(folder.path, "own.qcow2");
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, file]);
    const guest = join(folder.path, "guest.raw");
    copyFileSync(file, guest);

    const sources = [`own.img:${file}`, `guest.img:${guest}`];
    amber("backup", "--backup-id", "files", "--image-format", "raw", sources[0] ?? "");
    amber("backup", "--backup-id", "guest", sources[1] ?? "");

    amber("restore", "host/files", "own.img", join(folder.path, "own.out"));
    amber("restore", "host/guest", "guest.img", join(folder.path, "guest.out"));
    execFileSync("cmp", [file, join(folder.path, "own.out")]);
    execFileSync("cmp", [file, join(folder.path, "guest.out")]);
  });

  it("shows an image that qemu-img takes for the disk, and a qcow2 overlay can stand on", async () => {
    amber("backup", "--backup-id", "shown", `disk.img:${raw}`);
    const point = join(folder.path, "mounted");

    const mount = await startMountProcess(["host/shown/latest"], point, server.env);
    try {
      const image = join(point, "disk.img");
      const compared = execFileSync("qemu-img", ["compare", "-f", "raw", "-F", "raw", raw, image]);
      const overlay = join(folder.path, "overlay.qcow2");
      const backing = ["-b", image, "-F", "raw"];
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...backing, overlay]);
      execFileSync("qemu-io", ["-c", "write -P 9 60M 64k", overlay]);
      const read = execFileSync("qemu-io", ["-c", "read -P 9 60M 64k", overlay]).toString();

      expect(compared.toString()).to.contain("Images are identical");
      expect(statSync(image).size).to.equal(64 * MIB);
      expect(read).to.not.contain("failed");
    } finally {
      await mount.stop();
    }
  });

  it("makes a block device of an image, from which a file system is mounted, and frees it", function () {
    if (process.getuid?.() !== 0) skipBecause(this, "only root can make loop devices");
    amber("backup", "--backup-id", "mapped", `disk.img:${raw}`);
    const point = join(folder.path, "from-device");
    mkdirSync(point);

    const mapped = amber("map", "host/mapped", "disk.img", "--output-format", "json");
    const { device, name } = JSON.parse(mapped.stdout) as { device: string; name: string };
    try {
      const options = `ro,noload,loop,offset=${MIB}`;
      execFileSync("mount", ["-t", "ext4", "-o", options, device, point]);
      try {
        const text = readFileSync(join(point, "etc/hello world"), "utf8");
        expect(text).to.equal("hello from the image\n");
        execFileSync("cmp", [join(point, "large"), join(folder.path, "tree/large")]);
      } finally {
        execFileSync("umount", [point]);
      }
      execFileSync("e2fsck", ["-fn", `${device}?offset=${MIB}`], { stdio: "pipe" });
      expect(amber("unmap").stdout).to.equal(`${device}:\t${name}\n`);
    } finally {
      amber("unmap", device);
    }

    expect(amber("unmap").stdout).to.equal("Nothing mapped.\n");
    expect(existsSync("/run/amber/map") && readFileSync("/proc/mounts", "utf8")).to.not.contain(
      "/run/amber/map",
    );
  });

  it("lists and extracts files inside an image, without mounting the file system", () => {
    amber("backup", "--backup-id", "files-in", `disk.img:${raw}`);
    const target = join(folder.path, "extracted");

    const archives = amber("file-restore", "list", "host/files-in", "/");
    const listed = amber("file-restore", "list", "host/files-in", "/disk.img.fidx/part");
    expect(archives.stdout).to.equal("disk.img.fidx\n");
    expect(listed.stdout).to.equal("1\n");
    const etc = "/disk.img.fidx/part/1/etc";
    const json = amber("file-restore", "list", "host/files-in", etc, "--output-format", "json");
    const file = amber("file-restore", "extract", "host/files-in", `${etc}/hello world`, "-");
    amber("file-restore", "extract", "host/files-in", "/disk.img.fidx/part/1", target);

    expect(JSON.parse(json.stdout)).to.deep.equal([
      {
        filepath: Buffer.from(`${etc}/hello world`).toString("base64"),
        text: "hello world",
        type: "f",
        leaf: true,
        size: 21,
      },
    ]);
    expect(file.stdout).to.equal("hello from the image\n");
    execFileSync("cmp", [join(target, "large"), join(folder.path, "tree/large")]);
  });

  it("packs a folder inside an image into one file, and overwrites nothing", () => {
    amber("backup", "--backup-id", "packed", `disk.img:${raw}`);
    const part = "/disk.img.fidx/part/1";
    const extract = ["file-restore", "extract", "host/packed"];
    const out = join(folder.path, "packed");
    mkdirSync(out);

    amber(...extract, part, out, "--format", "tar");
    amber(...extract, `${part}/etc`, join(out, "etc.zip"), "--format", "zip");
    const again = runAmber([...extract, part, out, "--format", "tar"], server.env);
    execFileSync("tar", ["-x", "-f", join(out, "root.tar"), "-C", out]);
    execFileSync("python3", ["-m", "zipfile", "-e", join(out, "etc.zip"), out]);

    execFileSync("cmp", [join(out, "root/large"), join(folder.path, "tree/large")]);
    execFileSync("cmp", [join(out, "root/etc/hello world"), join(out, "etc/hello world")]);
    expect(again.status).to.equal(1);
  });

  it("answers under the official name as PVE expects", () => {
    amber("backup", "--backup-id", "official", `disk.img:${raw}`);
    const base64 = Buffer.from("/disk.img.fidx/part/1/etc").toString("base64");
    const json = ["--output-format", "json", "--timeout", "30", "--driver", "Qemu"];
    const list = ["proxmox-file-restore", "list", "host/official"];

    const listed = amber(...list, base64, "--base64", "true", ...json);
    const missing = runAmber([...list, "/disk.img.fidx/part/9", ...json], server.env);
    const words = amber(...list, "/disk.img.fidx", ...json);
    const machines = amber("proxmox-file-restore", "status", "--output-format", "json");
    const stopped = runAmber(["proxmox-file-restore", "stop", "no-such"], server.env);

    expect(JSON.parse(listed.stdout)).to.have.nested.property("[0].text", "hello world");
    expect(missing.status).to.equal(0);
    expect(JSON.parse(missing.stdout)).to.have.keys("message");
    expect(JSON.parse(words.stdout)).to.have.nested.property("[0].type", "v");
    expect(JSON.parse(machines.stdout)).to.be.an("array");
    expect(stopped.status).to.equal(255);
  });

  it("says which package reads a file system that debugfs does not", () => {
    const disk = join(folder.path, "xfs.raw");
    const bytes = Buffer.alloc(MIB);
    bytes.write("XFSB");
    writeFileSync(disk, bytes);
    amber("backup", "--backup-id", "other", `disk.img:${disk}`);
    // A folder with nothing but what the program itself needs in it.
    const bin = join(folder.path, "bin");
    mkdirSync(bin);
    symlinkSync("/usr/bin/fusermount3", join(bin, "fusermount3"));

    const list = ["file-restore", "list", "host/other", "/disk.img.fidx/part/0"];
    const run = runAmber(list, { ...server.env, PATH: bin });

    expect(run.status).to.equal(1);
    expect(run.stderr).to.contain("guestfish is not installed (package guestfish)");
  });
});
