import { sameBytes } from "../../format/pxar/metadata.ts";

/** Where a walk is on its way from the root of an archive down to the directory that is restored, and in it. */
export class WayDown {
  readonly #names: readonly Uint8Array[];
  /** For each open directory: how much of the way leads to it, or -1 when none. */
  readonly #levels: number[] = [];

  /** Names of the directories below the root. */
  constructor(names: readonly Uint8Array[]) {
    this.#names = names;
  }

  /** Whether the open directory is the one at the end of the way, or below it. */
  get place(): "inside" | "outside" {
    return (this.#levels.at(-1) ?? -1) >= this.#names.length ? "inside" : "outside";
  }

  /** A directory is entered; the root comes first, under any name. */
  enter(name: Uint8Array): "inside" | "outside" {
    const above = this.#levels.at(-1);
    const next = this.#names[above ?? 0];
    if (above === undefined) this.#levels.push(0);
    else if (above < 0 || above >= this.#names.length) this.#levels.push(above);
    else this.#levels.push(next && sameBytes(next, name) ? above + 1 : -1);
    return this.place;
  }

  /** Tells where the directory was that is left. */
  leave(): "inside" | "outside" {
    const left = this.place;
    this.#levels.pop();
    return left;
  }
}
