import { type BackupSource } from "../client/backup/backup-source.ts";
import { type BackupEvents, type SourceProgress } from "../client/backup/run-backup.ts";
import { type ArchiveUploadResult } from "../client/session/archive-upload.ts";
import { type Repository } from "../client/session/repository.ts";
import { isMissingContent, type SourceProblem } from "../client/source/source-problem.ts";
import { systemClock } from "../format/clock.ts";
import { type ArchiveName, shortArchiveName } from "../format/snapshot/archive-name.ts";
import { type Namespace } from "../format/snapshot/namespace.ts";
import { type SnapshotId, snapshotIdText } from "../format/snapshot/snapshot-id.ts";
import { byteText } from "../format/bytes/byte-text.ts";
import { localTimeText } from "./local-time-text.ts";
import { commandLog } from "./log.ts";
import { type OutputFormat } from "./output-format.ts";
import { asPlain, ProgressLine } from "./progress-line.ts";
import { quotedPath } from "./quoted-path.ts";

/** Problems named one by one before only their number is told. */
const PROBLEMS_NAMED_MAX = 100;

/** Tells what a backup does, from its beginning to its end. */
export interface BackupReporter extends BackupEvents {
  /** Whether content could not be read that a later backup may well find. */
  readonly isIncomplete: boolean;
  /** Says what a backup would do. */
  dryRun(sources: readonly BackupSource[]): void;
  /** The backup begins. */
  begin(repository: Repository): void;
  /** It has ended, one way or the other. */
  end(): void;
  /** It has ended well. */
  succeed(): void;
}

/**
 * Tells a user what a backup does: lines on standard error and on a terminal a live one, or with JSON output
 * an object per line on standard output.
 */
export class BackupReport implements BackupReporter {
  readonly #snapshot: SnapshotId;
  readonly #namespace: Namespace;
  readonly #isJson: boolean;
  #line: ProgressLine | undefined;
  #startedAtMs = 0;
  #current: (SourceProgress & { readonly startedAtMs: number }) | undefined;
  #problemCount = 0;
  #missingCount = 0;
  #uploadedBytes = 0;
  #totalBytes = 0;

  constructor(
    what: { readonly snapshot: SnapshotId; readonly namespace: Namespace },
    format: OutputFormat,
  ) {
    this.#snapshot = what.snapshot;
    this.#namespace = what.namespace;
    this.#isJson = format !== "text";
  }

  get isIncomplete(): boolean {
    return this.#missingCount > 0;
  }

  dryRun(sources: readonly BackupSource[]): void {
    for (const { kind, name, path } of sources) {
      this.#say("would-upload", { archive: `${name}.${kind}`, path }, () => {
        return `Would upload ${nounOf(kind)} "${path}" as ${name}.${kind}`;
      });
    }
  }

  begin(): void {
    this.#startedAtMs = systemClock.nowMs();
    const name = snapshotIdText(this.#snapshot);
    this.#say("started", { snapshot: name, namespace: this.#namespace }, () => {
      return `Starting backup: ${this.#namespace === "" ? "" : `[${this.#namespace}]:`}${name}`;
    });
    this.#line = new ProgressLine({
      output: this.#isJson ? asPlain(process.stdout) : process.stderr,
      describe: () => (this.#isJson ? this.#describeJson() : this.#describe()),
    });
  }

  end(): void {
    this.#line?.[Symbol.dispose]();
    this.#line = undefined;
  }

  succeed(): void {
    const durationSec = this.#elapsedSec();
    if (this.#problemCount > PROBLEMS_NAMED_MAX) {
      this.info(`${this.#problemCount - PROBLEMS_NAMED_MAX} more warnings are not shown`);
    }
    const fields = {
      snapshot: snapshotIdText(this.#snapshot),
      namespace: this.#namespace,
      durationSec,
      bytes: this.#totalBytes,
      uploadedBytes: this.#uploadedBytes,
      problems: this.#problemCount,
      missing: this.#missingCount,
    };
    this.#say("finished", fields, () => {
      const missing =
        this.#missingCount === 0 ? "" : `, ${this.#missingCount} entries could not be read`;
      return `Duration: ${durationSec.toFixed(2)}s${missing}`;
    });
  }

  info(text: string): void {
    this.#say("info", { text }, () => text);
  }

  comparing(previousSec: number): void {
    this.#say("comparing", { previousTime: previousSec }, () => {
      return `Comparing with the backup of ${localTimeText(previousSec)}`;
    });
  }

  keyUploading(name: ArchiveName): void {
    this.#say("key-uploading", { archive: name }, () => `Upload RSA encoded key as ${name}`);
  }

  started(progress: SourceProgress): void {
    this.#current = { ...progress, startedAtMs: systemClock.nowMs() };
    const { kind, name, path } = progress.source;
    this.#say("archive-started", { archive: `${name}.${kind}`, path }, () => {
      return `Upload ${nounOf(kind)} "${path}" as ${name}.${kind}`;
    });
  }

  uploaded(name: ArchiveName, { size, chunkCount, stats }: ArchiveUploadResult): void {
    const { uploadedBytes, uploadedEncodedBytes, reusedBytes } = stats;
    const durationSec = this.#archiveSec();
    this.#uploadedBytes += uploadedEncodedBytes;
    this.#totalBytes += size;
    const readBytes = this.#current?.counters.read("readBytes");
    const fields = { archive: name, size, chunkCount, durationSec, readBytes, ...stats };
    this.#say("archive-uploaded", fields, () => {
      const reused = size === 0 ? 0 : (100 * reusedBytes) / size;
      return (
        `${shortArchiveName(name)}: had to back up ${byteText(uploadedBytes)} of ${byteText(size)} ` +
        `(compressed ${byteText(uploadedEncodedBytes)}) in ${durationSec.toFixed(2)}s, ` +
        `reused ${byteText(reusedBytes)} (${reused.toFixed(1)}%)`
      );
    });
  }

  problem(source: BackupSource, problem: SourceProblem): void {
    this.#problemCount += 1;
    if (isMissingContent(problem)) this.#missingCount += 1;
    if (this.#problemCount > PROBLEMS_NAMED_MAX && !this.#isJson) return;
    const { kind, path, reason } = problem;
    const archive = `${source.name}.${source.kind}`;
    const fields = { archive, kind, path: Buffer.from(path).toString(), reason };
    this.#say("problem", fields, () => `Warning: ${archive} ${quotedPath(path)}: ${reason}`);
  }

  #say(type: string, fields: Readonly<Record<string, unknown>>, text: () => string): void {
    const write = (): void => {
      if (this.#isJson) process.stdout.write(`${JSON.stringify({ type, ...fields })}\n`);
      else commandLog.line(type === "problem" ? "warn" : "info", text());
    };
    if (this.#line) this.#line.print(write);
    else write();
  }

  #describeJson(): string | undefined {
    if (!this.#current) return undefined;
    const { source, expectedBytes, counters } = this.#current;
    return JSON.stringify({
      type: "progress",
      archive: `${source.name}.${source.kind}`,
      entries: counters.read("entries"),
      readBytes: counters.read("readBytes"),
      reusedBytes: counters.read("reusedBytes"),
      expectedBytes,
    });
  }

  #describe(): string | undefined {
    if (!this.#current || !commandLog.shows("info")) return undefined;
    const { source, counters, expectedBytes } = this.#current;
    const readBytes = counters.read("readBytes");
    const done = readBytes + counters.read("reusedBytes");
    const seconds = this.#archiveSec();
    const rate = seconds > 0 ? readBytes / seconds : 0;
    const parts = [
      `${source.name}.${source.kind}:`,
      ...(source.kind === "pxar" ? [`${counters.read("entries")} entries,`] : []),
      `${byteText(Math.round(done))} (${byteText(Math.round(rate))}/s read)`,
    ];
    if (expectedBytes !== undefined && expectedBytes > 0 && done > 0 && done < expectedBytes) {
      const leftSec = Math.round(((expectedBytes - done) * seconds) / done);
      parts.push(`${Math.floor((100 * done) / expectedBytes)}%, about ${leftSec}s left`);
    }
    return parts.join(" ");
  }

  #elapsedSec(): number {
    return (systemClock.nowMs() - this.#startedAtMs) / 1000;
  }

  #archiveSec(): number {
    return (systemClock.nowMs() - (this.#current?.startedAtMs ?? this.#startedAtMs)) / 1000;
  }
}

function nounOf(kind: BackupSource["kind"]): string {
  switch (kind) {
    case "pxar":
      return "directory";
    case "img":
      return "image";
    case "conf":
    case "log":
      return "file";
  }
}
