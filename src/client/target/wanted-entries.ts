import { parseExcludeArgument } from "../../format/patterns/exclude-record.ts";
import { MatchList } from "../../format/patterns/match-list.ts";
import { type RestorePattern } from "./restore-request.ts";

const SLASH = 0x2f;

/**
 * What of an archive is restored: with patterns, what they match and everything below it.
 *
 * The last pattern that matches decides; `!` takes out again.
 */
export class WantedEntries {
  readonly #list = new MatchList();
  /** Whether the directories on the path are wanted, the root first. */
  readonly #levels: boolean[] = [];
  readonly #scope: "archive" | "part";
  #path: number[] = [];

  /**
   * Parses the patterns.
   *
   * @param scope `part` when only one directory of the archive is looked at, so that hard links may lead out of it.
   * @throws {FormatError} For a pattern that is none.
   */
  constructor(patterns: readonly RestorePattern[], scope: "archive" | "part") {
    this.#scope = scope;
    this.#list.add(
      patterns.map((text) => parseExcludeArgument(Buffer.from(text), () => undefined)),
    );
  }

  /** Whether every file of the archive is restored. */
  get isEverything(): boolean {
    return this.isWhole && this.#scope === "archive";
  }

  /** Whether everything is restored of what is looked at. */
  get isWhole(): boolean {
    return this.#list.size === 0;
  }

  /** The root is entered, or the directory that is looked at. */
  enterRoot(): void {
    this.#levels.push(this.isWhole);
  }

  /** A directory is entered. */
  enter(name: Uint8Array, isWanted: boolean): void {
    this.#levels.push(isWanted);
    if (!this.isWhole) this.#path.push(SLASH, ...name);
  }

  /** The directory entered last is left. */
  leave(): void {
    this.#levels.pop();
    if (!this.isWhole) this.#path.length = Math.max(0, this.#path.lastIndexOf(SLASH));
  }

  /** Whether an entry of the directory entered last is wanted. */
  has(name: Uint8Array, kind: "directory" | "other"): boolean {
    if (this.isWhole) return true;
    const verdict = this.#list.verdict(Uint8Array.from([...this.#path, SLASH, ...name]), kind);
    if (verdict === undefined) return this.#levels.at(-1) ?? false;
    // The language is that of exclude patterns; here a match means that the entry is wanted.
    return verdict === "exclude";
  }
}
