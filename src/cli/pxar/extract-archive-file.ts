import { readFile, writeFile } from "node:fs/promises";

import { ResidentChunks } from "../../chunks/resident-chunks.ts";
import { SharedCounters } from "../../client/shared-counters.ts";
import { restoreCounterFields, type RestoreOptions } from "../../client/target/restore-request.ts";
import { restoreTree } from "../../client/target/restore-tree.ts";
import { PxarTree } from "../../format/pxar/tree-reader.ts";
import { CliError } from "../cli-error.ts";
import { commandLog } from "../log.ts";
import { quotedPath } from "../quoted-path.ts";
import { ArchiveFile } from "./archive-file.ts";

/** What `pxar extract` is told. */
export interface ExtractArchivePlan {
  /** File, or `-` for standard input. */
  readonly archive: string;
  /** File with the content of a split archive. */
  readonly payload: string | undefined;
  readonly target: string;
  readonly patterns: readonly string[];
  /** File with a pattern a line. */
  readonly patternFile: string | undefined;
  /** New file for the prelude of a split archive. */
  readonly preludeTarget: string | undefined;
  readonly options: RestoreOptions;
  /** Whether metadata that cannot be restored makes the command fail. */
  readonly problems: "warn" | "fail";
}

/** Plaintext kept while the head of an archive is looked at, in bytes. */
const HEAD_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Restores the tree of an archive in a file.
 *
 * @throws {RestoreError} `FormatError` for a damaged archive; the signal's reason.
 */
export async function extractArchiveFile(
  plan: ExtractArchivePlan,
  signal: AbortSignal,
): Promise<void> {
  await using archive = await ArchiveFile.open(plan.archive);
  await using payload =
    plan.payload === undefined ? undefined : await ArchiveFile.open(plan.payload);
  const listed =
    plan.patternFile === undefined ? [] : linesOf(await readFile(plan.patternFile, "utf8"));
  if (plan.preludeTarget !== undefined) await writePrelude(archive, plan.preludeTarget);
  let problemCount = 0;
  await restoreTree({
    archive,
    payload,
    // Pieces of a file are no chunks: what cannot be read of it ends the command.
    writerCount: 0,
    isDamage: () => false,
    onDamage: () => undefined,
    target: Buffer.from(plan.target),
    patterns: [...plan.patterns, ...listed],
    options: plan.options,
    counters: new SharedCounters(restoreCounterFields).memory,
    onProblem: ({ path, kind, reason }) => {
      problemCount += 1;
      commandLog.line("warn", `Warning: ${quotedPath(path)}: ${kind}: ${reason}`);
    },
    signal,
  });
  if (plan.problems === "fail" && problemCount > 0) {
    throw new CliError("CLI_INCOMPLETE", "Cannot restore all metadata, see the warnings above");
  }
}

async function writePrelude(archive: ArchiveFile, path: string): Promise<void> {
  const resident = new ResidentChunks(archive.index, archive.chunks, {
    bytesMax: HEAD_BYTES_MAX,
    inFlightMax: 1,
  });
  const { prelude } = await resident.run(() => new PxarTree(resident).header());
  if (prelude !== undefined) await writeFile(path, prelude, { flag: "wx" });
}

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
