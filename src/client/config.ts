import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

import { type RepositoryParts } from "./session/repository.ts";

/** Places where one value may come from, each unset or set; see `readSetting` (spec auth.md §11.2). */
export interface SettingSources {
  /** The value itself, from the variable without suffix. */
  readonly value?: string;
  /** Number of an open file descriptor (`_FD`). */
  readonly descriptor?: string;
  /** Path of a file (`_FILE`). */
  readonly file?: string;
  /** Command whose output is the value (`_CMD`). */
  readonly command?: string;
  /** Path of the systemd credential, which may not exist. */
  readonly credentialFile?: string;
}

/** All that the client takes from its environment. */
export interface ClientConfig {
  readonly repository: SettingSources;
  readonly repositoryParts: RepositoryParts;
  /** Default of `--ns`. */
  readonly namespace?: string;
  /** Password or token secret. */
  readonly password: SettingSources;
  /** Passphrase of the key file. */
  readonly encryptionPassword: SettingSources;
  /** Passphrase that replaces the one of the key file; ours. */
  readonly newEncryptionPassword: SettingSources;
  /** Passphrase of the private master key; ours. */
  readonly masterPassword: SettingSources;
  readonly fingerprint: SettingSources;
  /** HTTP proxy, as text; not used for servers on this machine. */
  readonly proxy?: string;
  /** File with the tickets of `login`; unset when there is no runtime directory. */
  readonly ticketFile?: string;
  /** File with the fingerprints that were accepted before. */
  readonly fingerprintsFile: string;
  /** Places of the default key file, the user's own first, then those of the system. */
  readonly keyFiles: readonly [string, ...string[]];
  /** Places of the default master public key, likewise. */
  readonly masterKeyFiles: readonly [string, ...string[]];
}

/** Variables by name. */
type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the environment once; nothing else in the client looks at it. */
export function readClientConfig(environment: Environment = process.env): Readonly<ClientConfig> {
  const configHome = environment["XDG_CONFIG_HOME"] ?? join(homeOf(environment), ".config");
  const configFolder = join(configHome, "proxmox-backup");
  const runtimeFolder = environment["XDG_RUNTIME_DIR"];
  const systemFolders = (environment["XDG_CONFIG_DIRS"] ?? "/etc/xdg")
    .split(":")
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, "proxmox-backup"));
  const defaultPlaces = (name: string): readonly [string, ...string[]] => [
    join(configFolder, name),
    ...systemFolders.map((folder) => join(folder, name)),
  ];
  return Object.freeze({
    repository: settingSources(environment, "PBS_REPOSITORY", "repository"),
    repositoryParts: defined({
      server: environment["PBS_SERVER"],
      port: environment["PBS_PORT"],
      datastore: environment["PBS_DATASTORE"],
      authId: environment["PBS_AUTH_ID"],
    }),
    ...defined({
      namespace: environment["PBS_NAMESPACE"],
      proxy: environment["ALL_PROXY"] ?? environment["HTTPS_PROXY"] ?? environment["https_proxy"],
    }),
    password: settingSources(environment, "PBS_PASSWORD", "password"),
    encryptionPassword: settingSources(
      environment,
      "PBS_ENCRYPTION_PASSWORD",
      "encryption-password",
    ),
    newEncryptionPassword: settingSources(
      environment,
      "AMBER_NEW_ENCRYPTION_PASSWORD",
      "new-encryption-password",
    ),
    masterPassword: settingSources(environment, "AMBER_MASTER_PASSWORD", "master-password"),
    fingerprint: settingSources(environment, "PBS_FINGERPRINT", "fingerprint"),
    ...(runtimeFolder === undefined
      ? {}
      : { ticketFile: join(runtimeFolder, "proxmox-backup", "tickets") }),
    fingerprintsFile: join(configFolder, "fingerprints"),
    keyFiles: defaultPlaces("encryption-key.json"),
    masterKeyFiles: defaultPlaces("master-public.pem"),
  });
}

function homeOf(environment: Environment): string {
  return environment["HOME"] ?? homedir();
}

function settingSources(
  environment: Environment,
  variable: string,
  credential: string,
): SettingSources {
  const folder = environment["CREDENTIALS_DIRECTORY"];
  return defined({
    value: environment[variable],
    descriptor: environment[`${variable}_FD`],
    file: environment[`${variable}_FILE`],
    command: environment[`${variable}_CMD`],
    credentialFile:
      folder === undefined ? undefined : join(folder, `proxmox-backup-client.${credential}`),
  });
}

/** Drops members that are undefined. */
function defined<Key extends string>(
  members: Readonly<Record<Key, string | undefined>>,
): Partial<Record<Key, string>> {
  const result: Partial<Record<Key, string>> = {};
  for (const key in members) {
    const value = members[key];
    if (value !== undefined) result[key] = value;
  }
  return result;
}
