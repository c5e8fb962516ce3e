import { type DatastoreEntry, type Maintenance } from "./configuration/datastore-config.ts";
import { refused } from "./http/api-error.ts";
import { type Datastore } from "./store/datastore.ts";

/** A datastore that is open, and what the configuration says about it. */
export interface OpenDatastore {
  readonly datastore: Datastore;
  readonly entry: DatastoreEntry;
}

/** A datastore of the configuration, open or not. */
export interface KnownDatastore {
  readonly entry: DatastoreEntry;
  readonly datastore: Datastore | undefined;
  /** Why it is not open, when that is not what the configuration wants. */
  readonly failure: string | undefined;
}

/** What somebody wants to do with a datastore. */
export type DatastoreOperation = "read" | "write";

/** The datastores of this server, by name. They come and go while it runs. */
export class Datastores {
  readonly #known = new Map<string, KnownDatastore>();

  /** Adds one, or replaces what was known about it; the one before is not closed. */
  set(known: KnownDatastore): void {
    this.#known.set(known.entry.name, known);
  }

  /** Takes one out without closing it: nobody finds it any more. */
  delete(name: string): KnownDatastore | undefined {
    const known = this.#known.get(name);
    this.#known.delete(name);
    return known;
  }

  /** Changes what the configuration says about one. */
  setEntry(entry: DatastoreEntry): void {
    const known = this.#known.get(entry.name);
    if (known) this.#known.set(entry.name, { ...known, entry });
  }

  /** All of the configuration, by name. */
  all(): readonly KnownDatastore[] {
    return [...this.#known.values()].sort((a, b) => (a.entry.name < b.entry.name ? -1 : 1));
  }

  /** Those that are open, by name. */
  list(): readonly OpenDatastore[] {
    return this.all().flatMap(({ entry, datastore }) => (datastore ? [{ entry, datastore }] : []));
  }

  /** One of them, if it is open. */
  find(name: string): Datastore | undefined {
    return this.#known.get(name)?.datastore;
  }

  /**
   * One of them, open and in service for an operation.
   *
   * @throws {ApiError} `API_REFUSED` with the protocol's texts (spec auth.md §8.4).
   */
  require(name: string, operation: DatastoreOperation): Datastore {
    const known = this.#known.get(name);
    if (!known) throw refused(`no such datastore '${name}'`);
    const reason = refusalOf(known.entry, operation) ?? known.failure;
    if (reason !== undefined) throw refused(reason);
    if (!known.datastore) throw refused(`datastore '${name}' is not open`);
    return known.datastore;
  }

  /** Closes all of them. */
  async close(): Promise<void> {
    for (const { datastore } of this.#known.values()) await datastore?.[Symbol.asyncDispose]();
    this.#known.clear();
  }
}

/** Text of the refusal of an operation by the maintenance mode, if it refuses. */
function refusalOf(
  { name, maintenance }: DatastoreEntry,
  operation: DatastoreOperation,
): string | undefined {
  if (!maintenance || (maintenance.type === "read-only" && operation === "read")) return undefined;
  return `datastore '${name}' is in ${maintenanceText(maintenance)}`;
}

function maintenanceText({ type, message }: Maintenance): string {
  return type === "delete"
    ? "datastore is being deleted"
    : `${type} maintenance mode: ${message ?? ""}`;
}
