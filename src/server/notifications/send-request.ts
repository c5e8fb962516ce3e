import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

import { DeliveryError } from "./delivery-error.ts";
import { fillTemplate } from "./fill-template.ts";
import { type Notification, onOneLine, type Severity } from "./notification.ts";
import { type GotifyTarget, type WebhookTarget } from "./notification-target.ts";

/** Most bytes of an answer that are read; nobody needs more than its status. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** How urgent Gotify shows each severity, of 0 to 10. */
const gotifyPriorities: Readonly<Record<Severity, number>> = {
  info: 1,
  notice: 3,
  warning: 5,
  error: 9,
  unknown: 3,
};

/** What every request needs. */
export interface RequestOptions {
  /** Ends the request when it takes too long. */
  readonly signal: AbortSignal;
  /** Certificates, as PEM, that are trusted in place of those that are known everywhere. */
  readonly trusted: string | undefined;
}

/**
 * Calls a webhook: its address, headers and body are filled in with the notification.
 *
 * @throws {DeliveryError} All codes.
 */
export async function callWebhook(
  target: WebhookTarget,
  notification: Notification,
  options: RequestOptions,
): Promise<void> {
  const fill = (template: string): string => fillTemplate(template, notification, target.secrets);
  const headers: Record<string, string> = {};
  for (const [name, value] of target.headers) headers[name] = onOneLine(fill(value));
  const body = target.body === undefined ? undefined : fill(target.body);
  await sendRequest(
    {
      target: target.name,
      url: fill(target.url),
      method: target.method,
      headers,
      body,
    },
    options,
  );
}

/**
 * Gives a notification to a server of Gotify.
 *
 * @throws {DeliveryError} All codes.
 */
export async function callGotify(
  { name, server, token }: GotifyTarget,
  { title, text, severity }: Notification,
  options: RequestOptions,
): Promise<void> {
  await sendRequest(
    {
      target: name,
      url: `${server.replace(/\/+$/, "")}/message`,
      method: "POST",
      headers: { "content-type": "application/json", "x-gotify-key": onOneLine(token) },
      body: JSON.stringify({ title, message: text, priority: gotifyPriorities[severity] }),
    },
    options,
  );
}

interface Outgoing {
  readonly target: string;
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** The address may hold secrets, so no error tells it. */
async function sendRequest(outgoing: Outgoing, options: RequestOptions): Promise<void> {
  const { target } = outgoing;
  const status = await answerOf(outgoing, parseAddress(target, outgoing.url), options);
  if (status >= 200 && status < 300) return;
  const isPassing = status >= 500 || status === 408 || status === 429;
  const text =
    status >= 300 && status < 400 ? "redirections are not followed" : "the answer is no success";
  throw new DeliveryError(
    isPassing ? "DELIVERY_UNREACHABLE" : "DELIVERY_REFUSED",
    target,
    `HTTP status ${status}, ${text}`,
  );
}

/** Only HTTP: an address that is filled in must not reach files or other programs. */
function parseAddress(target: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") {
    throw new DeliveryError(
      "DELIVERY_UNSUITABLE",
      target,
      "the address is not http:// or https://",
    );
  }
  return url;
}

async function answerOf(
  { target, method, headers, body }: Outgoing,
  url: URL,
  { signal, trusted }: RequestOptions,
): Promise<number> {
  const bytes = Buffer.from(body ?? "");
  return await new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      reject(new DeliveryError("DELIVERY_UNREACHABLE", target, reasonOf(cause), { cause }));
    };
    try {
      const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { "content-length": bytes.length }) },
        signal,
        agent: false,
        ...(trusted === undefined ? {} : { ca: trusted }),
      });
      request.once("error", fail);
      request.once("response", (response) => {
        let size = 0;
        response.on("data", (part: Buffer) => {
          size += part.length;
          if (size > ANSWER_BYTES_MAX) response.destroy();
        });
        response.once("error", () => undefined);
        response.once("close", () => {
          resolve(response.statusCode ?? 0);
        });
      });
      request.end(bytes);
    } catch (cause) {
      // A header whose name or value HTTP does not allow.
      reject(new DeliveryError("DELIVERY_UNSUITABLE", target, codeOf(cause), { cause }));
    }
  });
}

/** The code of an error of the network; its text may repeat the address. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "the request failed";
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  return code === "ABORT_ERR" ? "no answer in time" : code;
}
