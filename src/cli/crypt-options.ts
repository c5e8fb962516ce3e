import { type Command, Option } from "commander";

import { CliError } from "./cli-error.ts";

const cryptModes = ["none", "encrypt", "sign-only"] as const;

/** Options that choose a key and what is done with it (spec auth.md §12). */
export interface CryptOptions {
  readonly cryptMode?: (typeof cryptModes)[number];
  readonly keyfile?: string;
  readonly keyfd?: string;
  readonly masterPubkeyFile?: string;
  readonly masterPubkeyFd?: string;
}

/** Adds the options that scripts for the official client use. */
export function addCryptOptions(command: Command): Command {
  return command
    .addOption(new Option("--crypt-mode <mode>", "what is done with the key").choices(cryptModes))
    .option("--keyfile <path>", "key file of the encryption key")
    .option("--keyfd <number>", "file descriptor to read the key file from")
    .option("--master-pubkey-file <path>", "public master key, in PEM form")
    .option("--master-pubkey-fd <number>", "file descriptor to read the public master key from");
}

/**
 * Refuses whatever would need a key, so that nobody takes a plain backup for an encrypted one.
 *
 * @param defaultKey Whether the default key file exists: the official client then encrypts without being told to.
 * @throws {CliError} `CLI_USAGE`.
 */
export function refuseEncryption(options: CryptOptions, defaultKey: "present" | "absent"): void {
  const { cryptMode, keyfile, keyfd, masterPubkeyFile, masterPubkeyFd } = options;
  const keys = [keyfile, keyfd, masterPubkeyFile, masterPubkeyFd];
  const wantsKey =
    (cryptMode !== undefined && cryptMode !== "none") || keys.some((key) => key !== undefined);
  if (wantsKey) {
    throw new CliError("CLI_USAGE", "Cannot use encryption keys: this program cannot encrypt yet");
  }
  if (cryptMode === undefined && defaultKey === "present") {
    throw new CliError(
      "CLI_USAGE",
      "Cannot encrypt with the default key yet; --crypt-mode none makes a plain backup",
    );
  }
}
