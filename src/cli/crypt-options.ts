import { type Command, Option } from "commander";

import type { LoadedKey } from "../client/keys/load-key.ts";
import type { ManifestProof } from "../format/manifest/proven-manifest.ts";
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

/** Options that choose the key that something is read with. */
export interface ReadKeyOptions extends CryptOptions {
  readonly requireSignature?: true;
}

/** Adds the key options of commands that read, as scripts for the official client use them. */
export function addReadKeyOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--crypt-mode <mode>", "none: do not use the default key").choices(cryptModes),
    )
    .option("--keyfile <path>", "key file of the encryption key")
    .option("--keyfd <number>", "file descriptor to read the key file from")
    .option("--require-signature", "refuse snapshots that were not signed with the key");
}

/**
 * What becomes of snapshots that nobody signed.
 *
 * @throws {CliError} `CLI_USAGE` when signatures are wanted and no key could check them.
 */
export function unsignedPolicy(
  { requireSignature }: Pick<ReadKeyOptions, "requireSignature">,
  key: LoadedKey | undefined,
): ManifestProof["unsigned"] {
  if (requireSignature !== true) return "accepted";
  if (key) return "refused";
  throw new CliError("CLI_USAGE", "Cannot use --require-signature without a key (--keyfile)");
}

/** What a user is told when a key was there and the snapshot proves nothing (spec manifest.md §3.3). */
export function unsignedWarning(snapshot: string): string {
  return (
    `Warning: ${snapshot} is neither encrypted nor signed, although a key was given: nothing proves that this is ` +
    "what was backed up (--require-signature refuses it)"
  );
}
