import fs from "node:fs";

import { describeEntry, describeTree, type TreeDescription } from "./describe-tree.ts";
import { Chance } from "./mutator.ts";
import { seededBytes } from "./odd-tree.ts";

/** What became of the lines of {@link describeTree} in a day; `undefined` is what is gone. */
export type ChangedLines = ReadonlyMap<string, string | undefined>;

/** One day of a {@link LivingTree}. */
export interface DayOfChanges {
  readonly lines: ChangedLines;
  readonly counts: Readonly<Record<Kind, number>>;
}

type Kind = "changed" | "added" | "removed" | "renamed" | "mode";

/** Changes weigh most, as they do in trees that people work in. */
const weighted: readonly Kind[] = [
  ...Array.from({ length: 12 }, () => "changed" as const),
  ...(["added", "added", "added", "removed", "removed", "renamed", "renamed", "mode"] as const),
];

/** Files next to each other that change together: work has its places. */
const NEIGHBOURS_MAX = 12;
const NEW_BYTES_MAX = 20_000;

/**
 * A tree in which every day, by a seed, some files are changed, added, removed, renamed or given another mode.
 *
 * It knows its description without reading again what did not change. Files that have several names are left alone.
 * What changes content gets times of the day it is meant to be; directories have those of now.
 */
export class LivingTree {
  readonly first: TreeDescription;
  readonly #root: Buffer;
  readonly #chance: Chance;
  /** Paths of the files that may change, in the order of the tree. */
  readonly #files: string[];
  #touched = new Set<string>();
  #serial = 0;

  constructor(root: string, seed: number) {
    this.#root = Buffer.from(root);
    this.#chance = new Chance(seed);
    this.first = describeTree(root, { withAttributes: false });
    this.#files = [...this.first.keys()].filter((name) => {
      const status = fs.lstatSync(this.#pathOf(name));
      return status.isFile() && status.nlink === 1;
    });
    if (this.#files.length === 0) throw new Error(`"${root}" holds no file that can be changed`);
  }

  /** Number of files that may change. */
  get fileCount(): number {
    return this.#files.length;
  }

  /** Changes `count` files. */
  live(count: number, timeSec: number): DayOfChanges {
    const counts = { changed: 0, added: 0, removed: 0, renamed: 0, mode: 0 };
    this.#touched = new Set();
    for (let left = count; left > 0;) {
      let at = this.#chance.below(this.#files.length);
      for (let run = 1 + this.#chance.below(NEIGHBOURS_MAX); run > 0 && left > 0; run--, left--) {
        const wanted = this.#chance.pick(weighted);
        const kind = wanted === "removed" && this.#files.length === 1 ? "changed" : wanted;
        this.#change(kind, at % this.#files.length, timeSec);
        counts[kind]++;
        at++;
      }
    }
    const lines = new Map([...this.#touched].map((name) => [name, this.#lineOf(name)]));
    return { lines, counts };
  }

  #change(kind: Kind, at: number, timeSec: number): void {
    const name = this.#files[at]!;
    const path = this.#pathOf(name);
    const parent = name.slice(0, name.lastIndexOf("/"));
    this.#touched.add(name);
    if (kind === "changed") this.#rewrite(path, timeSec);
    else if (kind === "mode") fs.chmodSync(path, fs.statSync(path).mode ^ 0o100);
    else {
      this.#touched.add(parent);
      if (kind === "added") this.#files.splice(at + 1, 0, this.#add(parent, timeSec));
      else if (kind === "renamed") this.#files[at] = this.#rename(path, parent);
      else {
        fs.unlinkSync(path);
        this.#files.splice(at, 1);
      }
    }
  }

  /** Some bytes in the middle, or some more at the end. */
  #rewrite(path: Buffer, timeSec: number): void {
    const file = fs.openSync(path, "r+");
    const { size } = fs.fstatSync(file);
    const position = this.#chance.below(2) === 0 ? size : this.#chance.below(size + 1);
    const bytes = this.#bytes(1 + this.#chance.below(500));
    fs.writeSync(file, bytes, 0, bytes.length, position);
    this.#setTime(file, timeSec);
    fs.closeSync(file);
  }

  /** Every other new file lies in a new folder. */
  #add(parent: string, timeSec: number): string {
    let folder = parent;
    if (this.#chance.below(2) === 0) {
      folder = this.#newName(parent, "folder");
      fs.mkdirSync(this.#pathOf(folder));
      this.#touched.add(folder);
    }
    const name = this.#newName(folder, "file");
    const file = fs.openSync(this.#pathOf(name), "wx");
    fs.writeSync(file, this.#bytes(this.#chance.below(NEW_BYTES_MAX)));
    this.#setTime(file, timeSec);
    fs.closeSync(file);
    this.#touched.add(name);
    return name;
  }

  #rename(path: Buffer, parent: string): string {
    const name = this.#newName(parent, "renamed");
    fs.renameSync(path, this.#pathOf(name));
    this.#touched.add(name);
    return name;
  }

  #newName(parent: string, word: string): string {
    this.#serial++;
    return `${parent}/amber-${word}-${this.#serial}`;
  }

  #bytes(size: number): Uint8Array {
    return seededBytes(size, this.#chance.below(0x7fffffff));
  }

  /** No two times are the same. */
  #setTime(file: number, timeSec: number): void {
    this.#serial++;
    fs.futimesSync(file, timeSec, timeSec - 43_200 + this.#serial / 1000);
  }

  #pathOf(name: string): Buffer {
    return Buffer.concat([this.#root, Buffer.from(name, "latin1")]);
  }

  #lineOf(name: string): string | undefined {
    const path = this.#pathOf(name);
    const status = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return status === undefined ? undefined : describeEntry(path, status).join("; ");
  }
}
