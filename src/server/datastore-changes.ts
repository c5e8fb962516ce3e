import { isAbsolute, relative } from "node:path";

import {
  datastoreEntry,
  datastoreSections,
  type DatastoreEntry,
} from "./configuration/datastore-config.ts";
import { type Section } from "./configuration/section-config.ts";
import { type SectionFile } from "./configuration/section-file.ts";
import { type Datastores } from "./datastores.ts";
import { refused } from "./http/api-error.ts";
import {
  isOffline,
  openDatastore,
  type OpenDatastoreOptions,
  tryOpenDatastore,
} from "./open-datastores.ts";
import { completeChunkFolders, createLocalDatastore } from "./store/create-local-datastore.ts";
import { destroyLocalDatastore } from "./store/destroy-local-datastore.ts";
import { type Datastore } from "./store/datastore.ts";
import { StoreError } from "./store/store-error.ts";
import { type TaskRegistry } from "./tasks/task-registry.ts";
import { tasksOn } from "./tasks/tasks-on.ts";
import { type Task } from "./tasks/task.ts";

/** What changes to datastores need. */
export interface DatastoreChangesOptions extends OpenDatastoreOptions {
  readonly tasks: TaskRegistry;
}

/** Makes, changes and removes datastores of a running server: in `datastore.cfg` and in what is served. */
export class DatastoreChanges {
  readonly #file: SectionFile;
  readonly #datastores: Datastores;
  readonly #options: DatastoreChangesOptions;

  constructor(file: SectionFile, datastores: Datastores, options: DatastoreChangesOptions) {
    this.#file = file;
    this.#datastores = datastores;
    this.#options = options;
  }

  /**
   * Refuses a datastore whose name or folder is taken; folders of two datastores must not lie in each other.
   *
   * @throws {ApiError} `API_REFUSED`.
   */
  requireRoom(sections: readonly Section[], { name, path }: DatastoreEntry): void {
    for (const other of datastoreSections(sections)) {
      if (other.id === name) throw refused(`datastore '${name}' already exists.`);
      const otherPath = other.properties.get("path") ?? "";
      if (isWithin(path, otherPath) || isWithin(otherPath, path)) {
        throw refused(`the path '${path}' is used by datastore '${other.id}'`);
      }
    }
  }

  /**
   * Lays a datastore out, or takes an existing folder over, and serves it from then on.
   *
   * It enters the configuration when everything is there: a crash before leaves a folder that can be taken over.
   *
   * @throws {StoreError} `STORE_ALREADY_EXISTS`, `STORE_NOT_EMPTY`, `STORE_NOT_A_DATASTORE`, `STORE_IN_USE`.
   */
  async create(section: Section, folder: "new" | "existing", task: Task): Promise<void> {
    const entry = datastoreEntry(section);
    const { chunkFolders } = this.#options;
    if (folder === "new") {
      task.log("Chunkstore create: 0%");
      await (
        await createLocalDatastore(entry.path, { chunkFolders })
      ).foldersComplete;
      task.log("Chunkstore create: 100%");
    }
    const datastore = await openDatastore(entry, this.#options);
    try {
      if (folder === "existing" && chunkFolders === "in-background") {
        await completeChunkFolders(entry.path);
      }
      await this.#file.update(({ sections }) => {
        this.requireRoom(sections, entry);
        return [...sections, section];
      });
    } catch (error) {
      await datastore[Symbol.asyncDispose]();
      throw error;
    }
    this.#datastores.set({ entry, datastore, failure: undefined });
    task.log(`datastore '${entry.name}' is in service`);
  }

  /**
   * Makes the running server follow what the file says about a datastore now.
   *
   * One that is taken offline is closed when nobody works in it, so that its disk can be unmounted; one that is to be in
   * service and is not open, because its disk was missing or offline, or was exchanged, is opened.
   */
  async follow(name: string): Promise<void> {
    const { sections } = await this.#file.read();
    const section = datastoreSections(sections).find(({ id }) => id === name);
    if (!section) return;
    const entry = datastoreEntry(section);
    this.#datastores.setEntry(entry);
    const datastore = this.#datastores.find(name);
    const isBusy = tasksOn(this.#options.tasks, name).length > 0;
    if (datastore && !isBusy && (isOffline(entry) || !(await isPresent(datastore)))) {
      this.#datastores.set({ entry, datastore: undefined, failure: undefined });
      await datastore[Symbol.asyncDispose]();
    }
    if (isOffline(entry) || this.#datastores.find(name)) return;
    this.#datastores.set(await tryOpenDatastore(entry, this.#options));
  }

  /**
   * Takes a datastore out of service and out of the configuration.
   *
   * When its data is destroyed, the file says so before: a crash leaves an entry that is out of service and can be
   * removed again.
   */
  async remove(name: string, data: "kept" | "destroyed", task: Task): Promise<void> {
    const known = this.#datastores.all().find(({ entry }) => entry.name === name);
    if (data === "destroyed") {
      await this.#file.update(({ sections }) =>
        sections.map((section) => (section.id === name ? inDeletion(section) : section)),
      );
    }
    await known?.datastore?.[Symbol.asyncDispose]();
    if (known) this.#datastores.set({ ...known, datastore: undefined });
    if (data === "destroyed" && known) {
      task.log(`remove the content of "${known.entry.path}"`);
      const left = await destroyLocalDatastore(known.entry.path);
      for (const each of left) task.warn(`"${each}" is no part of a datastore and stays`);
    }
    await this.#file.update(({ sections }) =>
      sections.filter(({ type, id }) => type !== "datastore" || id !== name),
    );
    this.#datastores.delete(name);
    task.log(`datastore '${name}' is removed from the configuration`);
  }
}

async function isPresent(datastore: Datastore): Promise<boolean> {
  try {
    await datastore.assertPresent();
    return true;
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw error;
  }
}

function inDeletion(section: Section): Section {
  return {
    ...section,
    properties: new Map([...section.properties, ["maintenance-mode", "type=delete"]]),
  };
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (!way.startsWith("..") && !isAbsolute(way));
}
