import { type RestoreEvents } from "../client/restore/run-restore.ts";
import { type LoadedKey } from "../client/keys/load-key.ts";
import { type SharedCounters } from "../client/shared-counters.ts";
import { type RestoreCounter } from "../client/target/restore-request.ts";
import { byteText } from "../format/bytes/byte-text.ts";
import { systemClock } from "../format/clock.ts";
import { shortFingerprint } from "../format/crypto/fingerprint.ts";
import { type ManifestTrust } from "../format/manifest/proven-manifest.ts";
import { type SnapshotId, snapshotIdText } from "../format/snapshot/snapshot-id.ts";
import { unsignedWarning } from "./crypt-options.ts";
import { commandLog } from "./log.ts";
import { programStyle } from "./official/personality.ts";
import { type OutputFormat } from "./output-format.ts";
import { asPlain, ProgressLine } from "./progress-line.ts";
import { quotedPath } from "./quoted-path.ts";
import { describeFailure } from "./run-command.ts";

/** What is restored, as far as it is told. */
export interface RestoreSubject {
  readonly snapshot: SnapshotId;
  readonly namespace: string;
  /** As the user named it. */
  readonly archive: string;
  /** Where it goes; `undefined` for standard output. */
  readonly target: string | undefined;
  readonly key: LoadedKey | undefined;
}

/** What each kind of problem means, for people. */
const problemTexts = {
  owner: "the owner cannot be restored",
  mode: "permissions cannot be restored",
  time: "the time cannot be restored",
  attributes: "extended attributes cannot be restored",
  capabilities: "file capabilities cannot be restored",
  acl: "the access control list cannot be restored",
  flags: "inode flags cannot be restored",
  project: "the quota project cannot be restored",
  device: "a device, fifo or socket cannot be made",
  hardlink: "a hard link leads to a file that was not restored",
} as const;

/**
 * Tells a user what a restore does: lines on standard error and on a terminal a live one, or with JSON output an object per
 * line on standard output.
 */
export class RestoreReport implements RestoreEvents, Disposable {
  readonly #subject: RestoreSubject;
  readonly #isJson: boolean;
  readonly #line: ProgressLine;
  readonly #startedAtMs = systemClock.nowMs();
  #counters: SharedCounters<RestoreCounter> | undefined;
  #expectedBytes = 0;
  readonly #problems: string[] = [];

  constructor(subject: RestoreSubject, format: OutputFormat) {
    this.#subject = subject;
    this.#isJson = format !== "text";
    this.#line = new ProgressLine({
      output: this.#isJson ? asPlain(process.stdout) : process.stderr,
      describe: () => (this.#isJson ? this.#describeJson() : this.#describe()),
    });
  }

  opened(trust: ManifestTrust): void {
    const { key, snapshot } = this.#subject;
    if (!key || trust === "unchecked") return;
    this.#line.print(() => {
      commandLog.line("info", `Fingerprint: ${shortFingerprint(key.fingerprint)}`);
      if (trust === "signed") return;
      commandLog.line("warn", unsignedWarning(snapshotIdText(snapshot)));
    });
  }

  started(counters: SharedCounters<RestoreCounter>, expectedBytes: number): void {
    this.#counters = counters;
    this.#expectedBytes = expectedBytes;
    if (this.#isJson) this.#object("started", { ...this.#what(), expectedBytes });
  }

  problem({ kind, path, reason }: Parameters<RestoreEvents["problem"]>[0]): void {
    this.#problems.push(kind);
    if (this.#isJson) {
      this.#object("problem", { kind, path: Buffer.from(path).toString(), reason });
      return;
    }
    this.#line.print(() => {
      const text = `${quotedPath(path)}: ${problemTexts[kind]} (${reason}); further ones are not shown`;
      commandLog.line("warn", `Warning: ${text}`);
    });
  }

  damage({ index, path, range, cause }: Parameters<RestoreEvents["damage"]>[0]): void {
    if (this.#isJson) {
      const what = path ? { path: Buffer.from(path).toString() } : { range };
      this.#object("damage", { archive: index, ...what, causes: causesOf(cause) });
    }
    this.#line.print(() => {
      const what = path
        ? `${quotedPath(path)} of "${index}"`
        : `bytes ${range?.start ?? 0} to ${range?.end ?? 0} of "${index}"`;
      const from = snapshotIdText(this.#subject.snapshot);
      const error = new Error(`Cannot restore ${what} in ${from}`, { cause });
      commandLog.line("error", describeFailure(error));
    });
  }

  /** It has ended well. */
  succeed(): void {
    if (this.#isJson) {
      const { entries, bytes } = this.#done();
      const durationSec = this.#seconds();
      const problems = this.#problems;
      this.#object("finished", { ...this.#what(), entries, bytes, durationSec, problems });
    } else if (this.#counters) this.#succeedInText();
  }

  #succeedInText(): void {
    const { entries, bytes } = this.#done();
    const seconds = this.#seconds();
    if (programStyle() === "official") {
      this.#succeedOfficially(bytes, seconds);
      return;
    }
    const speed = seconds > 0 ? `, ${byteText(Math.round(bytes / seconds))}/s` : "";
    this.#line.print(() => {
      const what = `${entriesText(entries)}${byteText(bytes)}`;
      commandLog.line("info", `Restored ${what} in ${seconds.toFixed(2)}s${speed}`);
    });
  }

  /** The official client says nothing about trees, and this about images (spec client-cli.md §2.2). */
  #succeedOfficially(bytes: number, seconds: number): void {
    if (!/\.img(?:\.fidx)?$/.test(this.#subject.archive)) return;
    const speed = (bytes / 1_000_000 / Math.max(seconds, 0.001)).toFixed(2);
    const facts = `bytes=${bytes}, duration=${seconds.toFixed(2)}s, speed=${speed}MB/s`;
    commandLog.line("info", `restore image complete (${facts})`);
  }

  [Symbol.dispose](): void {
    this.#line[Symbol.dispose]();
  }

  #object(type: string, fields: Readonly<Record<string, unknown>>): void {
    process.stdout.write(`${JSON.stringify({ type, ...fields })}\n`);
  }

  #what(): Readonly<Record<string, unknown>> {
    const { snapshot, namespace, archive, target } = this.#subject;
    return { snapshot: snapshotIdText(snapshot), namespace, archive, target };
  }

  #done(): { readonly entries: number; readonly bytes: number } {
    const counters = this.#counters;
    return { entries: counters?.read("entries") ?? 0, bytes: counters?.read("bytes") ?? 0 };
  }

  #describeJson(): string | undefined {
    if (!this.#counters) return undefined;
    const { archive } = this.#subject;
    const expectedBytes = this.#expectedBytes;
    return JSON.stringify({ type: "progress", archive, ...this.#done(), expectedBytes });
  }

  #describe(): string | undefined {
    if (programStyle() === "official" || !this.#counters || !commandLog.shows("info"))
      return undefined;
    const { entries, bytes } = this.#done();
    const share = this.#expectedBytes > 0 ? Math.floor((100 * bytes) / this.#expectedBytes) : 100;
    const speed = byteText(Math.round(bytes / Math.max(this.#seconds(), 0.001)));
    const of = `${byteText(bytes)} of ${byteText(this.#expectedBytes)}`;
    return `progress ${share}% (${entriesText(entries)}${of}, ${speed}/s)`;
  }

  #seconds(): number {
    return (systemClock.nowMs() - this.#startedAtMs) / 1000;
  }
}

/** Message of an error and of all that caused it, from the outermost. */
function causesOf(error: unknown): readonly string[] {
  const causes: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) causes.push(at.message);
  return causes;
}

/** Images have no entries. */
function entriesText(count: number): string {
  return count === 0 ? "" : `${count} ${count === 1 ? "entry" : "entries"}, `;
}
