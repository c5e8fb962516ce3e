import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** How long an answer is used again, in milliseconds. */
const FRESH_MS = 30_000;

/** Answers that are kept; the newest. */
const ANSWERS_MAX = 20;

interface KeptAnswer {
  readonly key: string;
  readonly atMs: number;
  readonly values: readonly string[];
}

/**
 * Takes an answer from the cache of completions, or asks and keeps it: whoever presses the tab key does so again soon.
 *
 * The file is the user's alone, below `$XDG_CACHE_HOME`. A cache that cannot be read or written is done without.
 */
export async function cachedAnswer(
  key: string,
  nowMs: number,
  ask: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const { replacePrivateFile } = await import("../client/session/private-file.ts");
  const home = process.env["XDG_CACHE_HOME"] ?? join(process.env["HOME"] ?? homedir(), ".cache");
  const path = join(home, "amber", "completion.json");
  const kept = (await readKept(path)).filter(({ atMs }) => Math.abs(nowMs - atMs) < FRESH_MS);
  const found = kept.find((answer) => answer.key === key);
  if (found) return found.values;
  const values = await ask();
  const next = [{ key, atMs: nowMs, values }, ...kept].slice(0, ANSWERS_MAX);
  await replacePrivateFile(path, JSON.stringify(next), randomUUID()).catch(() => undefined);
  return values;
}

async function readKept(path: string): Promise<readonly KeptAnswer[]> {
  try {
    const content: unknown = JSON.parse(await readFile(path, "utf8"));
    return Array.isArray(content) ? content.filter(isKept) : [];
  } catch {
    return [];
  }
}

function isKept(value: unknown): value is KeptAnswer {
  return (
    typeof value === "object" &&
    value !== null &&
    "key" in value &&
    "atMs" in value &&
    typeof value.atMs === "number" &&
    "values" in value &&
    Array.isArray(value.values)
  );
}
