import { once } from "node:events";
import { type FileHandle, open, rm } from "node:fs/promises";

import { type Cut } from "../../chunks/chunk-cutter.ts";
import { type LeftOut } from "../../client/archive/leaving-out.ts";
import { packCounterFields } from "../../client/archive/pack-counter.ts";
import { PackThread } from "../../client/archive/pack-thread.ts";
import { SharedCounters } from "../../client/shared-counters.ts";
import { commandLog } from "../log.ts";
import { quotedPath } from "../quoted-path.ts";

/** What `pxar create` is told. */
export interface CreateArchivePlan {
  /** New file, or `-` for standard output. */
  readonly archive: string;
  /** New file for content, which makes the archive a split one. */
  readonly payload: string | undefined;
  readonly source: string;
  readonly excludes: readonly string[];
  readonly mounts: readonly Uint8Array[] | "all";
  readonly entriesMax: number;
  readonly leaveOut: readonly LeftOut[];
}

/** Length of the pieces that reach the file; an archive in a file has no chunks. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Packs a directory into a new archive file, or into two.
 *
 * What cannot be read is reported and left out. A file that could not be finished is removed.
 *
 * @throws {SourceError} The signal's reason; a system error when a file is there already.
 */
export async function createArchive(plan: CreateArchivePlan, signal: AbortSignal): Promise<void> {
  await using archive = await ArchiveOutput.create(plan.archive);
  await using payload =
    plan.payload === undefined ? undefined : await ArchiveOutput.create(plan.payload);
  await using thread = PackThread.start();
  const onAbort = (): void => {
    thread.stop(signal.reason);
  };
  signal.addEventListener("abort", onAbort);
  try {
    const consumer = (output: ArchiveOutput) => async (cuts: AsyncIterable<Cut>) => {
      for await (const cut of cuts) await writeCut(cut, thread, output);
    };
    const catalog = consumer(ArchiveOutput.nowhere())(thread.catalog);
    catalog.catch(() => undefined); // It ends with the thread, whose failure is told below.
    await thread.pack(
      {
        source: Buffer.from(plan.source),
        mode: payload ? "data" : "legacy",
        catalogName: "archive.pxar.didx",
        chunkBytesAverage: PIECE_BYTES,
        excludes: plan.excludes,
        lostAndFound: "pack",
        mounts: plan.mounts,
        entriesMax: plan.entriesMax,
        oversizedAttributes: "fail",
        leaveOut: plan.leaveOut,
        counters: new SharedCounters(packCounterFields).memory,
        previous: undefined,
      },
      {
        consumers: payload
          ? { metadata: consumer(archive), payload: consumer(payload) }
          : { archive: consumer(archive) },
        onProblem: ({ path, reason }) => {
          commandLog.line("warn", `Warning: ${quotedPath(path)}: ${reason}`);
        },
      },
    );
    await archive.finish();
    await payload?.finish();
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function writeCut(cut: Cut, { arena }: PackThread, output: ArchiveOutput): Promise<void> {
  if (cut.kind !== "data") throw new TypeError("there is no previous archive to take chunks from");
  await output.write(arena.view(cut.slot, 0, cut.size));
  arena.release(cut.slot);
}

type OutputTarget = { readonly path: string; readonly file: FileHandle } | "stdout" | "nowhere";

/** Where the bytes of an archive go. */
class ArchiveOutput implements AsyncDisposable {
  readonly #target: OutputTarget;
  #isFinished = false;

  private constructor(target: OutputTarget) {
    this.#target = target;
  }

  static async create(path: string): Promise<ArchiveOutput> {
    if (path === "-") return new ArchiveOutput("stdout");
    return new ArchiveOutput({ path, file: await open(path, "wx", 0o640) });
  }

  static nowhere(): ArchiveOutput {
    return new ArchiveOutput("nowhere");
  }

  /** Borrows the bytes until it returns. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#target === "nowhere") return;
    if (this.#target === "stdout") {
      // The stream keeps what it is given, and the memory is used again.
      if (!process.stdout.write(bytes.slice())) await once(process.stdout, "drain");
      return;
    }
    const { file } = this.#target;
    for (let done = 0; done < bytes.length;) {
      done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
    }
  }

  async finish(): Promise<void> {
    if (typeof this.#target !== "string") await this.#target.file.sync();
    this.#isFinished = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (typeof this.#target === "string") return;
    await this.#target.file.close();
    if (!this.#isFinished) await rm(this.#target.path, { force: true });
  }
}
