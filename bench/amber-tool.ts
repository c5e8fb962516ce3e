/** Amber itself, used in the ways that are compared. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { amberProgram } from "../test/support/amber-program.ts";
import { withApiToken } from "./api-token.ts";
import { backgroundMount, type Sample, timed, unmount, until } from "./timed-run.ts";
import { type ImageUse, type Places, type Tool } from "./tool.ts";

/** How Amber is used. */
export interface AmberUse {
  /** With a key that has no passphrase, or not at all. */
  readonly encryption: "none" | "encrypt";
  /** The whole datastore, as restic mounts it, or each archive by itself, as borg and casync do. */
  readonly mounts: "datastore" | "archives";
  /** From where mounts read: the server, or the datastore's folder, as the others read theirs. */
  readonly reads: "server" | "folder";
  /** Whether it takes the steps with the image of a disk. */
  readonly takesImages: boolean;
}

/** Amber with a server of its own. */
export function amberTool(
  name: string,
  { tree, big, image, work }: Places,
  { encryption, mounts, reads, takesImages }: AmberUse,
): Tool {
  const home = join(work, name);
  const keyFile = join(home, "key.json");
  const crypt = encryption === "none" ? [] : ["--keyfile", keyFile];
  let server: ChildProcess | undefined;
  let env: NodeJS.ProcessEnv = {};
  const run = (...args: readonly string[]): Sample =>
    timed(process.execPath, [amberProgram, ...args, ...crypt], env);
  const close = async (): Promise<void> => {
    server?.kill();
    if (server)
      await until(
        () => server?.exitCode !== null || server.signalCode !== null,
        "end of the server",
      );
    server = undefined;
  };
  const images: ImageUse = {
    backup: () => run("backup", `disk.img:${join(image, "disk.img")}`, "--backup-id", "image"),
    restore(target) {
      const path = join(target, "disk.img");
      return { ...run("restore", "host/image", "disk.img", path), path };
    },
  };
  return {
    name,
    ...(takesImages ? { images } : {}),
    pids: () => (server?.pid === undefined ? [] : [server.pid]),
    async prepare() {
      await close();
      rmSync(home, { recursive: true, force: true });
      mkdirSync(home);
      const password = join(home, "password");
      writeFileSync(password, "bench-password\n", { mode: 0o600 });
      if (crypt.length > 0) {
        execFileSync(process.execPath, [amberProgram, "key", "create", keyFile, "--kdf", "none"]);
      }
      const ready = join(home, "ready.json");
      server = spawn(
        process.execPath,
        [
          amberProgram,
          "server",
          ...["--config", join(home, "config")],
          ...["--datastore", `bench=${join(home, "store")}`],
          ...["--listen", "127.0.0.1:0"],
          ...["--admin-password-file", password],
          ...["--ready-file", ready],
        ],
        { stdio: ["ignore", "ignore", "ignore"] },
      );
      await until(() => existsSync(ready), "the server");
      const { port, fingerprint } = JSON.parse(readFileSync(ready, "utf8")) as {
        port: number;
        fingerprint: string;
      };
      env = withApiToken({
        PBS_REPOSITORY: `admin@pbs@127.0.0.1:${port}:bench`,
        PBS_PASSWORD: "bench-password",
        PBS_FINGERPRINT: fingerprint,
        XDG_RUNTIME_DIR: home,
      });
    },
    backup: () => run("backup", `tree.pxar:${tree}`, "--backup-id", "tree"),
    backupBig: () => run("backup", `big.pxar:${big}`, "--backup-id", "big"),
    restore: (target) => run("restore", "host/tree", "tree.pxar", join(target, "tree")),
    async mount() {
      const mount = async (what: readonly string[], point: string): Promise<ChildProcess> => {
        const from = reads === "folder" ? ["--datastore", join(home, "store")] : [];
        const args = [amberProgram, "mount", "--foreground", ...what, point, ...from, ...crypt];
        return await backgroundMount(process.execPath, args, env, point);
      };
      const point = join(work, `mnt-${name}`);
      if (mounts === "datastore") {
        const child = await mount([], point);
        return {
          tree: join(point, "host/tree/latest/tree.pxar"),
          big: join(point, "host/big/latest/big.pxar/big.bin"),
          image: join(point, "host/image/latest/disk.img"),
          pids: [child.pid ?? 0],
          unmount: async () => {
            await unmount(point, child);
          },
        };
      }
      const other = `${point}-big`;
      const children = [
        await mount(["host/tree", "tree.pxar"], point),
        await mount(["host/big", "big.pxar"], other),
      ];
      return {
        tree: point,
        big: join(other, "big.bin"),
        image: "",
        pids: children.map(({ pid = 0 }) => pid),
        unmount: async () => {
          await unmount(point, children[0]);
          await unmount(other, children[1]);
        },
      };
    },
    close,
  };
}
