import { type Notification } from "./notification.ts";

/** What a template can name besides the notification. */
export type TemplateSecrets = ReadonlyMap<string, string>;

const HELPERS = {
  /** For a part of an address. */
  "url-encode": (text: string) => encodeURIComponent(text),
  /** For the inside of a JSON string. */
  escape: (text: string) => JSON.stringify(text).slice(1, -1),
  /** A whole JSON value. */
  json: (text: string) => JSON.stringify(text),
} as const;

const INNER =
  /\s*(?:(?:url-encode|escape|json)\s+)?(?:title|message|severity|timestamp|(?:fields|secrets)\.[A-Za-z0-9_-]+)\s*/
    .source;

/** Three braces come first, so that `{"a": {{ json title }}}` keeps the last one of its own. */
const EXPRESSION = new RegExp(`\\{\\{\\{(${INNER})\\}\\}\\}|\\{\\{(${INNER})\\}\\}`, "g");

/**
 * What is wrong with a template, `undefined` if nothing.
 *
 * Known are `{{ title }}`, `{{ message }}`, `{{ severity }}`, `{{ timestamp }}`, `{{ fields.NAME }}` and `{{ secrets.NAME }}`,
 * each with one of the helpers `url-encode`, `escape` and `json` before it; three braces mean the same as two.
 */
export function templateProblem(
  template: string,
  secretNames: ReadonlySet<string>,
): string | undefined {
  const rest = template.replaceAll(EXPRESSION, "");
  if (rest.includes("{{")) {
    const start = rest.indexOf("{{");
    return `'${rest.slice(start, start + 40)}' is not known in templates`;
  }
  for (const [, three, two] of template.matchAll(EXPRESSION)) {
    const { name } = partsOf(three ?? two ?? "");
    const [root, member = ""] = name.split(".");
    if (root === "secrets" && !secretNames.has(member)) return `there is no secret '${member}'`;
  }
  return undefined;
}

/** Fills a template in; a field that the notification does not have is empty. What is filled in is not looked at again. */
export function fillTemplate(
  template: string,
  notification: Notification,
  secrets: TemplateSecrets,
): string {
  return template.replaceAll(EXPRESSION, (_, three?: string, two?: string) => {
    const { helper, name } = partsOf(three ?? two ?? "");
    const value = valueOf(name, notification, secrets);
    return isHelper(helper) ? HELPERS[helper](value) : value;
  });
}

/** What stands between the braces: a name, maybe with a helper before it. */
function partsOf(text: string): { readonly helper: string | undefined; readonly name: string } {
  const words = text.trim().split(/\s+/);
  return { helper: words.length > 1 ? words[0] : undefined, name: words.at(-1) ?? "" };
}

function valueOf(
  name: string,
  { title, text, severity, timeSec, fields }: Notification,
  secrets: TemplateSecrets,
): string {
  const [root, member = ""] = name.split(".");
  switch (root) {
    case "title":
      return title;
    case "message":
      return text;
    case "severity":
      return severity;
    case "timestamp":
      return String(timeSec);
    case "secrets":
      return secrets.get(member) ?? "";
    case undefined:
    default:
      return new Map<string, string>(Object.entries(fields)).get(member) ?? "";
  }
}

function isHelper(name: string | undefined): name is keyof typeof HELPERS {
  return name !== undefined && Object.hasOwn(HELPERS, name);
}
