import { parentPort, workerData } from "node:worker_threads";

import { SharedArena } from "../../chunks/shared-arena.ts";
import { SourceError } from "../source/source-error.ts";
import {
  type PackAnswer,
  type PackCommand,
  type PackFailure,
  type PackWorkerData,
} from "./pack-request.ts";
import { packTree } from "./pack-tree.ts";

// Thread that packs trees, one after another; see `PackThread`, which starts it.

const port = parentPort;
// eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- what `PackThread` passes
const { arena: handle } = workerData as PackWorkerData;
const arena = SharedArena.attach(handle);

function answer(message: PackAnswer): void {
  port?.postMessage(message);
}

function perform(command: PackCommand): void {
  try {
    switch (command.kind) {
      case "pack":
        packTree(command.request, {
          arena,
          emit: (stream, cut) => {
            answer({ kind: "cut", stream, cut });
          },
          report: (problem) => {
            answer({ kind: "problem", problem });
          },
          catalog: undefined,
        });
        break;
      case "finishCatalog":
        break;
    }
    answer({ kind: "done" });
  } catch (error) {
    answer({ kind: "failed", failure: takeApart(error) });
  }
}

function takeApart(error: unknown): PackFailure {
  if (error instanceof SourceError) {
    const cause = error.cause instanceof Error ? error.cause.message : "";
    return { kind: "source", code: error.code, path: error.path, cause };
  }
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  return { kind: "other", message: String(error), stack };
}

port?.on("message", perform);
