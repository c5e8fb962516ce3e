import { ConfigError } from "./config-error.ts";
import { parsePropertyString } from "./property-string.ts";
import { type Section } from "./section-config.ts";
import { isTrueText } from "./section-entry.ts";
import { type SectionFile } from "./section-file.ts";

/** Name of the file in the folder of the configuration. */
export const DATASTORE_FILE = "datastore.cfg";

/** Ways in which a datastore can be out of service (spec rest-api.md §7). */
export type MaintenanceType = "read-only" | "offline" | "delete";

/** Why a datastore is out of service. */
export interface Maintenance {
  readonly type: MaintenanceType;
  readonly message: string | undefined;
  /** As it stands in the file. */
  readonly text: string;
}

/** One datastore of the configuration, as far as serving it needs it. */
export interface DatastoreEntry {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly comment: string | undefined;
  readonly maintenance: Maintenance | undefined;
  /** When garbage is collected, as a calendar event. */
  readonly gcSchedule: string | undefined;
  /** What is done with a backup that has just been finished. */
  readonly newBackups: "verified" | "left alone";
  /** How backups are made durable. */
  readonly syncLevel: "none" | "file" | "filesystem";
  readonly notifications: DatastoreNotifications;
  /** How long a chunk rests before collection may remove it, if the configuration says (`tuning`, `gc-atime-cutoff`). */
  readonly collectionRestSec?: number;
}

/** How the end of jobs on a datastore is told (spec rest-api.md §7). */
export interface DatastoreNotifications {
  /**
   * Through the matchers of the configuration, or as mail to one user as before there were any. What a datastore that does
   * not say it has: mail, when it says when or to whom, else the matchers.
   */
  readonly mode: "notification-system" | "legacy-sendmail";
  /** When mail is sent in the legacy mode. */
  readonly levels: Readonly<Record<"gc" | "prune" | "sync" | "verify", NotifyLevel>>;
  /** Who gets it then. */
  readonly user: string;
}

/** When there is mail. */
export type NotifyLevel = "never" | "error" | "always";

/** A datastore named on the command line. */
export interface WantedDatastore {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/** What the configuration says about datastores. */
export interface DatastoreConfig {
  readonly entries: readonly DatastoreEntry[];
  /** Names that were not in the file before; their folders may be made. */
  readonly added: ReadonlySet<string>;
}

/**
 * Reads `datastore.cfg` and adds the datastores that the command line names and the file does not.
 *
 * Properties this program does not know stay in the file.
 *
 * @throws {ConfigError} `CONFIG_CONFLICT` when a name stands for another path already.
 */
export async function mergeDatastoreConfig(
  file: SectionFile,
  wanted: readonly WantedDatastore[],
): Promise<DatastoreConfig> {
  const added = new Set<string>();
  await file.update(({ sections }) => {
    const missing = wanted.filter((each) => !isPresent(sections, each));
    for (const { name } of missing) added.add(name);
    if (missing.length === 0) return sections;
    return [...sections, ...missing.map(({ name, path }) => datastoreSection(name, path))];
  });
  const { sections } = await file.read();
  return { entries: datastoreSections(sections).map(datastoreEntry), added };
}

function isPresent(sections: readonly Section[], { name, path }: WantedDatastore): boolean {
  const present = datastoreSections(sections).find((section) => section.id === name);
  const presentPath = present?.properties.get("path");
  if (present && presentPath !== path) {
    throw new ConfigError(
      "CONFIG_CONFLICT",
      name,
      `the datastore lies in "${presentPath ?? ""}", not in "${path}"`,
    );
  }
  return present !== undefined;
}

/** A section of a new datastore. */
export function datastoreSection(name: string, path: string): Section {
  return { type: "datastore", id: name, properties: new Map([["path", path]]) };
}

/** The sections that are datastores. */
export function datastoreSections(sections: readonly Section[]): readonly Section[] {
  return sections.filter((section) => section.type === "datastore");
}

/**
 * What serving a datastore needs of its section.
 *
 * @throws {ConfigError} `CONFIG_INVALID` when it has no path.
 */
export function datastoreEntry({ id, properties }: Section): DatastoreEntry {
  const path = properties.get("path");
  if (path === undefined) throw new ConfigError("CONFIG_INVALID", DATASTORE_FILE, `${id}: no path`);
  return {
    name: id,
    path,
    comment: properties.get("comment"),
    maintenance: maintenanceOf(properties.get("maintenance-mode")),
    gcSchedule: properties.get("gc-schedule"),
    newBackups: isTrueText(properties.get("verify-new") ?? "0") ? "verified" : "left alone",
    syncLevel: syncLevelOf(properties.get("tuning")),
    notifications: notificationsOf(properties),
    ...collectionRestOf(properties.get("tuning")),
  };
}

/** A kind that this program does not know keeps everybody out, as `offline` does. */
function maintenanceOf(text: string | undefined): Maintenance | undefined {
  if (text === undefined) return undefined;
  const members = parsePropertyString(text, "type");
  const type = members?.get("type");
  const known = type === "read-only" || type === "delete" ? type : "offline";
  return { type: known, message: members?.get("message"), text };
}

/** Minutes from 1 to two days (spec retention-gc-verify-sync.md §3); anything else counts as not said. */
function collectionRestOf(
  tuning: string | undefined,
): Pick<DatastoreEntry, "collectionRestSec"> | undefined {
  const minutes = Number(parsePropertyString(tuning ?? "")?.get("gc-atime-cutoff"));
  return Number.isInteger(minutes) && minutes >= 1 && minutes <= 2880
    ? { collectionRestSec: minutes * 60 }
    : undefined;
}

function syncLevelOf(tuning: string | undefined): DatastoreEntry["syncLevel"] {
  const level = parsePropertyString(tuning ?? "")?.get("sync-level");
  return level === "none" || level === "file" ? level : "filesystem";
}

function notificationsOf(properties: Section["properties"]): DatastoreNotifications {
  const notify = properties.get("notify");
  const user = properties.get("notify-user");
  const mode = properties.get("notification-mode");
  const isLegacy =
    mode === "legacy-sendmail" ||
    (mode === undefined && (notify !== undefined || user !== undefined));
  const given = parsePropertyString(notify ?? "");
  const level = (kind: string, usual: NotifyLevel): NotifyLevel => {
    const text = given?.get(kind);
    return text === "never" || text === "error" || text === "always" ? text : usual;
  };
  return {
    mode: isLegacy ? "legacy-sendmail" : "notification-system",
    levels: {
      gc: level("gc", "always"),
      prune: level("prune", "error"),
      sync: level("sync", "always"),
      verify: level("verify", "always"),
    },
    user: user ?? "root@pam",
  };
}
