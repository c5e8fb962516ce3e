import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { type Readable } from "node:stream";
import { promisify } from "node:util";

import { type FileTree, type TreeEntry } from "./file-tree.ts";
import { toolError } from "./run-tool.ts";
import { VmError } from "./vm-error.ts";

const run = promisify(execFile);

/** Inode of the root directory of every ext file system. */
const EXT_ROOT = 2;

/** Longest listing in bytes; ours. */
const LISTING_BYTES_MAX = 256 * 1024 * 1024;

/** What `stat` of debugfs prints at its end for a link whose target is short enough to lie in its inode: `cat` cannot read that one. */
const SHORT_LINK = /^Fast link dest: "(?<target>.*)"\n$/ms;

/** What `ls -p` of debugfs prints for an entry: inode, mode, owner, group, name, size. */
const LISTED = /^\/(?<inode>\d+)\/(?<mode>[0-7]+)\/\d+\/\d+\/(?<name>.*)\/(?<size>\d*)\/$/s;

const kinds: Readonly<Record<string, TreeEntry["kind"]>> = {
  "04": "directory",
  "10": "file",
  "12": "symlink",
};

/**
 * An ext2, ext3 or ext4 file system inside an image, read with `debugfs` and without mounting it.
 *
 * Entries are addressed by inode, so that names may be anything. What an image says is not trusted: names that are none are left
 * out of listings.
 */
export class ExtFiles implements FileTree {
  readonly #device: string;
  readonly #inodes = new WeakMap<TreeEntry, number>();
  /** The directory in which an entry was listed. */
  readonly #parents = new WeakMap<TreeEntry, TreeEntry>();
  readonly root: TreeEntry = { name: "", kind: "directory", size: 0, mode: 0o755 };

  /**
   * Chooses a file system.
   *
   * @param path The image.
   * @param offset Bytes in front of the file system.
   */
  constructor(path: string, offset: number) {
    this.#device = `${path}?offset=${offset}`;
    this.#inodes.set(this.root, EXT_ROOT);
  }

  async list(directory: TreeEntry): Promise<readonly TreeEntry[]> {
    this.#refuseLoop(directory);
    const { stdout } = await this.#run(`ls -p <${this.#inodeOf(directory)}>`);
    return stdout.split("\n").flatMap((line) => {
      const { inode, mode = "", name = "", size } = LISTED.exec(line)?.groups ?? {};
      if (inode === undefined || ["", ".", ".."].includes(name) || name.includes("/")) return [];
      const entry: TreeEntry = {
        name,
        kind: kinds[mode.slice(0, 2)] ?? "other",
        mode: Number.parseInt(mode, 8) & 0o777,
        size: Number(size ?? 0),
      };
      this.#inodes.set(entry, Number(inode));
      this.#parents.set(entry, directory);
      return [entry];
    });
  }

  /** Fails while it is read when the file system is damaged. */
  async *read(entry: TreeEntry): AsyncGenerator<Uint8Array, void, void> {
    const { name } = entry;
    const target = entry.kind === "symlink" ? await this.#shortLink(entry) : undefined;
    if (target !== undefined) {
      yield target;
      return;
    }
    const request = `cat <${this.#inodeOf(entry)}>`;
    const child = spawn("debugfs", ["-R", request, this.#device], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = once(child, "close");
    ended.catch(() => undefined); // Awaited below, unless the reader leaves early.
    let told = "";
    child.stderr.on("data", (piece: Buffer) => (told += piece.toString()));
    try {
      const output: Readable = child.stdout;
      for await (const piece of output) if (piece instanceof Uint8Array) yield piece;
      await ended;
      if (child.signalCode !== null) throw new Error(`debugfs was ended by ${child.signalCode}`);
    } catch (cause) {
      throw debugfsError(`read "${name}"`, cause);
    } finally {
      child.kill();
    }
    const complaint = complaintOf(told);
    if (complaint !== "")
      throw new VmError("VM_TOOL_FAILED", `read "${name}"`, { detail: complaint });
  }

  /** A directory that lies in itself, as no sound file system has it, would be walked for ever. */
  #refuseLoop(directory: TreeEntry): void {
    const inode = this.#inodeOf(directory);
    for (let above = this.#parents.get(directory); above; above = this.#parents.get(above)) {
      if (this.#inodeOf(above) !== inode) continue;
      const detail = "it lies in itself";
      throw new VmError("VM_TOOL_FAILED", `read the directory "${directory.name}"`, { detail });
    }
  }

  async #shortLink(entry: TreeEntry): Promise<Uint8Array | undefined> {
    const { stdout } = await this.#run(`stat <${this.#inodeOf(entry)}>`, "latin1");
    const target = SHORT_LINK.exec(stdout)?.groups?.["target"];
    return target === undefined ? undefined : Buffer.from(target, "latin1");
  }

  #inodeOf(entry: TreeEntry): number {
    const inode = this.#inodes.get(entry);
    if (inode === undefined) throw new TypeError(`"${entry.name}" is not of this file system`);
    return inode;
  }

  async #run(
    request: string,
    encoding: BufferEncoding = "utf8",
  ): Promise<{ readonly stdout: string }> {
    try {
      const ran = await run("debugfs", ["-R", request, this.#device], {
        maxBuffer: LISTING_BYTES_MAX,
        encoding,
      });
      const detail = complaintOf(ran.stderr);
      if (detail !== "") throw new VmError("VM_TOOL_FAILED", "read the file system", { detail });
      return ran;
    } catch (cause) {
      throw cause instanceof VmError ? cause : debugfsError("read the file system", cause);
    }
  }
}

/** It always says its version, and never fails by its status. */
function complaintOf(told: string): string {
  return told
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^debugfs \d/.test(line))
    .join("; ");
}

function debugfsError(action: string, cause: unknown): VmError {
  return toolError("debugfs", cause, { action, inPackage: "e2fsprogs" });
}
