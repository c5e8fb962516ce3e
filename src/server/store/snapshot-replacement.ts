import { type ArchiveName, MANIFEST_NAME } from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { MANIFEST_LOCK_TIMEOUT_MS } from "./manifest-store.ts";
import { type Durability } from "./store-backend.ts";
import { isVisibleFile, manifestLockKey, replacementPath, snapshotPath } from "./store-path.ts";

/**
 * A finished snapshot being made anew in a folder beside it, which takes its place in one step when it is whole.
 *
 * Until then the old one is there and whole; a crash leaves a hidden folder that the next attempt, or the next start of the
 * server, removes. The owner holds the snapshot's lock. Where folders cannot change places in one step (network file
 * systems), the manifest goes first and the files follow, so that a crash leaves an unfinished snapshot, which the next pull completes.
 */
export class SnapshotReplacement implements AsyncDisposable {
  readonly #parts: DatastoreParts;
  readonly #lockKey: string;
  readonly #folder: string;
  readonly #replacement: string;
  readonly #durability: Durability;

  private constructor(parts: DatastoreParts, namespace: Namespace, snapshot: SnapshotId) {
    this.#parts = parts;
    this.#lockKey = manifestLockKey(namespace, snapshot);
    this.#folder = snapshotPath(namespace, snapshot);
    this.#replacement = replacementPath(namespace, snapshot);
    this.#durability = parts.syncLevel === "file" ? "synced" : "none";
  }

  /** Makes the folder, in place of what an attempt before left. */
  static async begin(
    parts: DatastoreParts,
    namespace: Namespace,
    snapshot: SnapshotId,
  ): Promise<SnapshotReplacement> {
    const made = new SnapshotReplacement(parts, namespace, snapshot);
    await parts.backend.removeFolder(made.#replacement);
    await parts.backend.createFolder(made.#replacement, made.#durability);
    return made;
  }

  /** Stores a file of the new snapshot from borrowed bytes. */
  async put(name: ArchiveName, bytes: Uint8Array): Promise<void> {
    await this.#write(name, bytes);
  }

  /**
   * Takes what is unchanged from the old snapshot, then its place, and removes it.
   *
   * @param manifest Blob of the manifest, borrowed.
   * @param kept Names of visible files that the new snapshot has, too.
   */
  async publish(manifest: Uint8Array, kept: ReadonlySet<string>): Promise<void> {
    const { backend, syncLevel, locks, live } = this.#parts;
    const lock = await locks.waitExclusive(this.#lockKey, MANIFEST_LOCK_TIMEOUT_MS);
    try {
      await this.#copyUnchanged(kept);
      await this.#write(MANIFEST_NAME, manifest);
      if (syncLevel === "filesystem") await backend.syncEverything();
      const durability = syncLevel === "none" ? "none" : "synced";
      const isExchanged = await backend.exchangeFolders(
        this.#folder,
        this.#replacement,
        durability,
      );
      if (!isExchanged) await this.#moveFiles(durability);
    } finally {
      lock.release();
    }
    for (const { name } of (await backend.listFolder(this.#folder)) ?? []) {
      if (/\.[fd]idx$/.test(name)) live.notePublished(`${this.#folder}/${name}`);
    }
  }

  /** Removes the folder, with the new files if they were not published, else with the old ones. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.backend.removeFolder(this.#replacement);
  }

  /** What is hidden (such as the mark of a protected snapshot) goes along; what the new snapshot does not list, does not. */
  async #copyUnchanged(kept: ReadonlySet<string>): Promise<void> {
    const { backend } = this.#parts;
    const made = new Set((await backend.listFolder(this.#replacement))?.map(({ name }) => name));
    for (const { name, kind } of (await backend.listFolder(this.#folder)) ?? []) {
      if (kind !== "file" || made.has(name) || name === MANIFEST_NAME) continue;
      if (isVisibleFile(name) && !kept.has(name)) continue;
      await using file = await backend.openFile(`${this.#folder}/${name}`);
      if (file) await this.#write(name, await file.readAt(0, file.size));
    }
  }

  async #moveFiles(durability: Durability): Promise<void> {
    const { backend } = this.#parts;
    await backend.removeFile(`${this.#folder}/${MANIFEST_NAME}`);
    const names = ((await backend.listFolder(this.#replacement)) ?? []).map(({ name }) => name);
    for (const { name } of (await backend.listFolder(this.#folder)) ?? []) {
      const isGone = isVisibleFile(name) && !names.includes(name);
      if (isGone) await backend.removeFile(`${this.#folder}/${name}`);
    }
    // The manifest comes last (W3).
    for (const name of [...names.filter((name) => name !== MANIFEST_NAME), MANIFEST_NAME]) {
      const to = `${this.#folder}/${name}`;
      await backend.renameFile(`${this.#replacement}/${name}`, to, durability);
    }
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#parts.backend.writeFile(`${this.#replacement}/${name}`, bytes, {
      onExisting: "replace",
      durability: this.#durability,
    });
  }
}
