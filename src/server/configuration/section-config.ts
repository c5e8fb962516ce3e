import { ConfigError } from "./config-error.ts";

/** One section: `type: id` and its properties, in file order. */
export interface Section {
  readonly type: string;
  readonly id: string;
  /** A property that stands on several lines, a list, has its values joined by line breaks. */
  readonly properties: ReadonlyMap<string, string>;
}

/**
 * Parses the section format of `user.cfg` and `datastore.cfg` (spec auth.md §2.2).
 *
 * A header stands at the start of a line, properties are indented, `#` starts a comment line, empty lines end a section.
 *
 * @throws {ConfigError} `CONFIG_INVALID` naming the line.
 */
export function parseSections(text: string, fileName: string): readonly Section[] {
  const sections: { type: string; id: string; properties: Map<string, string> }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const current = sections.at(-1);
    const property = /^\s+([^\s:]+)(?:\s+(.*))?$/.exec(line);
    const header = /^([^\s:]+):\s+(\S.*)$/.exec(line);
    if (property && current) {
      const [, name = "", value = ""] = property;
      const before = current.properties.get(name);
      const added = value.trim();
      current.properties.set(name, before === undefined ? added : `${before}\n${added}`);
    } else if (header) {
      const [, type = "", id = ""] = header;
      sections.push({ type, id: id.trim(), properties: new Map() });
    } else {
      throw new ConfigError("CONFIG_INVALID", fileName, `line ${index + 1} is no section`);
    }
  }
  return sections;
}

/** Renders sections; the inverse of {@link parseSections}, but for comments and spaces. */
export function formatSections(sections: Iterable<Section>): string {
  const blocks: string[] = [];
  for (const { type, id, properties } of sections) {
    const lines = [`${type}: ${id}`];
    for (const [name, value] of properties) {
      for (const each of value.split("\n")) lines.push(`\t${name} ${each}`);
    }
    blocks.push(`${lines.join("\n")}\n`);
  }
  return blocks.join("\n");
}
