import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runAmber, type ServerProcess, startServerProcess } from "./amber-program.ts";

/** Seconds of a day. */
const DAY = 86_400;

/** What the passphrase of the world's key file is. */
export const WORLD_PASSPHRASE = "a long passphrase";

/** A server with real backups of all kinds, for tests of the web page. */
export interface WebWorld {
  readonly server: ServerProcess;
  readonly url: string;
  /** Key file of the group `host/vault`, opened by {@link WORLD_PASSPHRASE}. */
  readonly keyFile: string;
  /** Image that was backed up as `vm/100`, and encrypted as `vm/200`. */
  readonly image: string;
  /** Folder that was backed up. */
  readonly source: string;
  /** When the newest snapshots were made, in seconds since the epoch. */
  readonly newestSec: number;
  /** Runs `amber` against the server. */
  amber(args: readonly string[], env?: Readonly<Record<string, string>>): void;
}

/**
 * Starts a server of its own and backs up to it: hosts (split, legacy and encrypted archives), a virtual machine, and a
 * namespace.
 *
 * Everything is gone when the process ends.
 */
export async function makeWebWorld(nowSec: number): Promise<WebWorld> {
  const home = mkdtempSync(join(tmpdir(), "amber-web-"));
  const server = await startServerProcess(home);
  process.once("exit", () => {
    server.child.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  });
  const source = join(home, "source");
  makeTree(source);
  const keyFile = join(home, "vault.key");
  const amber: WebWorld["amber"] = (args, env = {}) => {
    const run = runAmber(args, { ...server.env, ...env });
    if (run.status !== 0) throw new Error(`amber ${args.join(" ")}: ${run.stderr}`);
  };
  const passphrase = { PBS_ENCRYPTION_PASSWORD: WORLD_PASSPHRASE };
  const backup = (id: string, ageDays: number, ...more: readonly string[]): void => {
    const time = String(nowSec - Math.round(ageDays * DAY));
    const group = ["--backup-id", id, "--backup-time", time];
    amber(["backup", `root.pxar:${source}`, ...group, ...more], passphrase);
  };
  amber(["key", "create", keyFile], passphrase);
  backup("laptop", 2);
  backup("laptop", 1);
  writeFileSync(join(source, "documents", "letter.txt"), "Dear all,\n\nthe second version.\n");
  writeFileSync(join(source, "documents", "new.txt"), "new\n");
  backup("laptop", 0);
  backup("archive", 9, "--change-detection-mode", "legacy");
  backup("vault", 1, "--keyfile", keyFile);
  backup("vault", 0, "--keyfile", keyFile, "--change-detection-mode", "legacy");
  const image = join(home, "disk.raw");
  writeFileSync(image, diskImage());
  const vm = ["--backup-type", "vm", "--backup-id", "100", "--backup-time", String(nowSec)];
  const config = `qemu.conf:${join(source, "notes.md")}`;
  amber(["backup", `drive.img:${image}`, config, ...vm]);
  const sealed = ["--backup-type", "vm", "--backup-id", "200", "--backup-time", String(nowSec)];
  amber(["backup", `drive.img:${image}`, config, ...sealed, "--keyfile", keyFile], passphrase);
  amber(["namespace", "create", "office"]);
  backup("desk", 0, "--ns", "office");
  amber(["verify", "host/laptop"]);
  const [, , address = ""] = (server.env["PBS_REPOSITORY"] ?? "").split("@");
  const [host = "", port = ""] = address.split(":");
  return {
    server,
    url: `https://${host}:${port}/`,
    keyFile,
    image,
    source,
    newestSec: nowSec,
    amber,
  };
}

/** A small tree with what the page can show: text, an image, a document, and odd names. */
function makeTree(root: string): void {
  mkdirSync(join(root, "documents", "2026"), { recursive: true });
  mkdirSync(join(root, "pictures"));
  mkdirSync(join(root, "many"));
  mkdirSync(join(root, "Größe & <Maß>"));
  writeFileSync(join(root, "notes.md"), "# Notes\n\nEverything that matters.\n");
  writeFileSync(join(root, "documents", "letter.txt"), "Dear all,\n\nthe first version.\n");
  writeFileSync(join(root, "documents", "2026", "report.pdf"), smallPdf());
  writeFileSync(join(root, "pictures", "dot.png"), Buffer.from(dotPng, "base64"));
  writeFileSync(join(root, "pictures", "harmful.svg"), harmfulSvg);
  writeFileSync(join(root, "Größe & <Maß>", "ein <b>Name.txt"), "ok\n");
  writeFileSync(join(root, "large.bin"), Buffer.alloc(3_000_000, "0123456789abcdef"));
  for (let i = 0; i < 300; i++) writeFileSync(join(root, "many", `file-${i}.txt`), `file ${i}\n`);
  makeLinks(root);
}

/** A folder with links of both kinds: one file has its names in two folders of it, another one a name outside of it. */
function makeLinks(root: string): void {
  const links = join(root, "links");
  mkdirSync(join(links, "deep"), { recursive: true });
  writeFileSync(join(links, "named-twice.txt"), "one file\n");
  chmodSync(join(links, "named-twice.txt"), 0o640);
  utimesSync(join(links, "named-twice.txt"), 1_234_567_890, 1_234_567_890);
  linkSync(join(links, "named-twice.txt"), join(links, "deep", "again.txt"));
  linkSync(join(root, "documents", "letter.txt"), join(links, "letter.txt"));
  symlinkSync("../notes.md", join(links, "pointer"));
  utimesSync(join(links, "deep"), 1_000_000_000, 1_000_000_000);
}

const dotPng =
  "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAFElEQVR4nGP4v4wBD2LAKzuSpAG1/k3lHVv6jwAAAABJRU5ErkJggg==";

const harmfulSvg =
  '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><script>window.harmed = true</script><rect width="20" height="20" fill="red"/></svg>';

/** A disk with two partitions: 2 MiB marked as ext4, and 1 MiB of swap. */
function diskImage(): Buffer {
  const disk = Buffer.alloc(5_000_000, "an image ");
  disk.fill(0, 446, 510);
  [
    [0x83, 2048, 4096],
    [0x82, 6144, 2048],
  ].forEach(([type = 0, start = 0, sectors = 0], i) => {
    const entry = 446 + 16 * i;
    disk.writeUInt8(type, entry + 4);
    disk.writeUInt32LE(start, entry + 8);
    disk.writeUInt32LE(sectors, entry + 12);
  });
  disk.writeUInt16LE(0xaa55, 510);
  disk.writeUInt16LE(0xef53, 2048 * 512 + 1080);
  disk.write("SWAPSPACE2", 6144 * 512 + 4086);
  return disk;
}

function smallPdf(): string {
  return `%PDF-1.1
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj
trailer<</Root 1 0 R>>
`;
}
