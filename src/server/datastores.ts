import { type Datastore } from "./store/datastore.ts";

/** The datastores of this server, by name. */
export class Datastores {
  readonly #entries = new Map<string, OpenDatastore>();

  /** Adds one that was opened. */
  add(entry: OpenDatastore): void {
    this.#entries.set(entry.datastore.name, entry);
  }

  /** All of them, by name. */
  list(): readonly OpenDatastore[] {
    return [...this.#entries.values()].sort((a, b) =>
      a.datastore.name < b.datastore.name ? -1 : 1,
    );
  }

  /** One of them. */
  find(name: string): Datastore | undefined {
    return this.#entries.get(name)?.datastore;
  }

  /** Closes all of them. */
  async close(): Promise<void> {
    for (const { datastore } of this.#entries.values()) await datastore[Symbol.asyncDispose]();
    this.#entries.clear();
  }
}

/** A datastore that is open, and what the configuration says about it. */
export interface OpenDatastore {
  readonly datastore: Datastore;
  readonly comment?: string;
}
