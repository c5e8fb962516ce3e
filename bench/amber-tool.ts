/** Amber itself, used in the ways that are compared. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { amberProgram } from "../test/support/amber-program.ts";
import { backgroundMount, rssMiB, type Sample, timed, unmount, until } from "./timed-run.ts";
import { type Places, type Tool } from "./tool.ts";

/** Amber, and the peak memory of its server. */
export type AmberTool = Tool & { rssMiB(): number };

/** How Amber is used. */
export interface AmberUse {
  /** With a key that has no passphrase, or not at all. */
  readonly encryption: "none" | "encrypt";
  /** The whole datastore, as restic mounts it, or each archive by itself, as borg and casync do. */
  readonly mounts: "datastore" | "archives";
  /** From where mounts read: the server, or the datastore's folder, as the others read theirs. */
  readonly reads: "server" | "folder";
}

/** Amber with a server of its own, whose peak memory it tells. */
export function amberTool(
  name: string,
  { tree, big, work }: Places,
  { encryption, mounts, reads }: AmberUse,
): AmberTool {
  const home = join(work, name);
  const keyFile = join(home, "key.json");
  const crypt = encryption === "none" ? [] : ["--keyfile", keyFile];
  let server: ChildProcess | undefined;
  let env: NodeJS.ProcessEnv = {};
  const run = (...args: readonly string[]): Sample =>
    timed(process.execPath, [amberProgram, ...args, ...crypt], env);
  return {
    name,
    rssMiB: () => rssMiB(server?.pid),
    async prepare() {
      server?.kill();
      if (server) await until(() => server?.exitCode !== null, "end of the server");
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
      env = {
        PBS_REPOSITORY: `admin@pbs@127.0.0.1:${port}:bench`,
        PBS_PASSWORD: "bench-password",
        PBS_FINGERPRINT: fingerprint,
        XDG_RUNTIME_DIR: home,
      };
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
          rssMiB: () => rssMiB(child.pid),
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
        rssMiB: () => Math.max(...children.map((child) => rssMiB(child.pid))),
        unmount: async () => {
          await unmount(point, children[0]);
          await unmount(other, children[1]);
        },
      };
    },
    async close() {
      server?.kill();
      await Promise.resolve();
    },
  };
}
