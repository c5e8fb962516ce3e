/**
 * Question: how does Amber compare, on one machine and in one run, with restic, borg and casync as Debian ships them?
 *
 * Usage: `npm run bench` (root, Debian 12), or with `-- --rounds 3 --tools amber,restic --data DIR --keep`.
 * Installs what it needs from Debian, prepares the data once, runs every step of every tool in turn, round by round,
 * and prints a table of medians, spreads and ratios to the best peer and of encrypted to not encrypted; `--write` also puts it into bench/results.md.
 * Everything is warm in the page cache. Amber is measured with its server and client on the same cores.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { cpus, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    tools: { type: "string", default: "amber,amber-one,amber-dir,amber-enc,restic,borg,casync" },
    data: { type: "string", default: "/var/tmp/amber-bench" },
    write: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});

const rounds = Number(options.rounds);
const data = resolve(options.data);
const tree = join(data, "linux-source-6.1");
const big = join(data, "big");
const work = join(data, "work");
const amberBin = resolve(import.meta.dirname, "../bin/amber.js");
const SUBTREE = "drivers/gpu";

const steps = [
  "first backup",
  "unchanged backup",
  "restore",
  "mount, find -ls",
  "mount, cp -a drivers/gpu",
  "mount, read 1 GiB file",
] as const;
type Step = (typeof steps)[number];

/** One timed run. */
interface Sample {
  readonly seconds: number;
  readonly maxRssMiB: number;
}

/** One program under test; every method does the whole step, mounts are made outside the timed part. */
interface Tool {
  readonly name: string;
  prepare(): Promise<void>;
  backup(): Sample;
  restore(target: string): Sample;
  mount(): Promise<{ tree: string; big: string; rssMiB(): number; unmount(): Promise<void> }>;
  backupBig(): Sample;
  close(): Promise<void>;
}

function sh(command: string): void {
  execFileSync("bash", ["-c", command], { stdio: ["ignore", "ignore", "inherit"] });
}

function timed(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Sample {
  const report = join(work, "time.txt");
  const run = spawnSync("/usr/bin/time", ["-o", report, "-f", "%e %M", command, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${run.stderr}`);
  const [seconds = "0", kib = "0"] = readFileSync(report, "utf8").trim().split(/\s+/).slice(-2);
  return { seconds: Number(seconds), maxRssMiB: Number(kib) / 1024 };
}

function rssMiB(pid: number | undefined): number {
  if (pid === undefined || !existsSync(`/proc/${pid}/status`)) return 0;
  return (
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024
  );
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (condition()) return;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error(`waited in vain for ${what}`);
}

function isMounted(path: string): boolean {
  return readFileSync("/proc/self/mounts", "utf8").includes(` ${path} `);
}

async function unmount(path: string, child?: ChildProcess): Promise<void> {
  spawnSync("umount", [path]);
  await until(() => !isMounted(path), `unmount of ${path}`);
  if (child)
    await until(() => child.exitCode !== null || child.signalCode !== null, "end of the mount");
}

function prepareData(): void {
  mkdirSync(work, { recursive: true });
  const missing = ["restic", "borg", "casync", "rsync", "fusermount3"].filter(
    (program) => spawnSync("which", [program]).status !== 0,
  );
  if (
    missing.length > 0 ||
    !existsSync("/usr/bin/time") ||
    !existsSync("/usr/src/linux-source-6.1.tar.xz")
  ) {
    sh(
      "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq restic borgbackup casync rsync fuse3 time xz-utils linux-source-6.1 >/dev/null",
    );
  }
  if (!existsSync(tree)) sh(`tar xJf /usr/src/linux-source-6.1.tar.xz -C '${data}'`);
  if (!existsSync(join(big, "big.bin"))) {
    mkdirSync(big, { recursive: true });
    // Half of it is what disks are full of, half does not compress.
    sh(
      `{ tar c /usr/lib /usr/bin 2>/dev/null | head -c 536870912; openssl enc -aes-128-ctr -pass pass:amber -pbkdf2 </dev/zero 2>/dev/null | head -c 536870912; } > '${big}/big.bin'; truncate -s 1G '${big}/big.bin'`,
    );
  }
  sh(
    `find '${tree}' -type f -print0 | xargs -0 cat > /dev/null; cat '${big}/big.bin' > /dev/null; sync`,
  );
}

const resticEnv = {
  RESTIC_PASSWORD: "bench",
  RESTIC_CACHE_DIR: join(work, "restic-cache"),
  RESTIC_REPOSITORY: join(work, "restic"),
};
const borgEnv = {
  BORG_BASE_DIR: join(work, "borg-base"),
  BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
  BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
};

async function backgroundMount(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  point: string,
): Promise<ChildProcess> {
  mkdirSync(point, { recursive: true });
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: "ignore" });
  await until(() => isMounted(point), `mount of ${command}`);
  return child;
}

const restic: Tool = {
  name: "restic",
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
      rssMiB: () => rssMiB(child.pid),
      unmount: async () => {
        await unmount(point, child);
      },
    };
  },
  close: async () => {
    await Promise.resolve();
  },
};

const borg: Tool = {
  name: "borg",
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
  restore(target) {
    const name = execFileSync(
      "borg",
      ["list", "--short", "--last", "1", "-a", "tree-*", join(work, "borg")],
      { env: { ...process.env, ...borgEnv }, encoding: "utf8" },
    ).trim();
    return timed(
      "bash",
      ["-c", `cd '${target}' && borg extract '${join(work, "borg")}::${name}'`],
      borgEnv,
    );
  },
  async mount() {
    const point = join(work, "mnt-borg");
    const child = await backgroundMount(
      "borg",
      ["mount", "--foreground", join(work, "borg"), point],
      borgEnv,
      point,
    );
    const name =
      readdirSync(point)
        .filter((entry) => entry.startsWith("tree-"))
        .at(-1) ?? "";
    return {
      tree: join(point, name, tree),
      big: join(point, "big", big, "big.bin"),
      rssMiB: () => rssMiB(child.pid),
      unmount: async () => {
        await unmount(point, child);
      },
    };
  },
  close: async () => {
    await Promise.resolve();
  },
};

const casync: Tool = {
  name: "casync",
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
      rssMiB: () => Math.max(rssMiB(first.pid), rssMiB(second.pid)),
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

/** How Amber is used. */
interface AmberUse {
  /** With a key that has no passphrase, or not at all. */
  readonly encryption: "none" | "encrypt";
  /** The whole datastore, as restic mounts it, or each archive by itself, as borg and casync do. */
  readonly mounts: "datastore" | "archives";
  /** From where mounts read: the server, or the datastore's folder, as the others read theirs. */
  readonly reads: "server" | "folder";
}

/** Amber with a server of its own. */
function amberTool(
  name: string,
  { encryption, mounts, reads }: AmberUse,
): Tool & { rssMiB(): number } {
  const home = join(work, name);
  const keyFile = join(home, "key.json");
  const crypt = encryption === "none" ? [] : ["--keyfile", keyFile];
  let server: ChildProcess | undefined;
  let env: NodeJS.ProcessEnv = {};
  const run = (...args: readonly string[]): Sample =>
    timed(process.execPath, [amberBin, ...args, ...crypt], env);
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
        execFileSync(process.execPath, [amberBin, "key", "create", keyFile, "--kdf", "none"]);
      }
      const ready = join(home, "ready.json");
      server = spawn(
        process.execPath,
        [
          amberBin,
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
        const args = [amberBin, "mount", "--foreground", ...what, point, ...from, ...crypt];
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

const amber = amberTool("amber", { encryption: "none", mounts: "datastore", reads: "server" });
const archives = amberTool("amber-one", {
  encryption: "none",
  mounts: "archives",
  reads: "server",
});
const folder = amberTool("amber-dir", {
  encryption: "none",
  mounts: "datastore",
  reads: "folder",
});
const encrypted = amberTool("amber-enc", {
  encryption: "encrypt",
  mounts: "datastore",
  reads: "server",
});
const ours: readonly (Tool & { rssMiB(): number })[] = [amber, archives, folder, encrypted];

const peers: Readonly<Record<string, Tool>> = {
  amber,
  "amber-one": archives,
  "amber-dir": folder,
  "amber-enc": encrypted,
  restic,
  borg,
  casync,
};
const tools = options.tools.split(",").map((name) => {
  const tool = peers[name];
  if (!tool) throw new Error(`unknown tool "${name}"`);
  return tool;
});

const samples = new Map<string, Sample[]>();
function record(tool: Tool, step: Step, sample: Sample): void {
  const key = `${tool.name}/${step}`;
  samples.set(key, [...(samples.get(key) ?? []), sample]);
  console.log(
    `${tool.name.padEnd(9)} ${step.padEnd(26)} ${sample.seconds.toFixed(2).padStart(7)} s ${sample.maxRssMiB.toFixed(0).padStart(5)} MiB`,
  );
}

async function measure(tool: Tool): Promise<void> {
  await tool.prepare();
  record(tool, "first backup", tool.backup());
  await new Promise((wake) => setTimeout(wake, 1100)); // snapshots are named by the second
  record(tool, "unchanged backup", tool.backup());
  const target = join(work, "restored");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  record(tool, "restore", tool.restore(target));
  rmSync(target, { recursive: true, force: true });
  tool.backupBig();
  const mounted = await tool.mount();
  const within = (sample: Sample): Sample => ({
    seconds: sample.seconds,
    maxRssMiB: mounted.rssMiB(),
  });
  record(
    tool,
    "mount, find -ls",
    within(timed("bash", ["-c", `find '${mounted.tree}/' -ls > /dev/null`])),
  );
  record(
    tool,
    "mount, cp -a drivers/gpu",
    within(timed("cp", ["-a", join(mounted.tree, SUBTREE), target])),
  );
  rmSync(target, { recursive: true, force: true });
  record(
    tool,
    "mount, read 1 GiB file",
    within(timed("dd", [`if=${mounted.big}`, "of=/dev/null", "bs=1M"])),
  );
  await mounted.unmount();
  for (const own of ours) {
    if (tool === own) console.log(`${own.name} server peak ${own.rssMiB().toFixed(0)} MiB`);
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** What is compared with the best peer, and with what is not encrypted. */
const ratioColumns = [
  [amber, "amber ÷ best peer"],
  [archives, "amber-one ÷ best peer"],
  [folder, "amber-dir ÷ best peer"],
  [encrypted, "encrypted ÷ not"],
] as const;

function table(): string {
  const lines = [
    `Machine: ${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}. Seconds: median (minimum–maximum) of ${rounds} rounds; peak memory of the client or mount process in MiB.`,
    "",
    `| step | ${tools.map((tool) => tool.name).join(" | ")} | ${ratioColumns.map(([, title]) => title).join(" | ")} |`,
    `|---|${tools.map(() => "---|").join("")}${ratioColumns.map(() => "---|").join("")}`,
  ];
  for (const step of steps) {
    const medians = new Map(
      tools.map((tool) => [
        tool,
        median((samples.get(`${tool.name}/${step}`) ?? []).map((sample) => sample.seconds)),
      ]),
    );
    const cells = tools.map((tool) => {
      const own = samples.get(`${tool.name}/${step}`) ?? [];
      const seconds = own.map((sample) => sample.seconds);
      return `${(medians.get(tool) ?? Number.NaN).toFixed(2)} (${Math.min(...seconds).toFixed(2)}–${Math.max(...seconds).toFixed(2)}), ${Math.max(...own.map((sample) => sample.maxRssMiB)).toFixed(0)} MiB`;
    });
    const best = Math.min(
      ...tools
        .filter((tool) => !ours.some((own) => own === tool))
        .map((tool) => medians.get(tool) ?? Number.NaN),
    );
    const of = (tool: Tool): number => medians.get(tool) ?? Number.NaN;
    const ratios = ratioColumns.map(([tool]) =>
      tool === encrypted ? of(tool) / of(amber) : of(tool) / best,
    );
    const shown = ratios.map((ratio) => (Number.isFinite(ratio) ? ratio.toFixed(2) : "–"));
    lines.push(`| ${step} | ${cells.join(" | ")} | ${shown.join(" | ")} |`);
  }
  return lines.join("\n");
}

prepareData();
try {
  for (let round = 1; round <= rounds; round++) {
    for (const tool of tools) await measure(tool);
  }
} finally {
  for (const tool of tools) await tool.close();
}
const result = table();
console.log(`\n${result}`);
if (options.write) {
  const file = resolve(import.meta.dirname, "results.md");
  appendFileSync(
    file,
    `\n## ${new Date().toISOString().slice(0, 10)}: side by side, ${statSync(join(big, "big.bin")).size / 2 ** 20} MiB file and Linux 6.1 tree\n\n${result}\n`,
  );
}
if (!options.keep) rmSync(work, { recursive: true, force: true });
