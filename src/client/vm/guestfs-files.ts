import { type FileTree, type TreeEntry } from "./file-tree.ts";
import { runTool, streamTool } from "./run-tool.ts";

/** Names whose status is asked for at once. */
const NAMES_MAX = 200;

/** Longest answer in bytes; ours. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

const READ = { action: "read the file system", inPackage: "guestfish" } as const;

/** Bits of a mode that say what kind of thing it is, and their values (inode(7)). */
const KIND_MASK = 0o170_000;
const kinds: Readonly<Record<number, TreeEntry["kind"]>> = {
  0o040_000: "directory",
  0o100_000: "file",
  0o120_000: "symlink",
};

/** The file system that a `GuestfsMachine` has mounted. What it says is not trusted: names that are none are left out. */
export class GuestfsFiles implements FileTree {
  readonly root: TreeEntry = { name: "", kind: "directory", size: 0, mode: 0o755 };
  readonly #paths = new WeakMap<TreeEntry, string>();
  readonly #program: string;
  readonly #remote: readonly string[];

  /** Takes program and arguments in front of each command. */
  constructor([program = "", ...remote]: readonly string[]) {
    this.#program = program;
    this.#remote = remote;
    this.#paths.set(this.root, "/");
  }

  async list(directory: TreeEntry): Promise<readonly TreeEntry[]> {
    const folder = this.#pathOf(directory);
    const listed = (await this.#run(["ls0", folder, "-"])).split("\0");
    const names = listed.filter((name) => !["", ".", ".."].includes(name) && !name.includes("/"));
    const entries: TreeEntry[] = [];
    for (let i = 0; i < names.length; i += NAMES_MAX) {
      entries.push(...(await this.#describe(folder, names.slice(i, i + NAMES_MAX))));
    }
    return entries;
  }

  async *read(entry: TreeEntry): AsyncGenerator<Uint8Array, void, void> {
    const path = this.#pathOf(entry);
    if (entry.kind === "symlink") {
      const to = await this.#run(["readlink", path]);
      yield Buffer.from(to.slice(0, -1)); // A line.
      return;
    }
    const action = { ...READ, action: `read "${entry.name}"` };
    yield* streamTool(this.#program, [...this.#remote, "download", path, "-"], action);
  }

  async #describe(folder: string, names: readonly string[]): Promise<readonly TreeEntry[]> {
    const quotable = names.filter((name) => !name.includes("'"));
    const odd = names.filter((name) => name.includes("'"));
    const list = quotable.map((name) => `'${name}'`).join(" ");
    const told = list === "" ? "" : await this.#run(["lstatnslist", folder, list]);
    const entries = this.#entriesOf(told, { folder, names: quotable });
    for (const name of odd) {
      const one = await this.#run(["lstatns", join(folder, name)]);
      entries.push(...this.#entriesOf(one, { folder, names: [name] }));
    }
    return entries;
  }

  #entriesOf(
    told: string,
    { folder, names }: { readonly folder: string; readonly names: readonly string[] },
  ): TreeEntry[] {
    const modes = numbersOf(told, "st_mode");
    const sizes = numbersOf(told, "st_size");
    return names.flatMap((name, i) => {
      const mode = modes[i];
      if (mode === undefined || mode <= 0) return []; // Gone, or a name that is not UTF-8.
      const kind = kinds[mode & KIND_MASK] ?? "other";
      const entry: TreeEntry = { name, kind, size: sizes[i] ?? 0, mode: mode & 0o777 };
      this.#paths.set(entry, join(folder, name));
      return [entry];
    });
  }

  #pathOf(entry: TreeEntry): string {
    const path = this.#paths.get(entry);
    if (path === undefined) throw new TypeError(`"${entry.name}" is not of this file system`);
    return path;
  }

  async #run(command: readonly string[]): Promise<string> {
    const options = { ...READ, outputBytesMax: ANSWER_BYTES_MAX };
    return await runTool(this.#program, [...this.#remote, ...command], options);
  }
}

/** Values of a field of all the structures that guestfish prints, in their order. */
function numbersOf(told: string, field: string): readonly number[] {
  return [...told.matchAll(new RegExp(`^ *${field}: (-?\\d+)$`, "gm"))].map(([, n]) => Number(n));
}

function join(folder: string, name: string): string {
  return folder === "/" ? `/${name}` : `${folder}/${name}`;
}
