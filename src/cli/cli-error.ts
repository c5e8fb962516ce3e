import { BackupError } from "../format/backup-error.ts";

/** Every way a command can fail by itself, before or beside what the layers below report. */
export const cliErrorMeanings = {
  CLI_USAGE: "the arguments do not make sense together",
  CLI_NOT_FOUND: "the thing that was named does not exist",
  CLI_REFUSED: "the system refuses what was asked for",
  CLI_INCOMPLETE: "something could not be restored, and all of it was wanted",
  CLI_TASK_FAILED: "the server's task did not do its work",
  CLI_NOT_CONFIRMED: "nobody agreed to what cannot be undone",
} as const;

/** Stable identifier of a {@link CliError}. */
export type CliErrorCode = keyof typeof cliErrorMeanings;

/** Thrown by commands; `CLI_USAGE` makes the runner add a hint to `--help`. */
export class CliError extends BackupError {
  override readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
