import { spawn } from "node:child_process";

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
 * @throws {DeliveryError} `DELIVERY_UNREACHABLE`; `DELIVERY_REFUSED`, also when the server took some of the recipients only: those
 *   have it, so it is not tried again.
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
  let refused: number;
  try {
    const { rejected } = await transport.sendMail(messageOf(mail));
    refused = rejected.length;
  } catch (cause) {
    throw deliveryError(mail.target, cause);
  } finally {
    transport.close();
  }
  if (refused > 0) {
    const reason = `the mail server took ${mail.recipients.length - refused} of ${mail.recipients.length} recipients`;
    throw new DeliveryError("DELIVERY_REFUSED", mail.target, reason);
  }
}

/**
 * Gives a mail to the `sendmail` program of this machine, which is killed when the signal aborts.
 *
 * @throws {DeliveryError} `DELIVERY_UNREACHABLE`, also when there is no such program or it takes too long; `DELIVERY_UNSUITABLE`.
 */
export async function sendLocalMail(
  program: string,
  mail: Mail,
  signal: AbortSignal,
): Promise<void> {
  const { target, fromAddress, recipients } = mail;
  if ([fromAddress, ...recipients].some((address) => address.startsWith("-"))) {
    throw new DeliveryError("DELIVERY_UNSUITABLE", target, "an address begins with '-'");
  }
  const { createTransport } = await import("nodemailer");
  const composer = createTransport({
    streamTransport: true,
    buffer: true,
    newline: "unix",
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const { message } = await composer.sendMail(messageOf(mail));
  await new Promise<void>((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void => {
      reject(new DeliveryError("DELIVERY_UNREACHABLE", target, reason, { cause }));
    };
    const child = spawn(program, ["-i", "-f", fromAddress, ...recipients], {
      stdio: ["pipe", "ignore", "ignore"],
      signal,
      killSignal: "SIGKILL",
    });
    child.once("error", (cause) => {
      fail(signal.aborted ? "sendmail took too long" : cause.message, cause);
    });
    child.once("exit", (code, killed) => {
      if (code === 0) resolve();
      else fail(`sendmail ended with ${killed ?? `code ${code ?? ""}`}`);
    });
    child.stdin.once("error", () => undefined); // Its end tells.
    child.stdin.end(message);
  });
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

/** What failed, by the codes of the library; what the other side wrote passes through in none of them. */
const failures: Readonly<Record<string, string>> = {
  EAUTH: "the login was refused",
  ECONNECTION: "the connection failed",
  EDNS: "the name of the server cannot be resolved",
  EENVELOPE: "the mail server took no sender or no recipient",
  EMESSAGE: "the mail server did not take the message",
  EPROTOCOL: "the other side does not speak SMTP as it should",
  ESOCKET: "the connection failed",
  ETIMEDOUT: "no answer in time",
  ETLS: "the connection cannot be protected",
};

/** A code of 500 and up, or a refused login, will be the same the next time. */
function deliveryError(target: string, cause: unknown): DeliveryError {
  const { responseCode, code, syscall, message } = fieldsOf(cause);
  const isFinal = (responseCode ?? 0) >= 500 || code === "EAUTH";
  const what = failures[code ?? ""] ?? "the mail could not be sent";
  // An error of the operating system names the call and the address, and nothing that anybody sent.
  const known =
    syscall === undefined ? CERTIFICATE_TROUBLES.find((each) => each === message) : message;
  const details = [
    ...(responseCode === undefined ? [] : [`SMTP status ${responseCode}`]),
    ...(known === undefined ? [] : [known]),
  ];
  return new DeliveryError(
    isFinal ? "DELIVERY_REFUSED" : "DELIVERY_UNREACHABLE",
    target,
    details.length === 0 ? what : `${what} (${details.join(", ")})`,
    { cause },
  );
}

/** Texts of OpenSSL about certificates that are not trusted. */
const CERTIFICATE_TROUBLES: readonly string[] = [
  "certificate has expired",
  "self-signed certificate",
  "self-signed certificate in certificate chain",
  "unable to get local issuer certificate",
  "unable to verify the first certificate",
];

function fieldsOf(error: unknown): {
  readonly responseCode?: number;
  readonly code?: string;
  readonly syscall?: string;
  readonly message?: string;
} {
  if (!(error instanceof Error)) return {};
  const { message } = error;
  return {
    message,
    ...("responseCode" in error && typeof error.responseCode === "number"
      ? { responseCode: error.responseCode }
      : {}),
    ...("code" in error && typeof error.code === "string" ? { code: error.code } : {}),
    ...("syscall" in error && typeof error.syscall === "string" ? { syscall: error.syscall } : {}),
  };
}
