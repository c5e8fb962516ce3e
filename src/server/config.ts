import { homedir, hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { ConfigError } from "./configuration/config-error.ts";
import { type WantedDatastore } from "./configuration/datastore-config.ts";
import { type ChunkFolders } from "./store/create-local-datastore.ts";

/** Where a server listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
}

/** Settings of one server, complete. */
export interface ServerConfig {
  readonly configDirectory: string;
  readonly taskDirectory: string;
  /** For what the server remembers besides its configuration: history of measurements. */
  readonly stateDirectory: string;
  /** Folder with the built web page; it need not exist. */
  readonly webDirectory: string;
  /** Where it is written who did what. */
  readonly auditFile: string;
  readonly listen: ListenAddress;
  /** Datastores to create or adopt, besides those in `datastore.cfg`. */
  readonly datastores: readonly WantedDatastore[];
  /** Folder with the file of PAM's service, when it is not the system's. */
  readonly pamDirectory?: string;
  /** User with every privilege, made when it does not exist. */
  readonly adminUser: string;
  /** Name of this machine, for the certificate and for task names. */
  readonly hostName: string;
  readonly unauthenticatedDelayMs: number;
  readonly forbiddenDelayMs: number;
  /** Bytes of uploads that may be in memory at once. */
  readonly uploadMemoryBytes: number;
  /** Bytes of uploads that all clients together may have sent and nobody has taken; beyond, the one with most is cut off. */
  readonly untakenBytesMax: number;
  /** How long sessions may go on after the server was asked to stop. */
  readonly sessionGraceMs: number;
  /** When the 65536 chunk folders of a new datastore are made. */
  readonly chunkFolders: ChunkFolders;
}

/** Default of {@link ServerConfig.uploadMemoryBytes}. */
export const UPLOAD_MEMORY_BYTES: number = 160 * 1024 * 1024;

/** Default of {@link ServerConfig.untakenBytesMax}: a client alone that keeps to its windows has 256 MiB at most. */
export const UNTAKEN_BYTES_MAX: number = 384 * 1024 * 1024;

/** Default of {@link ServerConfig.webDirectory}: where the build puts it, seen from `src/server` and from `dist/server`. */
export const WEB_DIRECTORY: string = fileURLToPath(new URL("../../dist/web", import.meta.url));

/** Default of {@link ServerConfig.unauthenticatedDelayMs} (spec auth.md §3.2). */
export const UNAUTHENTICATED_DELAY_MS = 3000;

/** Default of {@link ServerConfig.forbiddenDelayMs} (spec auth.md §7). */
export const FORBIDDEN_DELAY_MS = 500;

/** Arguments as the command line has them. */
export interface ServerArguments {
  readonly config?: string;
  readonly datastore: readonly string[];
  readonly listen: string;
  readonly admin: string;
  /** Seconds. */
  readonly sessionGrace: string;
  readonly chunkFolders?: ChunkFolders;
}

/**
 * Completes arguments by the environment and defaults.
 *
 * Without `--config`, root uses `/etc/amber`, `/var/log/amber/tasks` and `/var/lib/amber`, other users their XDG folders;
 * with it, tasks and state lie in the same folder.
 *
 * @throws {ConfigError} `CONFIG_INVALID`.
 */
export function readServerConfig(args: ServerArguments): ServerConfig {
  const isRoot = process.getuid?.() === 0;
  const own = args.config === undefined ? undefined : resolve(args.config);
  const home = homedir();
  const configHome = process.env["XDG_CONFIG_HOME"] ?? join(home, ".config");
  const stateHome = process.env["XDG_STATE_HOME"] ?? join(home, ".local/state");
  const tasks = own === undefined ? taskDirectory(isRoot, stateHome) : join(own, "tasks");
  return Object.freeze({
    configDirectory: own ?? (isRoot ? "/etc/amber" : join(configHome, "amber")),
    taskDirectory: tasks,
    stateDirectory: own === undefined ? stateDirectory(isRoot, stateHome) : join(own, "state"),
    webDirectory: WEB_DIRECTORY,
    auditFile: join(dirname(tasks), "audit.log"),
    listen: parseListenAddress(args.listen),
    datastores: args.datastore.map(parseDatastoreArgument),
    adminUser: args.admin,
    hostName: hostname(),
    unauthenticatedDelayMs: UNAUTHENTICATED_DELAY_MS,
    forbiddenDelayMs: FORBIDDEN_DELAY_MS,
    uploadMemoryBytes: UPLOAD_MEMORY_BYTES,
    untakenBytesMax: UNTAKEN_BYTES_MAX,
    sessionGraceMs: parseGrace(args.sessionGrace),
    chunkFolders: args.chunkFolders ?? "in-background",
  });
}

/** Password for the first administrator from the environment, if it is set. */
export function adminPasswordFromEnvironment(): string | undefined {
  return process.env["AMBER_ADMIN_PASSWORD"];
}

/** Makes a time zone that of this process; the runtime tells local time in it at once. */
export function setProcessTimeZone(name: string): void {
  process.env["TZ"] = name;
}

function taskDirectory(isRoot: boolean, stateHome: string): string {
  return isRoot ? "/var/log/amber/tasks" : join(stateHome, "amber/tasks");
}

function stateDirectory(isRoot: boolean, stateHome: string): string {
  return isRoot ? "/var/lib/amber" : join(stateHome, "amber/state");
}

/**
 * Parses `HOST:PORT`, `[HOST]:PORT`, `:::8007` or a port alone.
 *
 * @throws {ConfigError} `CONFIG_INVALID`.
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:(.*):)?([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) {
    throw new ConfigError("CONFIG_INVALID", "listen", `"${text}" is not HOST:PORT`);
  }
  const host = (match[1] ?? "::").replace(/^\[(.*)\]$/, "$1");
  return { host: host === "" ? "::" : host, port };
}

function parseGrace(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text)) {
    throw new ConfigError(
      "CONFIG_INVALID",
      "session-grace",
      `"${text}" is not a number of seconds up to 99999`,
    );
  }
  return Number(text) * 1000;
}

function parseDatastoreArgument(text: string): WantedDatastore {
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(equals, 0));
  const path = text.slice(equals + 1);
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{2,31}$/.test(name) || path === "") {
    throw new ConfigError(
      "CONFIG_INVALID",
      "datastore",
      `"${text}" is not NAME=PATH with a name of 3 to 32 letters, digits, "_", "." and "-"`,
    );
  }
  return { name, path: resolve(path) };
}
