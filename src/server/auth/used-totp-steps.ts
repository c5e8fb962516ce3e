import { Type } from "typebox";
import { Value } from "typebox/value";

import { type ConfigDirectory } from "../configuration/config-directory.ts";
import { ConfigError } from "../configuration/config-error.ts";

const FILE = "totp-used.json";

/** Last step whose code was accepted, by the id of the generator. */
const fileSchema = Type.Record(Type.String(), Type.Integer({ minimum: 0 }));

/**
 * Remembers which time-based codes were used, across restarts: a code that somebody saw being typed works no second time.
 *
 * In the folder of the server's state, because `tfa.json` is the genuine server's, too. One step a generator, no secrets.
 */
export class UsedTotpSteps {
  readonly #directory: ConfigDirectory;
  readonly #steps: Map<string, number>;
  #lastWrite: Promise<void> = Promise.resolve();

  private constructor(directory: ConfigDirectory, steps: Map<string, number>) {
    this.#directory = directory;
    this.#steps = steps;
  }

  /**
   * Reads the file; a missing one is empty.
   *
   * @throws {ConfigError} `CONFIG_INVALID`: to go on without it would be to accept used codes.
   */
  static async load(directory: ConfigDirectory): Promise<UsedTotpSteps> {
    const text = await directory.read(FILE);
    if (text === undefined) return new UsedTotpSteps(directory, new Map());
    const value = parseJson(text);
    if (!Value.Check(fileSchema, value)) {
      throw new ConfigError("CONFIG_INVALID", FILE, "the file does not have the form it should");
    }
    return new UsedTotpSteps(directory, new Map(Object.entries(value)));
  }

  /** Takes a step: false when it, or a later one, was taken before. Call {@link written} before anybody is let in. */
  take(generatorId: string, step: number): boolean {
    if (step <= (this.#steps.get(generatorId) ?? -1)) return false;
    this.#steps.set(generatorId, step);
    return true;
  }

  /** Forgets a generator that is gone. */
  forget(generatorId: string): void {
    this.#steps.delete(generatorId);
  }

  /** Resolves when what was taken so far survives a crash. */
  async written(): Promise<void> {
    // One after the other: of two that overlap, the older could get the file's name last.
    const write = this.#lastWrite.then(async () => {
      const text = JSON.stringify(Object.fromEntries(this.#steps));
      await this.#directory.write(FILE, `${text}\n`);
    });
    this.#lastWrite = write.catch(() => undefined);
    await write;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError("CONFIG_INVALID", FILE, "the file is no JSON", { cause });
  }
}
