import { type ResidentChunks } from "../../chunks/resident-chunks.ts";
import { type PxarNode } from "../../format/pxar/node.ts";
import { PxarTree } from "../../format/pxar/tree-reader.ts";
import { type BrowsedEntry } from "../browsed-entry.ts";
import { CliError } from "../cli-error.ts";
import { type ShellPath, shellPathBytes, shownPath } from "./shell-path.ts";

/** Directories whose entries are kept. */
const DIRECTORIES_KEPT = 16;

/** What an archive is browsed with. */
export interface BrowserParts {
  /** The archive with the tree. */
  readonly archive: ResidentChunks;
  /** Reads what is in the root: from the catalogue or from the archive. */
  readonly root: () => Promise<readonly BrowsedEntry[]>;
}

/** Finds entries of one archive by their paths; symbolic links are not followed. */
export class ArchiveBrowser {
  readonly #parts: BrowserParts;
  readonly #tree: PxarTree;
  /** Entries by the directory's path, the least recently read first. */
  readonly #kept = new Map<string, readonly BrowsedEntry[]>();

  constructor(parts: BrowserParts) {
    this.#parts = parts;
    this.#tree = new PxarTree(parts.archive);
  }

  /**
   * The entries of a directory, sorted by name.
   *
   * @throws {CliError} `CLI_NOT_FOUND` when there is no such directory.
   */
  async list(path: ShellPath): Promise<readonly BrowsedEntry[]> {
    const key = keyOf(path);
    const known = this.#kept.get(key);
    const entries = known ?? (await this.#read(path));
    this.#kept.delete(key);
    this.#kept.set(key, entries);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= DIRECTORIES_KEPT) break;
      this.#kept.delete(oldest);
    }
    return entries;
  }

  /**
   * What a path leads to; `undefined` for the root.
   *
   * @throws {CliError} `CLI_NOT_FOUND`.
   */
  async entry(path: ShellPath): Promise<BrowsedEntry | undefined> {
    const name = path.at(-1);
    if (name === undefined) return undefined;
    const siblings = await this.list(path.slice(0, -1));
    const found = siblings.find((each) => Buffer.from(each.name).equals(name));
    if (found) return found;
    throw notFound(path);
  }

  /**
   * The entry with all that the archive holds of it.
   *
   * @throws {CliError} `CLI_NOT_FOUND`; `FormatError`, `ChunkError`.
   */
  async node(path: ShellPath, signal: AbortSignal): Promise<PxarNode> {
    const { archive } = this.#parts;
    return await archive.run(
      () => {
        let node: PxarNode = this.#tree.root();
        for (const name of path) {
          const child: PxarNode | undefined =
            node.kind === "directory" ? this.#tree.lookup(node, name) : undefined;
          if (!child) throw notFound(path);
          node = child;
        }
        return node;
      },
      { signal },
    );
  }

  /** Everything below a directory; directories come before what is in them. */
  async *walk(
    path: ShellPath,
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly path: ShellPath; readonly entry: BrowsedEntry }, void, void> {
    const open = [{ path, entries: (await this.list(path)).values() }];
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      signal.throwIfAborted();
      const next = level.entries.next();
      if (next.done === true) {
        open.pop();
        continue;
      }
      const entry = next.value;
      const inside = [...level.path, entry.name];
      yield { path: inside, entry };
      const children = await entry.children?.();
      if (children) open.push({ path: inside, entries: sorted(children).values() });
    }
  }

  async #read(path: ShellPath): Promise<readonly BrowsedEntry[]> {
    if (path.length === 0) return sorted(await this.#parts.root());
    const directory = await this.entry(path);
    const children = await directory?.children?.();
    if (children) return sorted(children);
    throw new CliError("CLI_NOT_FOUND", `Cannot enter ${shown(path)}: it is no directory`);
  }
}

function sorted(entries: readonly BrowsedEntry[]): readonly BrowsedEntry[] {
  return entries.toSorted((a, b) => Buffer.compare(a.name, b.name));
}

function keyOf(path: ShellPath): string {
  return Buffer.from(shellPathBytes(path)).toString("latin1");
}

function notFound(path: ShellPath): CliError {
  return new CliError("CLI_NOT_FOUND", `Cannot find ${shown(path)}: the archive has no such entry`);
}

function shown(path: ShellPath): string {
  return shownPath(shellPathBytes(path));
}
