import { SharedCounters } from "../../src/client/shared-counters.ts";
import { type RestoreProblem } from "../../src/client/target/restore-problem.ts";
import {
  restoreCounterFields,
  type RestoreOptions,
} from "../../src/client/target/restore-request.ts";
import { type RestorableArchive, restoreTree } from "../../src/client/target/restore-tree.ts";
import { type MemoryUpload } from "./memory-upload.ts";
import { type Packed } from "./pack-directory.ts";

/** Restores nothing over what is there, and everything of the metadata. */
export const CAREFUL: RestoreOptions = {
  existingDirectories: "refuse",
  overwrite: { files: false, symlinks: false, hardLinks: false, special: false },
  ignore: { acls: false, xattrs: false, ownership: false, permissions: false },
  deviceErrors: "fail",
  zeros: "holes",
};

/** Restores a packed directory with the real thread. */
export async function restorePacked(
  packed: Pick<Packed, "archive" | "payload">,
  target: string,
  choices: Partial<RestoreOptions> & { readonly patterns?: readonly string[] } = {},
): Promise<readonly RestoreProblem[]> {
  const { patterns = [], ...options } = choices;
  const problems: RestoreProblem[] = [];
  await restoreTree({
    archive: restorable(packed.archive),
    payload: packed.payload.ends.length > 0 ? restorable(packed.payload) : undefined,
    target: Buffer.from(target),
    patterns,
    options: { ...CAREFUL, ...options },
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
