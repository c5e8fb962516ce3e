import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { type Readable } from "node:stream";
import { promisify } from "node:util";

import { VmError } from "./vm-error.ts";

const run = promisify(execFile);

/** How a program of the system is run. */
export interface ToolOptions {
  /** What cannot be done without it, for errors: `map "disk.img"`. */
  readonly action: string;
  /** Debian package that has the program. */
  readonly inPackage: string;
  readonly signal?: AbortSignal;
  /** Longest output in bytes; 1 MiB when absent. */
  readonly outputBytesMax?: number;
}

/**
 * Runs a program to its end.
 *
 * @returns What it wrote to standard output.
 * @throws {VmError} `VM_TOOL_MISSING` with the package's name; `VM_TOOL_FAILED` with what the program says; the signal's reason.
 */
export async function runTool(
  program: string,
  args: readonly string[],
  { action, inPackage, signal, outputBytesMax = 1024 * 1024 }: ToolOptions,
): Promise<string> {
  try {
    const options = { maxBuffer: outputBytesMax, ...(signal ? { signal } : {}) };
    return (await run(program, args, options)).stdout;
  } catch (cause) {
    signal?.throwIfAborted();
    throw toolError(program, cause, { action, inPackage });
  }
}

/**
 * Runs a program and hands out what it writes to standard output, as it comes; the program ends when the reader leaves early.
 *
 * @throws {VmError} As {@link runTool}, in the end.
 */
export async function* streamTool(
  program: string,
  args: readonly string[],
  options: Pick<ToolOptions, "action" | "inPackage">,
): AsyncGenerator<Uint8Array, void, void> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  ended.catch(() => undefined); // Awaited below, unless the reader leaves early.
  let stderr = "";
  child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString()));
  try {
    const output: Readable = child.stdout;
    for await (const piece of output) if (piece instanceof Uint8Array) yield piece;
    await ended;
  } catch (cause) {
    throw toolError(program, cause, options);
  } finally {
    child.kill();
  }
  if (child.exitCode !== 0) {
    throw toolError(program, Object.assign(new Error("it failed"), { stderr }), options);
  }
}

/** What a failure of a program means. */
export function toolError(
  program: string,
  cause: unknown,
  { action, inPackage }: Pick<ToolOptions, "action" | "inPackage">,
): VmError {
  if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
    const detail = `${program} is not installed (package ${inPackage})`;
    return new VmError("VM_TOOL_MISSING", action, { cause, detail });
  }
  const told = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
  return new VmError("VM_TOOL_FAILED", action, { cause, ...(told === "" ? {} : { detail: told }) });
}
