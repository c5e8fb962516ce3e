import { shownOn } from "./visible-text.ts";

/** Levels of `PBS_LOG`, most important first. */
export const logLevels = ["error", "warn", "info", "debug", "trace"] as const;

/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** Where commands say what they are doing: plain lines on standard error. */
export interface CommandLog {
  /** Writes `text` and a line end if `PBS_LOG` asks for lines of `level` (default `info`). */
  line(level: LogLevel, text: string): void;
  /** Tells whether {@link CommandLog.line} would write. */
  shows(level: LogLevel): boolean;
}

/**
 * Makes the log of one run of the program.
 *
 * @param filter Value of `PBS_LOG`: a level, case does not matter; anything else counts as `info`
 *   (spec client-cli.md §1).
 */
export function makeCommandLog(
  filter: string | undefined,
  write: (text: string) => void,
): CommandLog {
  const wanted = logLevels.findIndex((level) => level === filter?.trim().toLowerCase());
  const last = wanted === -1 ? logLevels.indexOf("info") : wanted;
  const shows = (level: LogLevel): boolean => logLevels.indexOf(level) <= last;
  return {
    shows,
    line: (level, text) => {
      if (shows(level)) write(`${text}\n`);
    },
  };
}

/** The log of this run: standard error, filtered by `PBS_LOG`. */
export const commandLog: CommandLog = makeCommandLog(process.env["PBS_LOG"], (text) => {
  process.stderr.write(shownOn(process.stderr, text));
});
