import { type ExcludeRules, NO_EXCLUDES } from "./exclude-rules.ts";

/** Patterns of a command line, ready for a walk. */
export interface CommandLineExcludes {
  readonly rules: ExcludeRules;
  /** The patterns as archives record them, one line each; empty when there are none (spec pxar.md §9.3). */
  readonly text: string;
}

/**
 *
 */
/**
 * Parses the patterns of a command line.
 */
export function excludesOf(_request: {
  readonly excludes: readonly string[];
  readonly lostAndFound: "pack" | "skip";
}): CommandLineExcludes {
  return { rules: NO_EXCLUDES, text: "" };
}
