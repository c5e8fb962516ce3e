/** restic, borg and casync, as Debian ships them. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { backgroundMount, type Sample, timed, unmount } from "./timed-run.ts";
import { type ImageUse, type Places, type Tool } from "./tool.ts";

/** restic, with the compression it has by default. */
export function resticTool({ tree, big, image, work }: Places): Tool {
  const resticEnv = {
    RESTIC_PASSWORD: "bench",
    RESTIC_CACHE_DIR: join(work, "restic-cache"),
    RESTIC_REPOSITORY: join(work, "restic"),
  };
  const images: ImageUse = {
    backup: () => timed("restic", ["backup", "--quiet", image], resticEnv),
    restore(target) {
      // Debian 12's version cannot make holes yet.
      const sparse = helpOf("restic", "restore").includes("--sparse") ? ["--sparse"] : [];
      const args = ["restore", "--quiet", "latest", "--path", image, "--target", target, ...sparse];
      return { ...timed("restic", args, resticEnv), path: join(target, image, "disk.img") };
    },
  };
  return {
    name: "restic",
    images,
    pids: () => [],
    async prepare() {
      await Promise.resolve();
      rmSync(join(work, "restic"), { recursive: true, force: true });
      rmSync(join(work, "restic-cache"), { recursive: true, force: true });
      timed("restic", ["init", "--quiet"], resticEnv);
    },
    backup: () => timed("restic", ["backup", "--quiet", tree], resticEnv),
    backupBig: () => timed("restic", ["backup", "--quiet", "--tag", "big", big], resticEnv),
    restore: (target) =>
      timed(
        "restic",
        ["restore", "--quiet", "latest", "--path", tree, "--target", target],
        resticEnv,
      ),
    async mount() {
      const point = join(work, "mnt-restic");
      const child = await backgroundMount("restic", ["mount", point], resticEnv, point);
      const latest = (path: string): string => {
        const found = readdirSync(join(point, "ids"))
          .map((id) => join(point, "ids", id, path))
          .find((at) => existsSync(at));
        return found ?? "";
      };
      return {
        tree: latest(tree),
        big: latest(join(big, "big.bin")),
        image: latest(join(image, "disk.img")),
        pids: [child.pid ?? 0],
        unmount: async () => {
          await unmount(point, child);
        },
      };
    },
    close: async () => {
      await Promise.resolve();
    },
  };
}

/** borg, with zstd at level 1 and without encryption; images are cut as its manual says, in fixed chunks and without reading holes. */
export function borgTool({ tree, big, image, work }: Places): Tool {
  const borgEnv = {
    BORG_BASE_DIR: join(work, "borg-base"),
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
    BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
  };
  const extract = (archives: string, target: string, options: readonly string[]): Sample => {
    const name = execFileSync(
      "borg",
      ["list", "--short", "--last", "1", "-a", archives, join(work, "borg")],
      { env: { ...process.env, ...borgEnv }, encoding: "utf8" },
    ).trim();
    const command = ["borg", "extract", ...options, `'${join(work, "borg")}::${name}'`].join(" ");
    return timed("bash", ["-c", `cd '${target}' && ${command}`], borgEnv);
  };
  const images: ImageUse = {
    backup() {
      const cuts = ["--sparse", "--chunker-params", "fixed,4194304"];
      const archive = `${join(work, "borg")}::image-{now:%s%f}`;
      return timed("borg", ["create", "-C", "zstd,1", ...cuts, archive, image], borgEnv);
    },
    restore: (target) => ({
      ...extract("image-*", target, ["--sparse"]),
      path: join(target, image, "disk.img"),
    }),
  };

  return {
    name: "borg",
    images,
    pids: () => [],
    async prepare() {
      await Promise.resolve();
      rmSync(join(work, "borg"), { recursive: true, force: true });
      rmSync(join(work, "borg-base"), { recursive: true, force: true });
      timed("borg", ["init", "-e", "none", join(work, "borg")], borgEnv);
    },
    backup: () =>
      timed(
        "borg",
        ["create", "-C", "zstd,1", `${join(work, "borg")}::tree-{now:%s%f}`, tree],
        borgEnv,
      ),
    backupBig: () =>
      timed("borg", ["create", "-C", "zstd,1", `${join(work, "borg")}::big`, big], borgEnv),
    restore: (target) => extract("tree-*", target, []),
    async mount() {
      const point = join(work, "mnt-borg");
      const child = await backgroundMount(
        "borg",
        ["mount", "--foreground", join(work, "borg"), point],
        borgEnv,
        point,
      );
      const latest = (prefix: string): string =>
        readdirSync(point)
          .filter((entry) => entry.startsWith(prefix))
          .at(-1) ?? "";
      return {
        tree: join(point, latest("tree-"), tree),
        big: join(point, "big", big, "big.bin"),
        image: join(point, latest("image-"), image, "disk.img"),
        pids: [child.pid ?? 0],
        unmount: async () => {
          await unmount(point, child);
        },
      };
    },
    close: async () => {
      await Promise.resolve();
    },
  };
}

/** casync, with all metadata; its mount is of one archive, so there are two. */
export function casyncTool({ tree, big, work }: Places): Tool {
  return {
    name: "casync",
    pids: () => [],
    async prepare() {
      await Promise.resolve();
      rmSync(join(work, "casync"), { recursive: true, force: true });
      mkdirSync(join(work, "casync"));
    },
    backup: () => timed("casync", ["make", "--with=best", join(work, "casync/tree.caidx"), tree]),
    backupBig: () => timed("casync", ["make", "--with=best", join(work, "casync/big.caidx"), big]),
    restore: (target) =>
      timed("casync", ["extract", join(work, "casync/tree.caidx"), join(target, "tree")]),
    async mount() {
      const one = join(work, "mnt-casync");
      const two = join(work, "mnt-casync-big");
      const first = await backgroundMount(
        "casync",
        ["mount", join(work, "casync/tree.caidx"), one],
        {},
        one,
      );
      const second = await backgroundMount(
        "casync",
        ["mount", join(work, "casync/big.caidx"), two],
        {},
        two,
      );
      return {
        tree: one,
        big: join(two, "big.bin"),
        image: "",
        pids: [first.pid ?? 0, second.pid ?? 0],
        unmount: async () => {
          await unmount(one, first);
          await unmount(two, second);
        },
      };
    },
    close: async () => {
      await Promise.resolve();
    },
  };
}

/** What a program says it can do. */
function helpOf(program: string, command: string): string {
  return spawnSync(program, [command, "--help"], { encoding: "utf8" }).stdout;
}
