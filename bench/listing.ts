/**
 * Question: what does a listing cost the server, of one group and of everything, in a small datastore and in a large one?
 *
 * Usage: `npm run --silent build && npx tsx bench/listing.ts [groups] [snapshots of each]`, below `TMPDIR`; 300 groups of 10 unless
 * told. One snapshot is made by a backup and copied (`copied-snapshots.ts`). Each listing is asked for over one connection, one
 * request after the other. Prints the median and the 99th percentile of what the client waits, and CPU ms of the server a request.
 */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { runAmber, type ServerProcess, startServerProcess } from "../test/support/amber-program.ts";
import { copySnapshots } from "./copied-snapshots.ts";
import { cpuSecondsOf } from "./meter.ts";
import { ticketOf } from "./ticket.ts";

/** Requests before those that count: code is compiled by then. */
const WARM_UP = 30;

const [groupsText = "300", eachText = "10"] = process.argv.slice(2);

/** Asks for the same thing again and again. */
async function measure(server: ServerProcess, path: string, count: number): Promise<string> {
  const cookie = `PBSAuthCookie=${encodeURIComponent(await ticketOf(server.env))}`;
  const port = Number(/:(\d+):/.exec(server.env["PBS_REPOSITORY"] ?? "")?.[1]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  const pid = server.child.pid ?? 0;
  const ask = async (): Promise<number> => {
    const startMs = performance.now();
    const sent = request({ port, path: `/api2/json${path}`, agent, headers: { cookie } });
    sent.end();
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    const said = await text(answer);
    if (answer.statusCode !== 200) throw new Error(`${path}: ${said}`);
    return performance.now() - startMs;
  };
  for (let i = 0; i < Math.min(WARM_UP, count); i++) await ask();
  const before = cpuSecondsOf(pid);
  const waits: number[] = [];
  for (let i = 0; i < count; i++) waits.push(await ask());
  const cpuMs = ((cpuSecondsOf(pid) - before) * 1000) / count;
  agent.destroy();
  waits.sort((a, b) => a - b);
  const at = (share: number): string => (waits[Math.floor(share * count)] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, server ${cpuMs.toFixed(1)} CPU ms a request (${count} requests)`;
}

async function measureAll(server: ServerProcess, what: string): Promise<void> {
  const base = "/admin/datastore/store1";
  for (const [name, path, count] of [
    ["version", "/version", 200],
    ["one group", `${base}/snapshots?backup-type=host&backup-id=copy000`, 200],
    ["all snapshots", `${base}/snapshots`, 10],
    ["all groups", `${base}/groups`, 10],
  ] as const) {
    console.log(`${what}, ${name}: ${await measure(server, path, count)}`);
  }
}

const [groups, each] = [Number(groupsText), Number(eachText)];
const home = mkdtempSync(join(process.env["TMPDIR"] ?? tmpdir(), "amber-listing-"));
const server = await startServerProcess(home);
try {
  const tree = join(home, "tree");
  mkdirSync(tree);
  for (let i = 0; i < 100; i++) writeFileSync(join(tree, `file${i}`), "x".repeat(100 * i));
  const run = runAmber(["backup", `root.pxar:${tree}`, "--backup-id", "small"], server.env);
  if (run.status !== 0) throw new Error(run.stderr);
  const copies = { store: join(home, "store"), id: "small", perGroup: each };
  copySnapshots({ ...copies, count: each });
  await measureAll(server, `1 group of ${each}`);
  rmSync(join(home, "store", "host", "copy000"), { recursive: true });
  copySnapshots({ ...copies, count: groups * each });
  await measureAll(server, `${groups} groups of ${each}`);
} finally {
  await server.stop();
  rmSync(home, { recursive: true, force: true });
}
