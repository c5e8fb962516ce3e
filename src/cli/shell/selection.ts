import { parseExcludeArgument } from "../../format/patterns/exclude-record.ts";
import { MatchList } from "../../format/patterns/match-list.ts";
import { type RestorePattern } from "../../client/target/restore-request.ts";
import { CliError } from "../cli-error.ts";
import { bytesOfText } from "./byte-text.ts";
import { patternOfPath, type ShellPath, shellPathBytes, shownPath } from "./shell-path.ts";

/** What of an archive is to be restored: paths, and patterns over all of it. */
export class Selection {
  readonly #paths = new Map<string, ShellPath>();
  readonly #patterns = new Set<string>();

  /** Number of paths and patterns. */
  get size(): number {
    return this.#paths.size + this.#patterns.size;
  }

  /** Patterns that together match what is selected, and nothing else. */
  get patterns(): readonly RestorePattern[] {
    return [...this.#paths.values()]
      .map(patternOfPath)
      .concat([...this.#patterns].map((text) => bytesOfText(text)));
  }

  /**
   * Adds an entry with everything below it.
   *
   * @throws {CliError} `CLI_USAGE` for one that is selected already.
   */
  addPath(path: ShellPath): void {
    const text = shownPath(shellPathBytes(path));
    if (this.#paths.has(text)) {
      throw new CliError("CLI_USAGE", `Cannot select ${text}: it is selected already`);
    }
    this.#paths.set(text, path);
  }

  /**
   * Takes an entry out again.
   *
   * @throws {CliError} `CLI_NOT_FOUND` for one that was not selected by its path.
   */
  removePath(path: ShellPath): void {
    const text = shownPath(shellPathBytes(path));
    if (this.#paths.delete(text)) return;
    throw new CliError("CLI_NOT_FOUND", `Cannot deselect ${text}: it was not selected by its path`);
  }

  /** Adds what a pattern matches. */
  addPattern(text: string): void {
    this.#patterns.add(text);
  }

  /** Takes out everything. */
  clear(): void {
    this.#paths.clear();
    this.#patterns.clear();
  }

  /** Tells whether an entry is selected itself; what is below one that is does not count. */
  matcher(): (path: ShellPath, kind: "directory" | "other") => boolean {
    return matcherOf(this.patterns);
  }
}

/**
 * Tells which entries any of these patterns matches.
 *
 * @throws {FormatError} For a pattern that is none.
 */
export function matcherOf(
  patterns: readonly RestorePattern[],
): (path: ShellPath, kind: "directory" | "other") => boolean {
  const list = new MatchList();
  list.add(patterns.map((text) => parseExcludeArgument(Buffer.from(text), () => undefined)));
  return (path, kind) => list.verdict(shellPathBytes(path), kind) === "exclude";
}
