import { type ConfigDirectory } from "./config-directory.ts";
import { parsePropertyString } from "./property-string.ts";
import { type Section } from "./section-config.ts";
import { SectionFile, type SectionFileContent } from "./section-file.ts";

/** Where an entry comes from; it stands in no file. */
export const ORIGIN_PROPERTY = "origin";

/** Values of {@link ORIGIN_PROPERTY}. */
export const origins = ["user-created", "builtin", "modified-builtin"] as const;

/** Entries that are there until they are changed: whatever happens goes to the address of `root@pam` (spec web-ui.md §4). */
export const builtinNotifications: readonly Section[] = [
  {
    type: "sendmail",
    id: "mail-to-root",
    properties: new Map([
      ["mailto-user", "root@pam"],
      ["comment", "Mail to the address of root@pam"],
    ]),
  },
  {
    type: "matcher",
    id: "default-matcher",
    properties: new Map([
      ["target", "mail-to-root"],
      ["comment", "Everything goes to mail-to-root"],
    ]),
  },
];

/** Properties of each type that lie in the private file. */
const privateProperties: Readonly<Record<string, readonly string[]>> = {
  smtp: ["password"],
  gotify: ["token"],
  webhook: ["secret"],
};

/**
 * `notifications.cfg` and `notifications-priv.cfg` as one list of sections.
 *
 * Passwords and the like lie in the private file only. It is written first: a crash between the two leaves secrets of an
 * entry that does not exist, which nobody reads and the next change drops. Built-in entries are in the list, too, and in
 * the file only when they were changed; whoever removes one gets it back as it was.
 */
export class NotificationFile {
  readonly #public: SectionFile;
  readonly #private: SectionFile;

  constructor(directory: ConfigDirectory) {
    this.#public = new SectionFile(directory, "notifications.cfg");
    this.#private = new SectionFile(directory, "notifications-priv.cfg");
  }

  /**
   * Every entry with its secrets and {@link ORIGIN_PROPERTY}; the digest is that of the public file.
   *
   * @throws {ConfigError} `CONFIG_INVALID` naming the line.
   */
  async read(): Promise<SectionFileContent> {
    return await this.#joined(await this.#public.read());
  }

  /** Replaces the entries by what `change` makes of them, as `SectionFile.update` does. */
  async update(
    change: (content: SectionFileContent) => readonly Section[] | Promise<readonly Section[]>,
  ): Promise<void> {
    await this.#public.update(async (content) => {
      const joined = await this.#joined(content);
      const changed = await change(joined);
      if (changed === joined.sections) return content.sections;
      const own = changed.map(withoutOrigin).filter((section) => !isAsBuiltIn(section));
      await this.#private.update(() => own.flatMap(privatePart));
      return own.map(publicPart);
    });
  }

  async #joined({ sections, digest }: SectionFileContent): Promise<SectionFileContent> {
    const secrets = (await this.#private.read()).sections;
    const stored = sections.map((section) => {
      const own = secrets.find((each) => isSame(each, section));
      const isChanged = builtinNotifications.some((each) => isSame(each, section));
      return withOrigin(
        {
          ...section,
          properties: new Map([...section.properties, ...(own ? own.properties : [])]),
        },
        isChanged ? "modified-builtin" : "user-created",
      );
    });
    const missing = builtinNotifications.filter(
      (builtin) => !sections.some((section) => isSame(section, builtin)),
    );
    return {
      sections: [...missing.map((each) => withOrigin(each, "builtin")), ...stored],
      digest,
    };
  }
}

/** What a `secret` of a webhook is shown as: its name. */
export function secretName(text: string): string {
  return `name=${parsePropertyString(text)?.get("name") ?? ""}`;
}

function publicPart(section: Section): Section {
  const properties = new Map(section.properties);
  for (const name of privateProperties[section.type] ?? []) {
    const value = properties.get(name);
    if (name !== "secret") properties.delete(name);
    else if (value !== undefined) {
      properties.set(name, value.split("\n").map(secretName).join("\n"));
    }
  }
  return { ...section, properties };
}

function privatePart({ type, id, properties }: Section): readonly Section[] {
  const own = (privateProperties[type] ?? []).flatMap((name) => {
    const value = properties.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return own.length === 0 ? [] : [{ type, id, properties: new Map(own) }];
}

function withOrigin(section: Section, origin: (typeof origins)[number]): Section {
  return { ...section, properties: new Map([...section.properties, [ORIGIN_PROPERTY, origin]]) };
}

function withoutOrigin(section: Section): Section {
  const properties = new Map(section.properties);
  properties.delete(ORIGIN_PROPERTY);
  return { ...section, properties };
}

function isAsBuiltIn(section: Section): boolean {
  const builtin = builtinNotifications.find((each) => isSame(each, section));
  if (builtin?.properties.size !== section.properties.size) return false;
  return [...builtin.properties].every(([name, value]) => section.properties.get(name) === value);
}

function isSame(one: Section, other: Section): boolean {
  return one.type === other.type && one.id === other.id;
}
