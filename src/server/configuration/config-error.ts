import { BackupError } from "../../format/backup-error.ts";

/** Every way the configuration can stop the server. */
export const configErrorMeanings = {
  CONFIG_INVALID: "a configuration file does not have the form it must have",
  CONFIG_CONFLICT: "the settings contradict each other or the configuration on disk",
} as const;

/** Stable identifier of a {@link ConfigError}. */
export type ConfigErrorCode = keyof typeof configErrorMeanings;

/** Thrown while reading settings and configuration files. */
export class ConfigError extends BackupError {
  override readonly code: ConfigErrorCode;

  constructor(code: ConfigErrorCode, subject: string, detail?: string, options?: ErrorOptions) {
    super(`Cannot use configuration "${subject}": ${detail ?? configErrorMeanings[code]}`, options);
    this.code = code;
  }
}
