import { TimeZone } from "../../format/schedule/time-zone.ts";
import { type ConfigDirectory } from "../configuration/config-directory.ts";
import { ConfigError } from "../configuration/config-error.ts";

const FILE = "timezone";

/**
 * The time zone of this server: that of the system, until another one is set, which lies in the configuration.
 *
 * It is a matter of this process only; the system's zone is not changed, so that a server in a container, or without the
 * rights for it, can have one, too.
 */
export class ServerZone {
  readonly #directory: ConfigDirectory;
  readonly #apply: (name: string) => void;

  private constructor(directory: ConfigDirectory, apply: (name: string) => void) {
    this.#directory = directory;
    this.#apply = apply;
  }

  /**
   * Applies the zone that was set before, if one was.
   *
   * @param apply Makes a zone that of the process.
   * @throws {ConfigError} `CONFIG_INVALID` when the file names none.
   */
  static async load(
    directory: ConfigDirectory,
    apply: (name: string) => void,
  ): Promise<ServerZone> {
    const name = (await directory.read(FILE))?.trim();
    if (name !== undefined) {
      if (!isTimeZone(name)) {
        throw new ConfigError("CONFIG_INVALID", FILE, `"${name}" is no time zone`);
      }
      apply(name);
    }
    return new ServerZone(directory, apply);
  }

  /** Sets a zone that {@link isTimeZone} knows, from now on and after a restart. */
  async set(name: string): Promise<void> {
    await this.#directory.write(FILE, `${name}\n`);
    this.#apply(name);
  }
}

/** Whether there is a time zone of that name. */
export function isTimeZone(name: string): boolean {
  try {
    return new TimeZone(name) instanceof TimeZone;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
