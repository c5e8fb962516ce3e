import { configDigest, type ConfigDirectory } from "./config-directory.ts";
import { ConfigError } from "./config-error.ts";
import { type SectionValues } from "./section-entry.ts";

const FILE = "node.cfg";

/** What the file holds at one moment. */
export interface NodeConfigContent {
  /** Values by name, in file order. */
  readonly values: ReadonlyMap<string, string>;
  /** SHA-256 of the file's text, for optimistic locking (spec rest-api.md §1.3). */
  readonly digest: string;
}

/**
 * `node.cfg`: settings of this server as a whole, a line `name: value` each.
 *
 * It is read anew for every call. What this program does not know stays; a line break in a value stands as `%0A`, a percent
 * sign as `%25`.
 */
export class NodeConfig {
  readonly #directory: ConfigDirectory;
  #lastUpdate: Promise<unknown> = Promise.resolve();

  constructor(directory: ConfigDirectory) {
    this.#directory = directory;
  }

  /**
   * Reads the file; a missing one is empty.
   *
   * @throws {ConfigError} `CONFIG_INVALID` naming the line.
   */
  async read(): Promise<NodeConfigContent> {
    const text = (await this.#directory.read(FILE)) ?? "";
    const values = new Map<string, string>();
    for (const [index, line] of text.split("\n").entries()) {
      if (line.trim() === "" || line.startsWith("#")) continue;
      const match = /^([A-Za-z0-9._-]+):\s*(.*)$/.exec(line);
      if (!match) throw new ConfigError("CONFIG_INVALID", FILE, `line ${index + 1} is no setting`);
      const [, name = "", value = ""] = match;
      values.set(name, value.trim().replaceAll("%0A", "\n").replaceAll("%25", "%"));
    }
    return { values, digest: configDigest(text) };
  }

  /**
   * Sets some values and removes others, one call after the other.
   *
   * @param check Looks at the file before and may throw.
   */
  async update(
    set: SectionValues,
    removed: readonly string[],
    check: (content: NodeConfigContent) => void,
  ): Promise<void> {
    const turn = this.#lastUpdate.then(async () => {
      const content = await this.read();
      check(content);
      const values = new Map(content.values);
      for (const name of removed) values.delete(name);
      for (const [name, value] of Object.entries(set)) values.set(name, String(value));
      const lines = [...values].map(([name, value]) => `${name}: ${onOneLine(value)}\n`);
      await this.#directory.write(FILE, lines.join(""));
    });
    this.#lastUpdate = turn.catch(() => undefined);
    await turn;
  }

  /** Days after which logs of tasks go; `undefined` when only their number counts. */
  async taskLogDaysMax(): Promise<number | undefined> {
    const text = (await this.read()).values.get("task-log-max-days");
    return text !== undefined && /^[0-9]{1,5}$/.test(text) ? Number(text) : undefined;
  }
}

function onOneLine(value: string): string {
  return value.replaceAll("%", "%25").replaceAll("\n", "%0A");
}
