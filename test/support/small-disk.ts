import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";

/** A real file system of its own with little room, for tests by root. */
export interface SmallDisk extends Disposable {
  /** Where it is mounted. */
  readonly path: string;
  /** Takes all space that is left. */
  fill(): void;
  /** Gives it back. */
  free(): void;
  /** Does what a kernel does with a broken disk: from now on it is read-only. */
  breakDown(): void;
  /** Makes it whole again; nobody may have a file on it open. */
  repair(): void;
  /** Leaves an empty folder where it was mounted; files that are open stay so. */
  detach(): void;
  /** Mounts it again. */
  attach(): void;
}

const RESERVE = "reserve";
const RESERVE_BYTES = 8 * 1024 * 1024;

/** Makes an ext4 of `bytes` in a file below `folder` and mounts it; throws where that is not allowed. */
export function mountSmallDisk(folder: string, bytes: number): SmallDisk {
  const image = join(folder, "disk.img");
  const path = join(folder, "disk");
  const ballast = join(path, "ballast");
  writeFileSync(image, "");
  truncateSync(image, bytes);
  mkdirSync(path);
  run("mkfs.ext4", "-q", "-m", "0", "-N", "20000", image);
  const mount = (): void => {
    run("mount", "-o", "loop,errors=remount-ro", image, path);
  };
  mount();
  // What a failed backup has stored stays until it is collected; this much can be given back whatever that was.
  writeFileSync(join(path, RESERVE), Buffer.alloc(RESERVE_BYTES, 1));
  return {
    path,
    fill() {
      for (const size of [256 * 1024, 4096]) {
        try {
          for (;;) appendFileSync(ballast, Buffer.alloc(size));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        }
        run("sync", "-f", path);
      }
    },
    free() {
      rmSync(ballast, { force: true });
      rmSync(join(path, RESERVE), { force: true });
    },
    breakDown() {
      const device = run("findmnt", "-no", "SOURCE", path).trim();
      writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, "test");
    },
    repair() {
      run("umount", path);
      // Its exit status says that something was repaired.
      try {
        run("e2fsck", "-fy", image);
      } catch (error) {
        if ((error as { status?: number }).status !== 1) throw error;
      }
      mount();
    },
    detach() {
      run("umount", "--lazy", path);
    },
    attach: mount,
    [Symbol.dispose]() {
      if (existsSync(path)) run("umount", path);
    },
  };
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
