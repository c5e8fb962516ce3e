import { type ConfigDirectory } from "./config-directory.ts";
import { ConfigError } from "./config-error.ts";
import { formatSections, parseSections, type Section } from "./section-config.ts";

const DATASTORE_FILE = "datastore.cfg";

/** One datastore of the configuration (spec rest-api.md §7). */
export interface DatastoreEntry {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly comment?: string;
}

/** A datastore named on the command line. */
export interface WantedDatastore {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/**
 * Reads `datastore.cfg` and adds the datastores that the command line names and the file does not.
 *
 * Properties this program does not know stay in the file.
 *
 * @throws {ConfigError} `CONFIG_CONFLICT` when a name stands for another path already.
 */
export async function mergeDatastoreConfig(
  directory: ConfigDirectory,
  wanted: readonly WantedDatastore[],
): Promise<readonly DatastoreEntry[]> {
  const text = (await directory.read(DATASTORE_FILE)) ?? "";
  const sections: Section[] = parseSections(text, DATASTORE_FILE).filter(
    (section) => section.type === "datastore",
  );
  let isChanged = false;
  for (const { name, path } of wanted) {
    const present = sections.find((section) => section.id === name);
    const presentPath = present?.properties.get("path");
    if (present && presentPath !== path) {
      throw new ConfigError(
        "CONFIG_CONFLICT",
        name,
        `the datastore lies in "${presentPath ?? ""}", not in "${path}"`,
      );
    }
    if (present) continue;
    sections.push({ type: "datastore", id: name, properties: new Map([["path", path]]) });
    isChanged = true;
  }
  if (isChanged) await directory.write(DATASTORE_FILE, formatSections(sections));
  return sections.map(entryOf);
}

function entryOf({ id, properties }: Section): DatastoreEntry {
  const path = properties.get("path");
  const comment = properties.get("comment");
  if (path === undefined) throw new ConfigError("CONFIG_INVALID", DATASTORE_FILE, `${id}: no path`);
  return { name: id, path, ...(comment === undefined ? {} : { comment }) };
}
