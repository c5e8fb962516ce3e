import { type FastifyInstance } from "fastify";
import { Type, type TObject, type TSchema } from "typebox";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type Section } from "../configuration/section-config.ts";
import {
  changedSection,
  sectionValues,
  type SectionValue,
  type SectionValues,
} from "../configuration/section-entry.ts";
import { type SectionStore } from "../configuration/section-file.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { requireConfigDigest } from "../http/config-digest.ts";
import { configId, optionalConfigDigest } from "../http/parameter-schema.ts";
import { type Permission } from "../http/permission.ts";
import { addRoute, WithAttributes } from "../http/route.ts";
import { shownText } from "../http/text-format.ts";

/** One kind of configuration entry: where it lies, what it holds, who may do what. */
export interface EntryKind {
  /** `/config/prune`. */
  readonly path: string;
  /** Name of the parameter that names an entry. */
  readonly idName: "id" | "name";
  /** Type of its sections in the file. */
  readonly section: string;
  readonly file: SectionStore;
  /** Types of sections that share their names with these. */
  readonly sharesNamesWith?: readonly string[];
  /** `prune job`, for texts. */
  readonly noun: string;
  /** Properties but the id, none optional. */
  readonly properties: Readonly<Record<string, TSchema>>;
  /** Properties that an entry must have. */
  readonly required: readonly string[];
  /** Properties that are stored but never shown. */
  readonly secret?: readonly string[];
  /** Properties that are shown and cannot be set. */
  readonly readOnly?: readonly string[];
  /** Property as it is shown, when that is not its value. */
  readonly shown?: (name: string, value: SectionValue) => SectionValue;
  /** What is stored for what a caller gave, with what was stored before; may refuse. */
  readonly completed?: (given: SectionValues, before: SectionValues) => SectionValues;
  /** Property as it lies in the file, when that is not its value. */
  readonly encode?: (name: string, value: SectionValue) => SectionValue;
  /** Who may do what, in words or as values. */
  readonly permits: {
    readonly read: Permission;
    readonly create: Permission;
    readonly change: Permission;
  };
  /** Whether a caller may see an entry. */
  readonly isVisible: (caller: AuthId, id: string, values: SectionValues) => boolean;
  /**
   * Demands that a caller may make an entry, change it from one state to another (both are asked for), or remove it.
   *
   * @throws {ApiError} `API_FORBIDDEN`.
   */
  readonly requireChange: (caller: AuthId, id: string, values: SectionValues) => void;
  /** Refuses values that contradict each other or name what does not exist. */
  readonly check?: (id: string, values: SectionValues) => Promise<void> | void;
  /** Refuses a change for what it makes of what was stored before; `given` is what the caller said. */
  readonly checkChange?: (change: {
    readonly given: SectionValues;
    readonly before: SectionValues;
    readonly after: SectionValues;
  }) => void;
  /** Refuses the removal of an entry that is needed. */
  readonly checkRemoval?: (id: string) => Promise<void>;
  /** Called after an entry was made, changed or removed, with its values before and after. */
  readonly onChanged?: (id: string, change: EntryChange) => Promise<void>;
}

/** An entry before and after a change; `undefined` where there is none. */
export interface EntryChange {
  readonly before: SectionValues | undefined;
  readonly after: SectionValues | undefined;
}

/** The five methods of `/config/KIND` and `/config/KIND/{id}` (spec rest-api.md §7). */
export function addConfigEntryRoutes(api: FastifyInstance, kind: EntryKind): void {
  addReadRoutes(api, kind);
  addChangeRoutes(api, kind);
}

function addReadRoutes(api: FastifyInstance, kind: EntryKind): void {
  const { path, idName, noun, file, permits } = kind;
  const stored = Type.Object(kind.properties);
  addRoute(api, {
    method: "GET",
    path,
    description: `Every ${noun} that the caller may see.`,
    permit: permits.read,
    parameters: Type.Object({}),
    reply: Type.Array(entrySchema(kind)),
    handle: async (_parameters, { caller }) => {
      const { sections, digest } = await file.read();
      const entries = sections
        .filter(({ type }) => type === kind.section)
        .filter((section) => kind.isVisible(caller, section.id, sectionValues(section, stored)))
        .map((section) => entryReply(kind, section));
      return new WithAttributes(entries, { digest });
    },
  });
  addRoute(api, {
    method: "GET",
    path: `${path}/:${idName}`,
    description: `One ${noun}.`,
    permit: permits.read,
    parameters: Type.Object({ [idName]: configId(noun) }),
    reply: entrySchema(kind),
    handle: async (parameters, { caller }) => {
      const { sections, digest } = await file.read();
      const section = findEntry(kind, sections, textOf(parameters[idName]));
      if (!kind.isVisible(caller, section.id, sectionValues(section, stored))) throw forbidden();
      return new WithAttributes(entryReply(kind, section), { digest });
    },
  });
}

function addChangeRoutes(api: FastifyInstance, kind: EntryKind): void {
  const { path, idName, noun, file, permits, properties } = kind;
  const stored = Type.Object(properties);
  const names = Object.keys(properties).filter((name) => kind.readOnly?.includes(name) !== true);
  const optional = Object.fromEntries(
    names.map((name) => [name, Type.Optional(properties[name] ?? Type.String())]),
  );
  const needed = Object.fromEntries(
    kind.required.map((name) => [name, properties[name] ?? Type.String()]),
  );
  const removable = names.filter((name) => !kind.required.includes(name));
  addRoute(api, {
    method: "POST",
    path,
    description: `Makes a ${noun}.`,
    permit: permits.create,
    parameters: parametersOf({ [idName]: configId(noun), ...optional, ...needed }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      const id = textOf(parameters[idName]);
      const values = completed(kind, valuesOf(kind, parameters), {});
      kind.requireChange(caller, id, values);
      await kind.check?.(id, values);
      const types = [kind.section, ...(kind.sharesNamesWith ?? [])];
      await file.update(({ sections }) => {
        const isTaken = sections.some((each) => types.includes(each.type) && each.id === id);
        if (isTaken) throw refused(`${noun} '${id}' already exists.`);
        const empty = { type: kind.section, id, properties: new Map<string, string>() };
        return [...sections, changedSection(empty, encoded(kind, values))];
      });
      await kind.onChanged?.(id, { before: undefined, after: values });
      return null;
    },
  });
  addRoute(api, {
    method: "PUT",
    path: `${path}/:${idName}`,
    description: `Changes a ${noun}; what is not given stays.`,
    permit: permits.change,
    parameters: parametersOf({
      [idName]: configId(noun),
      ...optional,
      delete: deleteList(removable),
      digest: optionalConfigDigest,
    }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      const id = textOf(parameters[idName]);
      const wanted = valuesOf(kind, parameters);
      const removed = textsOf(parameters["delete"]);
      let change: EntryChange | undefined;
      await file.update(async ({ sections, digest }) => {
        const section = findEntry(kind, sections, id);
        requireConfigDigest(digest, optionalTextOf(parameters["digest"]));
        const before = sectionValues(section, stored);
        const given = completed(kind, wanted, before);
        const changed = changedSection(section, encoded(kind, given), removed);
        const after = { ...sectionValues(changed, stored), ...given };
        kind.requireChange(caller, id, before);
        kind.requireChange(caller, id, after);
        kind.checkChange?.({ given: wanted, before, after });
        await kind.check?.(id, after);
        change = { before, after };
        return sections.map((each) => (each === section ? changed : each));
      });
      if (change) await kind.onChanged?.(id, change);
      return null;
    },
  });
  addRoute(api, {
    method: "DELETE",
    path: `${path}/:${idName}`,
    description: `Removes a ${noun}.`,
    permit: permits.change,
    parameters: parametersOf({ [idName]: configId(noun), digest: optionalConfigDigest }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      const id = textOf(parameters[idName]);
      let before: SectionValues | undefined;
      await file.update(async ({ sections, digest }) => {
        const section = findEntry(kind, sections, id);
        before = sectionValues(section, stored);
        kind.requireChange(caller, id, before);
        requireConfigDigest(digest, optionalTextOf(parameters["digest"]));
        await kind.checkRemoval?.(id);
        return sections.filter((each) => each !== section);
      });
      await kind.onChanged?.(id, { before, after: undefined });
      return null;
    },
  });
}

/** Parameters whose names only the kind of entry knows. */
function parametersOf(properties: Readonly<Record<string, TSchema>>): TObject {
  return Type.Object(properties);
}

/** Parameter that lists properties to reset (spec rest-api.md §1.3). */
function deleteList(names: readonly string[]): TSchema {
  return Type.Optional(
    Type.Array(Type.Enum([...names]), { description: "Properties to set back to their default." }),
  );
}

/** Members of an entry in replies: its name and every property that is shown. */
export function entrySchema({ idName, properties, secret = [] }: EntryKind): TObject {
  const shown = Object.entries(properties).filter(([name]) => !secret.includes(name));
  return Type.Object({
    [idName]: Type.String(),
    ...Object.fromEntries(shown.map(([name, schema]) => [name, Type.Optional(shownText(schema))])),
  });
}

/** {@link entrySchema} of one section. */
export function entryReply(
  { idName, properties, secret = [], shown }: EntryKind,
  section: Section,
): Record<string, SectionValue> {
  const values = sectionValues(section, Type.Object(properties));
  for (const name of secret) Reflect.deleteProperty(values, name);
  for (const [name, value] of Object.entries(values)) values[name] = shown?.(name, value) ?? value;
  return { [idName]: section.id, ...values };
}

/**
 * The section of one entry.
 *
 * @throws {ApiError} `API_NOT_FOUND`.
 */
export function findEntry(kind: EntryKind, sections: readonly Section[], id: string): Section {
  const section = sections.find((each) => each.type === kind.section && each.id === id);
  if (!section) throw new ApiError("API_NOT_FOUND", `no such ${kind.noun} '${id}'`);
  return section;
}

/** The properties among the parameters, which the schema has checked. */
function valuesOf(
  { properties }: EntryKind,
  parameters: Readonly<Record<string, unknown>>,
): Record<string, SectionValue> {
  const values: Record<string, SectionValue> = {};
  for (const name of Object.keys(properties)) {
    const value = parameters[name];
    if (isSectionValue(value)) values[name] = value;
  }
  return values;
}

function completed(kind: EntryKind, given: SectionValues, before: SectionValues): SectionValues {
  return kind.completed?.(given, before) ?? given;
}

function encoded({ encode }: EntryKind, values: SectionValues): SectionValues {
  if (!encode) return values;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, encode(name, value)]),
  );
}

function isSectionValue(value: unknown): value is SectionValue {
  return (
    typeof value === "string" ||
    typeof value === "number" ||
    typeof value === "boolean" ||
    (Array.isArray(value) && value.every((item) => typeof item === "string"))
  );
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function optionalTextOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(textOf) : [];
}

function forbidden(): ApiError {
  return new ApiError("API_FORBIDDEN", "permission check failed");
}
