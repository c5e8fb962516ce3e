import { ChunkError } from "../../src/chunks/chunk-error.ts";
import { SharedCounters } from "../../src/client/shared-counters.ts";
import { type RestoreProblem } from "../../src/client/target/restore-problem.ts";
import {
  restoreCounterFields,
  type RestoreOptions,
} from "../../src/client/target/restore-request.ts";
import {
  type FileDamage,
  type RestorableArchive,
  restoreTree,
} from "../../src/client/target/restore-tree.ts";
import { type MemoryUpload } from "./memory-upload.ts";
import { type Packed } from "./pack-directory.ts";

/** Restores nothing over what is there, and everything of the metadata. */
export const CAREFUL: RestoreOptions = {
  existingDirectories: "refuse",
  overwrite: { files: false, symlinks: false, hardLinks: false, special: false },
  ignore: { acls: false, xattrs: false, fcaps: false, ownership: false, permissions: false },
  leaveOut: { devices: false, fifos: false, sockets: false },
  deviceErrors: "fail",
  zeros: "holes",
};

/** What of a restore a test may choose. */
export type RestoreChoices = Partial<RestoreOptions> & {
  readonly patterns?: readonly string[];
  readonly writerCount?: number;
  readonly onDamage?: (damage: FileDamage) => void;
};

/** Restores a packed directory with the real thread. */
export async function restorePacked(
  packed: Pick<Packed, "archive" | "payload">,
  target: string,
  choices: RestoreChoices = {},
): Promise<readonly RestoreProblem[]> {
  const payload = packed.payload.ends.length > 0 ? restorable(packed.payload) : undefined;
  return await restoreRaw({ archive: restorable(packed.archive), payload }, target, choices);
}

/** Restores an archive with the real thread. */
export async function restoreRaw(
  source: { readonly archive: RestorableArchive; readonly payload?: RestorableArchive | undefined },
  target: string,
  choices: RestoreChoices = {},
): Promise<readonly RestoreProblem[]> {
  const { patterns = [], writerCount = 0, onDamage, ...options } = choices;
  const problems: RestoreProblem[] = [];
  await restoreTree({
    archive: source.archive,
    payload: source.payload,
    target: Buffer.from(target),
    patterns,
    options: { ...CAREFUL, ...options },
    writerCount,
    isDamage: (error) => error instanceof ChunkError,
    onDamage: (damage) => {
      onDamage?.(damage);
    },
    counters: new SharedCounters(restoreCounterFields).memory,
    onProblem: (problem) => problems.push(problem),
  });
  return problems;
}

function restorable(upload: MemoryUpload): RestorableArchive {
  return {
    indexFile: upload.file(),
    chunkCount: upload.ends.length,
    readChunk: async (i) => await Promise.resolve(upload.chunk(i)),
  };
}
