import { configDigest, type ConfigDirectory } from "./config-directory.ts";
import { formatSections, parseSections, type Section } from "./section-config.ts";

/** What a section file holds at one moment. */
export interface SectionFileContent {
  /** In file order; of all types, also unknown ones. */
  readonly sections: readonly Section[];
  /** SHA-256 of the file's text, for optimistic locking (spec rest-api.md §1.3). */
  readonly digest: string;
}

/** Sections that can be read and replaced, with a digest for optimistic locking. */
export type SectionStore = Pick<SectionFile, "read" | "update">;

/**
 * One file of sections in the genuine format: `datastore.cfg`, `prune.cfg`, …
 *
 * It is read anew for every call, so that an edit by hand counts at once. Updates run one after the other and replace the
 * file as a whole; sections and properties that the caller does not touch stay as they are.
 */
export class SectionFile {
  readonly #directory: ConfigDirectory;
  /** Name inside the directory. */
  readonly fileName: string;
  #lastUpdate: Promise<unknown> = Promise.resolve();

  constructor(directory: ConfigDirectory, fileName: string) {
    this.#directory = directory;
    this.fileName = fileName;
  }

  /**
   * Reads the file; a missing one is empty.
   *
   * @throws {ConfigError} `CONFIG_INVALID` naming the line.
   */
  async read(): Promise<SectionFileContent> {
    const text = (await this.#directory.read(this.fileName)) ?? "";
    return { sections: parseSections(text, this.fileName), digest: configDigest(text) };
  }

  /**
   * Copies the file as it is, comments and all, beside itself; a copy that is there already stays.
   *
   * @returns Name of the copy.
   */
  async keepCopy(suffix: string): Promise<string> {
    const name = `${this.fileName}.${suffix}`;
    const text = await this.#directory.read(this.fileName);
    const isThere = (await this.#directory.read(name)) !== undefined;
    if (text !== undefined && !isThere) await this.#directory.write(name, text);
    return name;
  }

  /**
   * Replaces the sections by what `change` makes of them; nothing is written when it throws or gives them back as they are.
   *
   * @throws {ConfigError} `CONFIG_INVALID`; what `change` throws.
   */
  async update(
    change: (content: SectionFileContent) => readonly Section[] | Promise<readonly Section[]>,
  ): Promise<void> {
    const turn = this.#lastUpdate.then(async () => {
      const content = await this.read();
      const changed = await change(content);
      if (changed === content.sections) return;
      await this.#directory.write(this.fileName, formatSections(changed));
    });
    this.#lastUpdate = turn.catch(() => undefined);
    await turn;
  }
}
