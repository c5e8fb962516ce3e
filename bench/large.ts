/**
 * Question: how do memory and CPU time grow with the size of an image, and with the number of clients?
 *
 * Usage: `npm run --silent build && npx tsx bench/large.ts [tebibyte] [clients] [growth]` (root, FUSE; all three when none is named),
 * below `TMPDIR`. Images are computed by a mount of ours and take no room; what is stored of them takes 2 GiB at most.
 * - `tebibyte`: 1 TiB of which 32 GiB are data in 512 places, 1 GiB of that noise; the rest is holes. First and unchanged backup.
 * - `clients`: sixteen clients at once, each with an image of its own: noise (128 MiB each), then text (1 GiB each).
 * - `growth`: 0.3, 3 and 30 GiB of text without holes.
 * Prints peak memory and CPU seconds of client and server, and the exponent of growth: 1 is linear.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { fuseTransport } from "../src/fs/fuse-transport.ts";
import {
  amberProgram,
  type ServerProcess,
  startServerProcess,
} from "../test/support/amber-program.ts";
import { cpuSecondsOf } from "./meter.ts";
import { type SyntheticImage } from "./synthetic-image.ts";
import { ticketOf } from "./ticket.ts";
import { nextSecond, rssMiB } from "./timed-run.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const CLIENTS = 16;
/** Places of the large image that are noise, 64 MiB each. */
const NOISE_PLACES = 16;

/** What one backup cost its client. */
interface ClientCost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

const parts = { tebibyte, clients, growth };

/** An image without holes. */
function dense(name: string, sizeBytes: number, content: "noise" | "text"): SyntheticImage {
  const noiseBytes = content === "noise" ? sizeBytes : 0;
  return { name, sizeBytes, runBytes: sizeBytes, everyBytes: sizeBytes, noiseBytes };
}

/** Shows images as files, and has a server of its own. */
async function withImages(
  images: readonly SyntheticImage[],
  use: (folder: string, server: ServerProcess, home: string) => Promise<void>,
): Promise<void> {
  const home = mkdtempSync(join(process.env["TMPDIR"] ?? tmpdir(), "amber-large-"));
  const mountPoint = join(home, "mnt");
  mkdirSync(mountPoint);
  const moduleUrl = new URL("./synthetic-image.ts", import.meta.url).href;
  const mount = await fuseTransport.mount(
    { moduleUrl, argument: images },
    {
      mountPoint,
      sourceName: "synthetic",
      allowOther: false,
      resolve: async () => await Promise.reject(new Error("nothing is fetched")),
      onError: (error) => {
        console.error(error);
      },
    },
  );
  try {
    const server = await startServerProcess(home);
    try {
      await use(mountPoint, server, home);
    } finally {
      await server.stop();
    }
  } finally {
    await mount.unmount();
    rmSync(home, { recursive: true, force: true });
  }
}

async function backup(
  path: string,
  id: string,
  { env }: Pick<ServerProcess, "env">,
  home: string,
): Promise<ClientCost> {
  const report = join(home, `time-${id}`);
  const time = ["-o", report, "-f", "%e %U %S %M"];
  const args = [amberProgram, "backup", `disk.img:${path}`, "--backup-id", id];
  const child = spawn("/usr/bin/time", [...time, process.execPath, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (piece: string) => (said += piece));
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(said);
  const [seconds = 0, user = 0, system = 0, kib = 0] = readFileSync(report, "utf8")
    .trim()
    .split(" ")
    .map(Number);
  return { seconds, cpuSeconds: user + system, peakMiB: kib / 1024 };
}

function shown({ seconds, cpuSeconds, peakMiB }: ClientCost): string {
  return `${seconds.toFixed(1)} s, client ${cpuSeconds.toFixed(1)} CPU s, peak ${peakMiB.toFixed(0)} MiB`;
}

function shownServer(server: ServerProcess): string {
  const pid = server.child.pid ?? 0;
  return `server ${cpuSecondsOf(pid).toFixed(1)} CPU s so far, peak ${rssMiB(pid).toFixed(0)} MiB`;
}

async function tebibyte(): Promise<void> {
  const image = {
    name: "tebibyte.img",
    sizeBytes: 1024 * GIB,
    runBytes: 64 * MIB,
    everyBytes: 2 * GIB,
    noiseBytes: NOISE_PLACES * 2 * GIB,
  };
  await withImages([image], async (folder, server, home) => {
    for (const what of ["first", "unchanged"]) {
      const cost = await backup(join(folder, image.name), "tebibyte", server, home);
      console.log(`1 TiB, 32 GiB of data, ${what}: ${shown(cost)}; ${shownServer(server)}`);
      await nextSecond();
    }
  });
}

async function clients(): Promise<void> {
  for (const [content, mib] of [
    ["noise", 128],
    ["text", 1024],
  ] as const) {
    const images = Array.from({ length: CLIENTS }, (_, i) => dense(`${i}.img`, mib * MIB, content));
    await withImages(images, async (folder, server, home) => {
      const env = { ...server.env, PBS_PASSWORD: await ticketOf(server.env) };
      const costs = await Promise.all(
        images.map(async ({ name }, i) => await backup(join(folder, name), `c${i}`, { env }, home)),
      );
      const longest = costs.reduce((one, other) => (one.seconds > other.seconds ? one : other));
      const peakMiB = Math.max(...costs.map((cost) => cost.peakMiB));
      const cpuSeconds = costs.reduce((sum, cost) => sum + cost.cpuSeconds, 0);
      console.log(
        `${CLIENTS} clients, ${mib} MiB of ${content} each: ${shown({ ...longest, cpuSeconds, peakMiB })}; ${shownServer(server)}`,
      );
    });
  }
}

async function growth(): Promise<void> {
  const unit = 300 * MIB;
  const images = [1, 10, 100].map((factor) => dense(`${factor}.img`, factor * unit, "text"));
  await withImages(images, async (folder, server, home) => {
    const pid = server.child.pid ?? 0;
    let before: { readonly client: number; readonly server: number } | undefined;
    for (const { name, sizeBytes } of images) {
      const spent = cpuSecondsOf(pid);
      const cost = await backup(join(folder, name), name, server, home);
      const now = { client: cost.cpuSeconds, server: cpuSecondsOf(pid) - spent };
      // Ten times the size: the logarithm of the ratio is the exponent.
      const exponents = before
        ? `; exponent of CPU time: client ${Math.log10(now.client / before.client).toFixed(2)}, server ${Math.log10(now.server / before.server).toFixed(2)}`
        : "";
      console.log(
        `${(sizeBytes / GIB).toFixed(1)} GiB: ${shown(cost)}; server ${now.server.toFixed(1)} CPU s, peak ${rssMiB(pid).toFixed(0)} MiB${exponents}`,
      );
      before = now;
    }
  });
}

const chosen = process.argv.slice(2);
for (const [name, measure] of Object.entries(parts)) {
  if (chosen.length === 0 || chosen.includes(name)) await measure();
}
