import { CliError } from "./cli-error.ts";
import { type ConnectionOptions, type NamespaceOption } from "./connection-options.ts";
import { type ReadKeyOptions } from "./crypt-options.ts";
import type { BackgroundQuestions } from "./mount-background.ts";

/** Everything `amber mount` can be told. */
export interface MountCommandOptions extends ConnectionOptions, NamespaceOption, ReadKeyOptions {
  readonly foreground?: true;
  /** This is the process that stays, started by the one that the user started. */
  readonly backgroundChild?: BackgroundQuestions;
  readonly allowOther?: true;
  readonly transport: "fuse" | "fuse-native";
  readonly cacheSize: string;
  readonly diskCache?: string;
  readonly diskCacheSize: string;
  /** File with the password or token secret, for fstab. */
  readonly passwordFile?: string;
  /** Fingerprint of the server's certificate, for fstab. */
  readonly fingerprint?: string;
  /** Words of `-o`. */
  readonly o: readonly string[];
}

/** Words of fstab that say what is so anyway, or are meant for others. */
const ignoredWords = new Set([
  ...["ro", "defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "nofail"],
  ...[
    "_netdev",
    "nosuid",
    "suid",
    "nodev",
    "dev",
    "noexec",
    "exec",
    "noatime",
    "relatime",
    "async",
  ],
  ...["default_permissions"],
]);

/**
 * Adds the words of `-o`, as `mount(8)` passes them, to the options: `allow_other`, `repository=…`, `ns=…`, `datastore=…`,
 * `transport=…`, `cache_size=…`, `disk_cache=…`, `disk_cache_size=…`, `password_file=…`, `fingerprint=…`, `keyfile=…`,
 * `require_signature`.
 *
 * @throws {CliError} `CLI_USAGE` for a word that is not known, or asks for a mount that can be written.
 */
export function withMountWords(options: MountCommandOptions): MountCommandOptions {
  let result = options;
  for (const word of options.o.flatMap((list) => list.split(","))) {
    const [name, value] = splitOnce(word);
    if (name === "" || ignoredWords.has(name) || /^(x-|comment$)/.test(name)) continue;
    result = { ...result, ...optionOfWord(name, value) };
  }
  return result;
}

function optionOfWord(name: string, value: string | undefined): Partial<MountCommandOptions> {
  if (value === undefined) {
    if (name === "allow_other") return { allowOther: true };
    if (name === "require_signature") return { requireSignature: true };
    if (name === "rw")
      throw new CliError("CLI_USAGE", "Cannot mount with rw: backups do not change");
    throw new CliError("CLI_USAGE", `Cannot understand "${name}" in -o`);
  }
  switch (name) {
    case "repository":
    case "ns":
    case "datastore":
    case "fingerprint":
    case "keyfile":
      return { [name]: value };
    case "transport":
      if (value !== "fuse" && value !== "fuse-native") {
        throw new CliError("CLI_USAGE", `Cannot use transport "${value}": fuse or fuse-native`);
      }
      return { transport: value };
    case "cache_size":
      return { cacheSize: value };
    case "disk_cache":
      return { diskCache: value };
    case "disk_cache_size":
      return { diskCacheSize: value };
    case "password_file":
      return { passwordFile: value };
    default:
      throw new CliError("CLI_USAGE", `Cannot understand "${name}" in -o`);
  }
}

function splitOnce(word: string): [string, string | undefined] {
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}
