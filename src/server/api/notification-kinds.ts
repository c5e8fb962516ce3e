import { validateHeaderName } from "node:http";

import { Type, type TSchema, type TString } from "typebox";

import { FormatError } from "../../format/format-error.ts";
import { type ConfigFiles } from "../configuration/config-files.ts";
import {
  builtinNotifications,
  ORIGIN_PROPERTY,
  origins,
  secretName,
} from "../configuration/notification-file.ts";
import { parsePropertyString } from "../configuration/property-string.ts";
import { type SectionValue, type SectionValues } from "../configuration/section-entry.ts";
import { refused } from "../http/api-error.ts";
import { configId, singleLineComment, userIdSchema } from "../http/parameter-schema.ts";
import { needs } from "../http/permission.ts";
import { templateProblem } from "../notifications/fill-template.ts";
import {
  parseCalendarRule,
  parseFieldRule,
  parseSeverityRule,
} from "../notifications/notification-matcher.ts";
import {
  namedValues,
  smtpModes,
  smtpPorts,
  type TargetType,
  targetTypes,
} from "../notifications/notification-target.ts";
import { type EntryKind } from "./config-entry-routes.ts";

/** Who may see notifications, and who may change them and try targets. */
export const notificationPermits = {
  read: needs("/system/notifications", "Sys.Audit", "Sys.Modify"),
  create: needs("/system/notifications", "Sys.Modify"),
  change: needs("/system/notifications", "Sys.Modify"),
} as const;

const address = Type.String({
  pattern: /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/.source,
  maxLength: 254,
});
const mailto = Type.Array(address, { description: "Addresses that get the mail." });
const mailtoUser = Type.Array(userIdSchema, { description: "Users whose address gets the mail." });
const author = Type.String({
  ...singleLineComment,
  description: "Name of the sender.",
});
const disable = Type.Boolean({ description: "Whether it is off." });
const common = {
  comment: singleLineComment,
  disable,
  [ORIGIN_PROPERTY]: Type.Enum([...origins], { description: "Where the entry comes from." }),
};
const secretText = Type.String({
  // eslint-disable-next-line no-control-regex -- control characters are exactly what must not occur
  pattern: /^[^\x00-\x1f\x7f]+$/.source,
  maxLength: 1024,
  description: "It is stored and never shown.",
});
const webAddress = Type.String({
  // eslint-disable-next-line no-control-regex -- control characters are exactly what must not occur
  pattern: /^https?:\/\/[^\x00-\x1f\x7f]+$/.source,
  maxLength: 2048,
  description: "Address, http:// or https://.",
});
const lineOf = (maxLength: number): TString => Type.String({ ...singleLineComment, maxLength });
const namedValue = lineOf(16_384);

const properties: Readonly<Record<TargetType, Readonly<Record<string, TSchema>>>> = {
  sendmail: { mailto, "mailto-user": mailtoUser, "from-address": address, author, ...common },
  smtp: {
    server: Type.String({
      pattern: "^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9._:-]+)$",
      maxLength: 255,
      description: "Name or address of the mail server.",
    }),
    port: Type.Integer({
      minimum: 1,
      maximum: 65_535,
      description: "Port; 465, 587 or 25 by the mode unless given.",
    }),
    mode: Type.Enum([...smtpModes], {
      description: "How the connection is protected; `tls` unless given.",
    }),
    username: Type.String({ ...secretText, description: "Name for the login." }),
    password: secretText,
    mailto,
    "mailto-user": mailtoUser,
    "from-address": address,
    author,
    ...common,
  },
  gotify: { server: webAddress, token: secretText, ...common },
  webhook: {
    url: webAddress,
    method: Type.Enum(["post", "put", "get"], { description: "Method of the request." }),
    header: Type.Array(namedValue, {
      description: "Headers: `name=NAME,value=BASE64`; the value is a template.",
    }),
    body: Type.String({
      pattern: "^[A-Za-z0-9+/]*={0,2}$",
      maxLength: 65_536,
      description: "Body in base64; it is a template.",
    }),
    secret: Type.Array(namedValue, {
      description:
        "Values for templates: `name=NAME,value=BASE64`. They are never shown; without a value, the stored one stays.",
    }),
    ...common,
  },
};

const required: Readonly<Record<TargetType, readonly string[]>> = {
  sendmail: [],
  smtp: ["server", "from-address"],
  gotify: ["server", "token"],
  webhook: ["url", "method"],
};

/** Targets of one type as entries of the configuration. */
export function targetKind(type: TargetType, files: ConfigFiles): EntryKind {
  return {
    path: `/config/notifications/endpoints/${type}`,
    idName: "name",
    section: type,
    file: files.notifications,
    sharesNamesWith: targetTypes.filter((each) => each !== type),
    noun: `${type} target`,
    properties: properties[type],
    required: required[type],
    secret: ["password", "token"],
    readOnly: [ORIGIN_PROPERTY],
    permits: notificationPermits,
    isVisible: () => true,
    requireChange: () => undefined,
    shown: (name, value) =>
      name === "secret" && typeof value === "object" ? value.map(secretName) : value,
    completed: withStoredSecrets,
    check: (_name, values) => {
      checkTarget(type, values);
    },
    checkChange: requireSecretsAnew,
    checkRemoval: async (name) => {
      await requireUnused(files, name);
    },
  };
}

/** Matchers as entries of the configuration. */
export function matcherKind(files: ConfigFiles): EntryKind {
  return {
    path: "/config/notifications/matchers",
    idName: "name",
    section: "matcher",
    file: files.notifications,
    noun: "matcher",
    properties: {
      mode: Type.Enum(["all", "any"], {
        description: "Whether all rules must fit or any; `all` unless given.",
      }),
      "invert-match": Type.Boolean({ description: "Whether what does not fit is sent." }),
      "match-field": Type.Array(lineOf(512), {
        description: "Rules about fields: `exact:FIELD=VALUE,VALUE` or `regex:FIELD=PATTERN`.",
      }),
      "match-severity": Type.Array(lineOf(128), {
        description: "Rules about severities, several joined by commas.",
      }),
      "match-calendar": Type.Array(lineOf(128), {
        description: "Rules about the time, like `mon..fri 8-17`.",
      }),
      target: Type.Array(configId("target"), { description: "Names of targets." }),
      ...common,
    },
    required: [],
    readOnly: [ORIGIN_PROPERTY],
    permits: notificationPermits,
    isVisible: () => true,
    requireChange: () => undefined,
    check: async (_name, values) => {
      checkRules(values);
      await requireTargets(files, textsOf(values["target"]));
    },
  };
}

/** Secrets that are given without a value keep that which is stored. */
function withStoredSecrets(given: SectionValues, before: SectionValues): SectionValues {
  const secrets = textsOf(given["secret"]);
  if (secrets.length === 0) return given;
  const stored = textsOf(before["secret"]);
  const complete = secrets.map((text) => {
    const members = requireMembers("secret", text);
    const name = members.get("name") ?? "";
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) throw refused(`'${name}' is no name of a secret`);
    if (members.has("value")) return text;
    const known = stored.find((each) => parsePropertyString(each)?.get("name") === name);
    if (known === undefined) throw refused(`the secret '${name}' has no value`);
    return known;
  });
  return { ...given, secret: complete };
}

/** To whom the secrets of a target are given, and how they are protected on the way. */
function destinationOf(values: SectionValues): string {
  const mode = smtpModes.find((each) => each === values["mode"]) ?? "tls";
  const { server, port = smtpPorts[mode], url } = values;
  return JSON.stringify([server, port, mode, url]);
}

/** Who knows no secret must not have it sent elsewhere: with another destination, secrets are given again or removed. */
function requireSecretsAnew({
  given,
  before,
  after,
}: {
  readonly given: SectionValues;
  readonly before: SectionValues;
  readonly after: SectionValues;
}): void {
  if (destinationOf(before) === destinationOf(after)) return;
  const kept = ["password", "token"].filter(
    (name) => before[name] !== undefined && after[name] !== undefined && given[name] === undefined,
  );
  const secrets = textsOf(given["secret"] ?? after["secret"]);
  const isKept = (text: string): boolean =>
    given["secret"] === undefined || parsePropertyString(text)?.has("value") !== true;
  kept.push(...secrets.filter(isKept).map((text) => `secret ${secretName(text)}`));
  if (kept.length > 0) {
    throw refused(`${kept.join(", ")}: to be given again, because the target goes elsewhere now`);
  }
}

function checkTarget(type: TargetType, values: SectionValues): void {
  if (type === "webhook") checkWebhook(values);
  const isMail = type === "smtp" || type === "sendmail";
  if (isMail && textsOf(values["mailto"]).length + textsOf(values["mailto-user"]).length === 0) {
    throw refused("one of 'mailto' and 'mailto-user' is needed");
  }
}

function checkWebhook(values: SectionValues): void {
  const secrets = new Set(
    textsOf(values["secret"]).map((text) => requireMembers("secret", text).get("name") ?? ""),
  );
  const headers = textsOf(values["header"]);
  for (const text of headers) {
    const name = requireMembers("header", text).get("name") ?? "";
    try {
      validateHeaderName(name);
    } catch (cause) {
      throw refused(`'${name}' is no name of a header`, { cause });
    }
  }
  const body = values["body"];
  const templates = [
    ["url", String(values["url"])],
    ["body", Buffer.from(typeof body === "string" ? body : "", "base64").toString("utf8")],
    ...[...namedValues(headers.join("\n"))].map(([name, text]) => [`header ${name}`, text]),
  ] as const;
  for (const [where = "", text = ""] of templates) {
    const problem = templateProblem(text, secrets);
    if (problem !== undefined) throw refused(`${where}: ${problem}`);
  }
}

function requireMembers(what: string, text: string): ReadonlyMap<string, string> {
  const members = parsePropertyString(text);
  const value = members?.get("value");
  const isKnown = [...(members?.keys() ?? [])].every((key) => key === "name" || key === "value");
  const isGood = isKnown && members?.has("name") === true && !/[\n\r]/.test(text);
  if (!isGood || (value !== undefined && !/^[A-Za-z0-9+/]*={0,2}$/.test(value))) {
    throw refused(`a ${what} must have the form name=NAME,value=BASE64`);
  }
  return members;
}

function checkRules(values: SectionValues): void {
  try {
    textsOf(values["match-field"]).forEach(parseFieldRule);
    textsOf(values["match-severity"]).forEach(parseSeverityRule);
    textsOf(values["match-calendar"]).forEach(parseCalendarRule);
  } catch (cause) {
    if (cause instanceof FormatError) throw refused(cause.message, { cause });
    throw cause;
  }
}

async function requireTargets(files: ConfigFiles, names: readonly string[]): Promise<void> {
  const { sections } = await files.notifications.read();
  for (const name of names) {
    const isThere = sections.some(({ type, id }) => id === name && isTargetType(type));
    if (!isThere) throw refused(`no such target '${name}'`);
  }
}

/** A built-in target is set back, not removed. */
async function requireUnused(files: ConfigFiles, name: string): Promise<void> {
  if (builtinNotifications.some(({ id }) => id === name)) return;
  const { sections } = await files.notifications.read();
  const user = sections.find(
    ({ type, properties: own }) =>
      type === "matcher" && (own.get("target") ?? "").split("\n").includes(name),
  );
  if (user) throw refused(`target '${name}' is used by matcher '${user.id}'`);
}

function isTargetType(type: string): boolean {
  return targetTypes.some((each) => each === type);
}

function textsOf(value: SectionValue | undefined): readonly string[] {
  return typeof value === "object" ? value : [];
}
