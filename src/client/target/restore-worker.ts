import { parentPort, workerData } from "node:worker_threads";

import { FormatError } from "../../format/format-error.ts";
import { extractArchive } from "./extract-archive.ts";
import { RestoreError } from "./restore-error.ts";
import { type RestoreAnswer, type RestoreRequest } from "./restore-request.ts";

// Thread that restores one archive; see `restoreTree`, which starts it.

// eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- what `restoreTree` passes
const request = workerData as RestoreRequest;

function answer(message: RestoreAnswer): void {
  parentPort?.postMessage(message);
}

try {
  extractArchive(request, (problem) => {
    answer({ kind: "problem", problem });
  });
  answer({ kind: "done" });
} catch (error) {
  answer({ kind: "failed", failure: takeApart(error) });
}

function takeApart(error: unknown): (RestoreAnswer & { readonly kind: "failed" })["failure"] {
  if (error instanceof RestoreError) {
    return { kind: "restore", code: error.code, path: error.path, message: error.message };
  }
  if (error instanceof FormatError) {
    return { kind: "format", code: error.code, message: error.message };
  }
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  return { kind: "other", message: String(error), stack };
}
