import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Run, runAmber, startServerProcess } from "../support/amber-program.ts";
import { prng } from "../support/prng.ts";

// Reads files with `amber file-restore` out of a disk with xfs, btrfs, ntfs, ext4 and two logical volumes, and out of disks without a
// partition table: `npm run file-systems`. Needs guestfish, a kernel below /boot, and some minutes without KVM.

const MIB = 1024 * 1024;
const folder = mkdtempSync("/var/tmp/amber-file-systems-");
// KVM may be there and not work; libguestfs does not find that out by itself.
const forced = { LIBGUESTFS_BACKEND: "direct", LIBGUESTFS_BACKEND_SETTINGS: "force_tcg" };
const large = Buffer.from(prng(5, 3 * MIB));
writeFileSync(join(folder, "large"), large);

function guestfish(disks: readonly string[], script: readonly string[]): void {
  const drives = disks.flatMap((path) => ["--format=raw", "-a", path]);
  execFileSync("guestfish", drives, {
    input: ["run", ...script].join("\n"),
    env: { ...process.env, ...forced },
    stdio: ["pipe", "inherit", "inherit"],
  });
}

function fill(device: string, text: string): readonly string[] {
  return [
    `mount ${device} /`,
    `mkdir "/a folder"`,
    `write "/a folder/it's here" "${text}"`,
    `upload ${join(folder, "large")} "/a folder/large"`,
    ...(text === "ntfs" ? [] : [`ln-s large "/a folder/link"`]),
    "umount /",
  ];
}

function makeDisks(): void {
  const disks = ["parts.raw", "whole-xfs.raw", "whole-btrfs.raw", "whole-ntfs.raw"];
  const sizes = ["900M", "320M", "128M", "64M"];
  for (const [i, disk] of disks.entries()) {
    execFileSync("truncate", ["-s", sizes[i] ?? "", join(folder, disk)]);
  }
  const sectors = (mib: number): number => (mib * MIB) / 512;
  const starts = [1, 321, 481, 561, 641, 890];
  const parts = starts.slice(0, -1).map((start, i) => {
    return `part-add /dev/sda p ${sectors(start)} ${sectors(starts[i + 1] ?? 0) - 1}`;
  });
  guestfish(
    disks.map((disk) => join(folder, disk)),
    [
      ...["part-init /dev/sda gpt", ...parts],
      ...["mkfs xfs /dev/sda1", ...fill("/dev/sda1", "xfs")],
      ...["mkfs btrfs /dev/sda2", ...fill("/dev/sda2", "btrfs")],
      ...["mkfs ntfs /dev/sda3", ...fill("/dev/sda3", "ntfs")],
      ...["mkfs ext4 /dev/sda4", ...fill("/dev/sda4", "ext4")],
      ...["pvcreate /dev/sda5", "vgcreate vg /dev/sda5"],
      ...["lvcreate root vg 60", "lvcreate data-1 vg 60"],
      ...["mkfs ext4 /dev/vg/root", ...fill("/dev/vg/root", "root")],
      ...[
        "mkfs vfat /dev/vg/data-1",
        ...fill("/dev/vg/data-1", "data").filter((line) => !line.startsWith("ln-s")),
      ],
      ...["mkfs xfs /dev/sdb", ...fill("/dev/sdb", "xfs")],
      ...["mkfs btrfs /dev/sdc", ...fill("/dev/sdc", "btrfs")],
      ...["mkfs ntfs /dev/sdd", ...fill("/dev/sdd", "ntfs")],
    ],
  );
}

const server = await startServerProcess(folder);
let wrong = 0;

function amber(...args: readonly string[]): Run {
  const run = runAmber(args, { ...server.env, ...forced });
  if (run.status !== 0) throw new Error(`amber ${args.join(" ")}: ${run.stderr}`);
  return run;
}

function check(what: string, isRight: boolean): void {
  if (!isRight) wrong += 1;
  console.log(isRight ? "right" : "WRONG", what);
}

/** A system of files that {@link fill} made. */
function checkFiles(place: string, text: string): void {
  const startMs = performance.now();
  const listed = amber("file-restore", "list", "host/systems", `${place}/a folder`).stdout;
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const hasLink = !["ntfs", "data"].includes(text);
  const names = ["it's here", "large", ...(hasLink ? ["link"] : [])];
  check(`list ${place}, ${seconds} s`, listed.trim().split("\n").sort().join() === names.join());
  const file = amber("file-restore", "extract", "host/systems", `${place}/a folder/it's here`, "-");
  check(`extract a file of ${place}`, file.stdout === text);
  const target = join(folder, `out${place.replaceAll("/", "-")}`);
  mkdirSync(target);
  amber("file-restore", "extract", "host/systems", `${place}/a folder`, target);
  const copy = readFileSync(join(target, "a folder/large"));
  check(`extract a folder of ${place}`, copy.equals(large));
}

try {
  makeDisks();
  const sources = ["parts", "whole-xfs", "whole-btrfs", "whole-ntfs"].map(
    (name) => `${name}.img:${join(folder, name)}.raw`,
  );
  amber("backup", "--backup-id", "systems", ...sources);
  const image = "/parts.img.fidx";
  check(
    "words of the disk",
    amber("file-restore", "list", "host/systems", image).stdout === "part\nlvm\n",
  );
  checkFiles(`${image}/part/1`, "xfs");
  checkFiles(`${image}/part/2`, "btrfs");
  checkFiles(`${image}/part/3`, "ntfs");
  checkFiles(`${image}/part/4`, "ext4");
  const groups = amber("file-restore", "list", "host/systems", `${image}/lvm`).stdout;
  check("groups of volumes", groups === "vg\n");
  const volumes = amber("file-restore", "list", "host/systems", `${image}/lvm/vg`).stdout;
  check("volumes", volumes.trim().split("\n").sort().join() === "data-1,root");
  checkFiles(`${image}/lvm/vg/root`, "root");
  checkFiles(`${image}/lvm/vg/data-1`, "data");
  for (const system of ["xfs", "btrfs", "ntfs"]) {
    checkFiles(`/whole-${system}.img.fidx/part/0`, system);
  }
  check("no machine is left", amber("file-restore", "status").stdout === "No machines running.\n");
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${wrong} wrong`);
if (wrong > 0) process.exitCode = 1;
