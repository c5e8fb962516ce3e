import { numberProperty } from "../configuration/job-config.ts";
import { parsePropertyString } from "../configuration/property-string.ts";
import { type Section } from "../configuration/section-config.ts";
import { isTrueText } from "../configuration/section-entry.ts";

/** Kinds of targets, as sections are named. */
export const targetTypes = ["sendmail", "smtp", "gotify", "webhook"] as const;

/** One of {@link targetTypes}. */
export type TargetType = (typeof targetTypes)[number];

/** How a connection to a mail server is protected. */
export const smtpModes = ["insecure", "starttls", "tls"] as const;

/** One of {@link smtpModes}. */
export type SmtpMode = (typeof smtpModes)[number];

/** Ports that are usual for each mode. */
export const smtpPorts: Readonly<Record<SmtpMode, number>> = {
  insecure: 25,
  starttls: 587,
  tls: 465,
};

interface AnyTarget {
  readonly name: string;
  readonly isEnabled: boolean;
}

/** Who gets mail, and from whom. */
export interface MailAddresses {
  readonly mailto: readonly string[];
  /** Users whose address gets it, too. */
  readonly mailtoUsers: readonly string[];
  readonly fromAddress: string | undefined;
  readonly author: string | undefined;
}

/** Mail through the `sendmail` of this machine. */
export interface SendmailTarget extends AnyTarget, MailAddresses {
  readonly type: "sendmail";
}

/** Mail through a mail server. */
export interface SmtpTarget extends AnyTarget, MailAddresses {
  readonly type: "smtp";
  readonly server: string;
  readonly port: number;
  readonly mode: SmtpMode;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** A server of Gotify. */
export interface GotifyTarget extends AnyTarget {
  readonly type: "gotify";
  readonly server: string;
  readonly token: string;
}

/** An HTTP request. */
export interface WebhookTarget extends AnyTarget {
  readonly type: "webhook";
  /** A template. */
  readonly url: string;
  readonly method: "POST" | "PUT" | "GET";
  /** Templates, by name. */
  readonly headers: ReadonlyMap<string, string>;
  /** A template. */
  readonly body: string | undefined;
  readonly secrets: ReadonlyMap<string, string>;
}

/** Where notifications go. */
export type NotificationTarget = SendmailTarget | SmtpTarget | GotifyTarget | WebhookTarget;

/** The target of a section of `notifications.cfg`, with its secrets; `undefined` for sections that are none. */
export function notificationTarget(section: Section): NotificationTarget | undefined {
  const { type, id, properties } = section;
  const text = (name: string): string | undefined => properties.get(name);
  const name = { name: id, isEnabled: !isTrueText(text("disable") ?? "0") };
  switch (type) {
    case "sendmail":
      return { type, ...name, ...addressesOf(properties) };
    case "smtp": {
      const mode = smtpModes.find((each) => each === text("mode")) ?? "tls";
      return {
        type,
        ...name,
        ...addressesOf(properties),
        server: text("server") ?? "",
        port: numberProperty(properties, "port") ?? smtpPorts[mode],
        mode,
        username: text("username"),
        password: text("password"),
      };
    }
    case "gotify":
      return { type, ...name, server: text("server") ?? "", token: text("token") ?? "" };
    case "webhook":
      return {
        type,
        ...name,
        url: text("url") ?? "",
        method: methodOf(text("method")),
        headers: namedValues(text("header")),
        body: text("body") === undefined ? undefined : fromBase64(text("body") ?? ""),
        secrets: namedValues(text("secret")),
      };
    default:
      return undefined;
  }
}

/**
 * Lines of the form `name=NAME,value=BASE64` as a map; what is no such line is left out.
 *
 * @param lines `undefined` for none.
 */
export function namedValues(lines: string | undefined): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of (lines ?? "").split("\n")) {
    const members = parsePropertyString(line);
    const name = members?.get("name");
    const value = members?.get("value");
    if (name !== undefined && value !== undefined) values.set(name, fromBase64(value));
  }
  return values;
}

function addressesOf(properties: Section["properties"]): MailAddresses {
  const list = (name: string): readonly string[] =>
    (properties.get(name) ?? "").split("\n").filter((each) => each !== "");
  return {
    mailto: list("mailto"),
    mailtoUsers: list("mailto-user"),
    fromAddress: properties.get("from-address"),
    author: properties.get("author"),
  };
}

function methodOf(text: string | undefined): WebhookTarget["method"] {
  switch (text?.toLowerCase()) {
    case "get":
      return "GET";
    case "put":
      return "PUT";
    case undefined:
    default:
      return "POST";
  }
}

function fromBase64(text: string): string {
  return Buffer.from(text, "base64").toString("utf8");
}
