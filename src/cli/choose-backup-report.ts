import { BackupReport, type BackupReporter } from "./backup-report.ts";
import { type OfficialBackup, OfficialBackupReport } from "./official/official-backup-report.ts";
import { programStyle } from "./official/personality.ts";
import { type OutputFormat } from "./output-format.ts";

/** Chooses who tells about a backup: the official client's words are for runs under its name. */
export function chooseBackupReport(backup: OfficialBackup, format: OutputFormat): BackupReporter {
  const isOfficial = programStyle() === "official" && format === "text";
  return isOfficial ? new OfficialBackupReport(backup) : new BackupReport(backup, format);
}
