import { isChunkDamage } from "../../client/restore/restore-damage.ts";
import { writerCountFor } from "../../client/restore/run-restore.ts";
import { SharedCounters } from "../../client/shared-counters.ts";
import { RestoreError } from "../../client/target/restore-error.ts";
import {
  restoreCounterFields,
  type RestoreOptions,
  type RestorePattern,
} from "../../client/target/restore-request.ts";
import { restoreTree } from "../../client/target/restore-tree.ts";
import { parseArchiveName } from "../../format/snapshot/archive-name.ts";
import { RestoreReport } from "../restore-report.ts";
import { type ShellArchive } from "./open-archive.ts";
import { type ShellPath } from "./shell-path.ts";

/** What of an archive is restored from the shell, and where. */
export interface PartToRestore {
  /** Directory that becomes the target. */
  readonly below: ShellPath;
  /** Of that, what is restored; everything when empty. */
  readonly patterns: readonly RestorePattern[];
  readonly target: string;
  readonly options: RestoreOptions;
}

/**
 * Restores a part of an open archive and tells on standard error how far it is.
 *
 * @throws {RestoreError} As `restoreTree`; `RESTORE_INCOMPLETE` when files were left out because they are damaged.
 */
export async function restorePart(
  opened: ShellArchive,
  { below, patterns, target, options }: PartToRestore,
  signal: AbortSignal,
): Promise<void> {
  const { snapshot, namespace, name, key, archive, payload } = opened;
  using report = new RestoreReport({ snapshot, namespace, archive: name, target, key }, "text");
  const counters = new SharedCounters(restoreCounterFields);
  report.started(counters, (payload ?? archive).index.size);
  let damagedCount = 0;
  await restoreTree({
    archive,
    payload,
    writerCount: writerCountFor((payload ?? archive).index.size),
    isDamage: isChunkDamage,
    onDamage: ({ path, cause }) => {
      damagedCount += 1;
      report.damage({ index: parseArchiveName(`${name}.didx`), path, cause });
    },
    target: Buffer.from(target),
    below,
    patterns,
    options,
    counters: counters.memory,
    onProblem: (problem) => {
      report.problem(problem);
    },
    signal,
  });
  if (damagedCount > 0) {
    const reason = `damaged files left out: ${damagedCount}; everything else was restored`;
    throw new RestoreError("RESTORE_INCOMPLETE", target, reason);
  }
  report.succeed();
}
