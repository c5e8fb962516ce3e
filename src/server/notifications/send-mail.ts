import { DeliveryError } from "./delivery-error.ts";
import { type Notification, onOneLine } from "./notification.ts";
import { type SmtpTarget } from "./notification-target.ts";

/** A mail, ready to be sent. */
export interface Mail {
  /** Name of the target, for errors. */
  readonly target: string;
  readonly recipients: readonly string[];
  readonly author: string;
  readonly fromAddress: string;
  readonly notification: Notification;
}

/** How mail goes out. */
export interface MailOptions {
  /** What this machine calls itself. */
  readonly hostName: string;
  /** Milliseconds for every step. */
  readonly timeoutMs: number;
  /** Certificates, as PEM, that are trusted in place of those that are known everywhere. */
  readonly trusted: string | undefined;
}

/**
 * Sends a mail through a mail server.
 *
 * `starttls` demands that the server can do it: nothing goes out in the clear unless the mode is `insecure`.
 *
 * @throws {DeliveryError} `DELIVERY_UNREACHABLE`, `DELIVERY_REFUSED`.
 */
export async function sendMail(
  { server, port, mode, username, password }: SmtpTarget,
  mail: Mail,
  { hostName, timeoutMs, trusted }: MailOptions,
): Promise<void> {
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({
    host: server,
    port,
    name: hostName,
    secure: mode === "tls",
    requireTLS: mode === "starttls",
    ignoreTLS: mode === "insecure",
    ...(username === undefined ? {} : { auth: { user: username, pass: password ?? "" } }),
    tls: { minVersion: "TLSv1.2", ...(trusted === undefined ? {} : { ca: trusted }) },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail(messageOf(mail));
  } catch (cause) {
    throw deliveryError(mail.target, cause);
  } finally {
    transport.close();
  }
}

/**
 * Gives a mail to the `sendmail` program of this machine.
 *
 * @throws {DeliveryError} `DELIVERY_UNREACHABLE`, also when there is no such program.
 */
export async function sendLocalMail(program: string, mail: Mail): Promise<void> {
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({
    sendmail: true,
    newline: "unix",
    path: program,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail(messageOf(mail));
  } catch (cause) {
    throw deliveryError(mail.target, cause);
  }
}

/** Addresses go as addresses, and the subject as one line: nothing that is told can add a header or a recipient. */
function messageOf({ recipients, author, fromAddress, notification }: Mail): {
  readonly from: { readonly name: string; readonly address: string };
  readonly to: { readonly name: string; readonly address: string }[];
  readonly subject: string;
  readonly text: string;
  readonly date: Date;
  readonly headers: Readonly<Record<string, string>>;
} {
  return {
    from: { name: onOneLine(author), address: fromAddress },
    to: recipients.map((address) => ({ name: "", address })),
    subject: onOneLine(notification.title),
    text: notification.text,
    date: new Date(notification.timeSec * 1000),
    headers: { "Auto-Submitted": "auto-generated" },
  };
}

/** A code of 500 and up, or a refused login, will be the same the next time. */
function deliveryError(target: string, cause: unknown): DeliveryError {
  const isError = cause instanceof Error;
  const status = isError && "responseCode" in cause ? Number(cause.responseCode) : 0;
  const isFinal = status >= 500 || (isError && "code" in cause && cause.code === "EAUTH");
  const code = isFinal ? "DELIVERY_REFUSED" : "DELIVERY_UNREACHABLE";
  return new DeliveryError(code, target, isError ? cause.message : String(cause), { cause });
}
