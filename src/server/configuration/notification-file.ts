import { type ConfigDirectory } from "./config-directory.ts";
import { parsePropertyString } from "./property-string.ts";
import { formatSections, type Section } from "./section-config.ts";
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
 * Passwords and the like lie in the private file only. A crash between the two never leaves a secret with an address that it is not
 * for: an entry whose secret and whose public part both change has no secret between. What the private file has besides, for types or
 * properties that are not known here, stays there and is in no list. Built-in entries are in the list, too, and in
 * the file only when they were changed; whoever removes one gets it back as it was.
 */
export class NotificationFile {
  readonly #public: SectionFile;
  readonly #private: SectionFile;
  #lastUpdate: Promise<unknown> = Promise.resolve();

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
    const turn = this.#lastUpdate.then(async () => {
      let finish: (() => Promise<void>) | undefined;
      await this.#public.update(async (content) => {
        const joined = await this.#joined(content);
        const changed = await change(joined);
        if (changed === joined.sections) return content.sections;
        const own = changed.map(withoutOrigin).filter((section) => !isAsBuiltIn(section));
        const secrets = (await this.#private.read()).sections;
        const after = own.flatMap((section) => privatePart(section, secrets));
        const between = own
          .filter((each) => !changesTwice(each, content.sections, secrets))
          .flatMap((section) => privatePart(section, secrets));
        const removed = secrets.filter((each) => has(content.sections, each) && !has(own, each));
        await this.#writePrivate([...between, ...removed]);
        finish = async () => {
          await this.#writePrivate(after);
        };
        return own.map(publicPart);
      });
      await finish?.();
    });
    this.#lastUpdate = turn.catch(() => undefined);
    await turn;
  }

  async #writePrivate(sections: readonly Section[]): Promise<void> {
    await this.#private.update((content) =>
      formatSections(content.sections) === formatSections(sections) ? content.sections : sections,
    );
  }

  async #joined({ sections, digest }: SectionFileContent): Promise<SectionFileContent> {
    const secrets = (await this.#private.read()).sections;
    const stored = sections.map((section) => {
      const own = secrets.find((each) => isSame(each, section))?.properties;
      const known = (privateProperties[section.type] ?? []).flatMap((name) => {
        const value = own?.get(name);
        return value === undefined ? [] : [[name, value] as const];
      });
      const isChanged = builtinNotifications.some((each) => isSame(each, section));
      return withOrigin(
        {
          ...section,
          properties: new Map([...section.properties, ...known]),
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

/** What goes into the private file for a section: its secrets, and what is there for it that nobody knows here. */
function privatePart(section: Section, stored: readonly Section[]): readonly Section[] {
  const { type, id, properties } = section;
  const names = privateProperties[type] ?? [];
  const before = stored.find((each) => isSame(each, section))?.properties ?? [];
  const own = names.flatMap((name) => {
    const value = properties.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const all = [...own, ...[...before].filter(([name]) => !names.includes(name))];
  return all.length === 0 ? [] : [{ type, id, properties: new Map(all) }];
}

/** Whether both files change for a section that is there already. */
function changesTwice(
  section: Section,
  publicSections: readonly Section[],
  secrets: readonly Section[],
): boolean {
  const before = publicSections.find((each) => isSame(each, section));
  if (!before) return false;
  const secretBefore = secrets.filter((each) => isSame(each, section));
  return (
    formatSections([before]) !== formatSections([publicPart(section)]) &&
    formatSections(secretBefore) !== formatSections(privatePart(section, secrets))
  );
}

function has(sections: readonly Section[], one: Section): boolean {
  return sections.some((each) => isSame(each, one));
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
