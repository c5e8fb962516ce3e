import { type FastifyBaseLogger } from "fastify";
import { pino, stdTimeFunctions } from "pino";

/** Levels of the server's log, most important first. */
export const serverLogLevels = ["error", "warn", "info", "debug", "trace"] as const;

/** One of {@link serverLogLevels}. */
export type ServerLogLevel = (typeof serverLogLevels)[number];

/** How lines look: JSON for machines, text for people. */
export type ServerLogForm = "json" | "text";

/** Where the server's log goes and what of it. */
export interface ServerLogOptions {
  readonly level: ServerLogLevel;
  readonly form: ServerLogForm;
  readonly write: (line: string) => void;
}

/** Makes the server's log. */
export function makeServerLog(options: ServerLogOptions): FastifyBaseLogger {
  const { level, form, write } = options;
  return pino(
    { level, timestamp: stdTimeFunctions.isoTime, base: null },
    {
      write: (line: string) => {
        write(form === "json" ? line : textLine(line));
      },
    },
  );
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};

/** `2026-01-02T03:04:05.678Z info  backup session started  store=s1 snapshot=host/a/…` */
function textLine(line: string): string {
  const entry: unknown = JSON.parse(line);
  if (typeof entry !== "object" || entry === null) return line;
  const { level, time, msg, ...fields } = { level: 30, time: "", msg: "", ...entry };
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`);
  const head = `${time} ${(LEVEL_NAMES[level] ?? "").padEnd(5)} ${msg}`;
  return `${[head, ...shown].join("  ")}\n`;
}

function fieldText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && "stack" in value) return String(value.stack);
  return JSON.stringify(value);
}
