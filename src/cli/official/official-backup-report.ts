import { hostname } from "node:os";

import { type BackupSource } from "../../client/backup/backup-source.ts";
import { type SourceProgress } from "../../client/backup/run-backup.ts";
import { type ArchiveUploadResult } from "../../client/session/archive-upload.ts";
import { type Repository, printRepository } from "../../client/session/repository.ts";
import { type SourceProblem } from "../../client/source/source-problem.ts";
import { systemClock } from "../../format/clock.ts";
import {
  type ArchiveName,
  CATALOG_NAME,
  shortArchiveName,
} from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId, snapshotIdText } from "../../format/snapshot/snapshot-id.ts";
import { type BackupReporter } from "../backup-report.ts";
import { byteText } from "../../format/bytes/byte-text.ts";
import { localTimeText } from "../local-time-text.ts";
import { commandLog } from "../log.ts";
import { quotedPath } from "../quoted-path.ts";

/** What a backup is called, and how its archives are made. */
export interface OfficialBackup {
  readonly snapshot: SnapshotId;
  readonly namespace: Namespace;
  readonly changeDetection: "legacy" | "data" | "metadata";
}

/** Tells what a backup does in the official client's words, which other programs relay (spec client-cli.md §2.1). */
export class OfficialBackupReport implements BackupReporter {
  readonly isIncomplete = false;
  readonly #backup: OfficialBackup;
  #repository = "";
  #startedAtMs = 0;
  #archiveAtMs = 0;

  constructor(backup: OfficialBackup) {
    this.#backup = backup;
  }

  begin(repository: Repository): void {
    const { snapshot, namespace } = this.#backup;
    this.#repository = printRepository(repository);
    this.#startedAtMs = systemClock.nowMs();
    const prefix = namespace === "" ? "" : `[${namespace}]:`;
    this.info(`Starting backup: ${prefix}${snapshotIdText(snapshot)}`);
    this.info(`Client name: ${hostname()}`);
    this.info(`Starting backup protocol: ${localTimeText(systemClock.nowSec())}`);
  }

  end(): void {
    // Nothing is shown that would have to be cleared.
  }

  dryRun(sources: readonly BackupSource[]): void {
    for (const { kind, name, path } of sources) {
      this.info(`Would upload ${nounOf(kind)} '${path}' as ${this.#serverName(name, kind)}`);
    }
  }

  succeed(): void {
    const seconds = (systemClock.nowMs() - this.#startedAtMs) / 1000;
    this.info(`Duration: ${seconds.toFixed(2)}s`);
    this.info(`End Time: ${localTimeText(systemClock.nowSec())}`);
  }

  info(text: string): void {
    commandLog.line("info", text);
  }

  keyUploading(name: ArchiveName): void {
    this.info(`Upload RSA encoded key to '${this.#repository}' as ${name}`);
  }

  comparing(previousSec: number): void {
    this.info(`Downloading previous manifest (${localTimeText(previousSec)})`);
  }

  started({ source: { kind, name, path } }: SourceProgress): void {
    this.#archiveAtMs = systemClock.nowMs();
    const target = this.#serverName(name, kind);
    this.info(`Upload ${nounOf(kind)} '${path}' to '${this.#repository}' as ${target}`);
  }

  uploaded(name: ArchiveName, { size, stats }: ArchiveUploadResult): void {
    if (name === CATALOG_NAME) {
      this.info(`Uploaded backup catalog (${byteText(size)})`);
      return;
    }
    const short = shortArchiveName(name);
    const { uploadedBytes, uploadedEncodedBytes, reusedBytes } = stats;
    const seconds = (systemClock.nowMs() - this.#archiveAtMs) / 1000;
    this.info(
      `${short}: had to backup ${byteText(uploadedBytes)} of ${byteText(size)} ` +
        `(compressed ${byteText(uploadedEncodedBytes)}) in ${seconds.toFixed(2)}s`,
    );
    const speed = Math.round(uploadedBytes / Math.max(seconds, 0.001));
    this.info(`${short}: average backup speed: ${byteText(speed)}/s`);
    if (reusedBytes > 0 && uploadedBytes > 0) {
      const share = ((100 * reusedBytes) / size).toFixed(1);
      const reused = `reused ${byteText(reusedBytes)} (${share}%)`;
      this.info(`${short}: backup was done incrementally, ${reused}`);
    }
  }

  problem(source: BackupSource, { path, reason }: SourceProblem): void {
    commandLog.line("warn", `${source.name}.${source.kind} ${quotedPath(path)}: ${reason}`);
  }

  #serverName(name: string, kind: BackupSource["kind"]): string {
    switch (kind) {
      case "pxar":
        return this.#backup.changeDetection === "legacy"
          ? `${name}.pxar.didx`
          : `${name}.mpxar.didx`;
      case "img":
        return `${name}.img.fidx`;
      case "conf":
      case "log":
        return `${name}.${kind}.blob`;
    }
  }
}

function nounOf(kind: BackupSource["kind"]): string {
  switch (kind) {
    case "pxar":
      return "directory";
    case "img":
      return "image";
    case "conf":
      return "config file";
    case "log":
      return "log file";
  }
}
