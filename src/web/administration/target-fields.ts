import { setLines } from "../api/changed-settings.ts";
import { type TargetConfig, type TargetType } from "../api/targets-api.ts";
import { notificationWords } from "../strings/notification-words.ts";

const words = notificationWords.fields;

/** How a setting of a target is edited. */
export interface TargetField {
  readonly name: Exclude<keyof TargetConfig, "name" | "comment" | "disable"> | "password" | "token";
  readonly label: string;
  readonly hint?: string;
  readonly required?: true;
  readonly as:
    "text" | "password" | "number" | "lines" | "headers" | "secrets" | "template" | "choice";
  readonly choices?: Readonly<Record<string, string>>;
}

const mail: readonly TargetField[] = [
  { name: "mailto", label: words.mailto, hint: words.mailtoHint, as: "lines" },
  { name: "mailto-user", label: words.mailtoUser, hint: words.mailtoUserHint, as: "lines" },
];
const author: TargetField = { name: "author", label: words.author, as: "text" };

/** Fields of each kind of targets, in the order in which they are asked for. */
export const targetFields: Readonly<Record<TargetType, readonly TargetField[]>> = {
  smtp: [
    { name: "server", label: words.server, required: true, as: "text" },
    { name: "mode", label: words.mode, as: "choice", choices: words.modes },
    { name: "port", label: words.port, hint: words.portHint, as: "number" },
    { name: "username", label: words.username, as: "text" },
    { name: "password", label: words.password, as: "password" },
    { name: "from-address", label: words.from, required: true, as: "text" },
    author,
    ...mail,
  ],
  sendmail: [...mail, { name: "from-address", label: words.from, as: "text" }, author],
  gotify: [
    { name: "server", label: words.gotifyServer, required: true, as: "text" },
    { name: "token", label: words.token, required: true, as: "password" },
  ],
  webhook: [
    { name: "url", label: words.url, hint: words.urlHint, required: true, as: "text" },
    { name: "method", label: words.method, required: true, as: "choice", choices: words.methods },
    { name: "header", label: words.header, hint: words.headerHint, as: "headers" },
    { name: "body", label: words.body, hint: words.bodyHint, as: "template" },
    { name: "secret", label: words.secret, hint: words.secretHint, as: "secrets" },
  ],
};

/** A setting as the text that its field shows. */
export function fieldText({ as, choices }: TargetField, value: unknown): string {
  const lines = Array.isArray(value) ? value.map(String) : [];
  switch (as) {
    case "text":
    case "number":
      return typeof value === "string" || typeof value === "number" ? String(value) : "";
    case "choice":
      return typeof value === "string" ? value : (Object.keys(choices ?? {})[0] ?? "");
    case "password":
      return "";
    case "lines":
      return lines.join("\n");
    case "headers":
      return lines
        .map((line) => named(line))
        .map(({ name, value: text }) => `${name}: ${text}`)
        .join("\n");
    case "secrets":
      return lines.map((line) => named(line).name).join("\n");
    case "template":
      return typeof value === "string" ? textOfBase64(value) : "";
  }
}

/** The text of a field as a setting; `undefined` for none. */
export function fieldSetting(
  { as }: TargetField,
  text: string,
): string | number | readonly string[] | undefined {
  if (text.trim() === "") return undefined;
  switch (as) {
    case "text":
    case "choice":
      return text.trim();
    case "password":
      return text;
    case "number":
      return Number(text);
    case "lines":
      return setLines(text);
    case "headers":
      return setLines(text)?.map((line) => namedText(line, ":"));
    case "secrets":
      return setLines(text)?.map((line) => namedText(line, "="));
    case "template":
      return base64OfText(text);
  }
}

/** `name=NAME,value=BASE64` taken apart. */
function named(line: string): { readonly name: string; readonly value: string } {
  const members = new Map(
    line.split(",").map((part) => {
      const at = part.indexOf("=");
      return [part.slice(0, at), part.slice(at + 1)] as const;
    }),
  );
  return { name: members.get("name") ?? line, value: textOfBase64(members.get("value") ?? "") };
}

/** The reverse of {@link named}, from a line with a separator; without one there is no value. */
function namedText(line: string, separator: string): string {
  const at = line.indexOf(separator);
  if (at < 0) return `name=${line}`;
  return `name=${line.slice(0, at).trim()},value=${base64OfText(line.slice(at + 1).trim())}`;
}

function textOfBase64(text: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
}

function base64OfText(text: string): string {
  return btoa(
    Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""),
  );
}
