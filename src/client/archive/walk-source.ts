import { parseExcludeArgument } from "../../format/patterns/exclude-record.ts";
import { type MatchEntry } from "../../format/patterns/match-list.ts";
import { DirectoryHandle } from "../../linux/directory-handle.ts";
import { statusOfPath } from "../../linux/file-status.ts";
import { SystemError } from "../../linux/system-error.ts";
import { ListedExcludes } from "../source/listed-excludes.ts";
import { SourceError } from "../source/source-error.ts";
import { walkTree } from "../source/walk-tree.ts";
import { carriedFailure } from "./carried-failure.ts";
import { EXCLUDE_RECORD_NAME } from "./exclude-record.ts";
import { type WalkRequest } from "./pack-request.ts";
import { WalkRecorder } from "./walk-recorder.ts";
import { type WalkSender } from "./walk-stream.ts";

/**
 * Walks a tree for the packing thread; what goes wrong is sent like everything else.
 *
 * Synchronous, and waits while the packing thread is far behind: for a thread of its own.
 */
export function walkSource(request: WalkRequest, sender: WalkSender): void {
  try {
    const root = openRoot(request.source);
    sender.send({ kind: "begin", rootFd: root.fd });
    const patterns = walkPatterns(request);
    const hasRecord = request.mode === "legacy" && patterns.length > 0;
    const recorder = new WalkRecorder(sender);
    walkTree(
      root,
      {
        excludes: new ListedExcludes(patterns, hasRecord ? EXCLUDE_RECORD_NAME : undefined),
        devices: devicesOf(request),
        entriesMax: request.entriesMax,
        oversizedAttributes: request.oversizedAttributes,
        report: (problem) => {
          sender.send({ kind: "problem", problem });
        },
      },
      recorder,
    );
    recorder.finish();
    sender.send({ kind: "end" });
  } catch (error) {
    sender.send({ kind: "failed", failure: carriedFailure(error) });
  }
}

/** Patterns of the command line, in the order that archives record (spec pxar.md §9.1). */
export function walkPatterns({ excludes, lostAndFound }: WalkRequest): MatchEntry[] {
  const texts = lostAndFound === "skip" ? [...excludes, "lost+found"] : excludes;
  // Whoever made the request has said already what was changed in a pattern.
  return texts.map((text) => parseExcludeArgument(Buffer.from(text), () => undefined));
}

function openRoot(source: Uint8Array): DirectoryHandle {
  return orUnreadable(source, () => DirectoryHandle.openPath(source));
}

function devicesOf({ mounts }: WalkRequest): ReadonlySet<number> | "all" {
  if (mounts === "all") return "all";
  return new Set(mounts.map((path) => orUnreadable(path, () => statusOfPath(path).device)));
}

function orUnreadable<T>(path: Uint8Array, look: () => T): T {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new SourceError("SOURCE_UNREADABLE", Buffer.from(path).toString(), { cause: error });
  }
}
