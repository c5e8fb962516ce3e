import { once } from "node:events";
import { type AddressInfo } from "node:net";

import { SMTPServer, type SMTPServerOptions } from "smtp-server";

import { type TestCertificate } from "./test-certificate.ts";

/** A mail as the server took it. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Header and body as they came, with line breaks as `\n`. */
  readonly source: string;
  readonly user: string | undefined;
  readonly isEncrypted: boolean;
}

/** A mail server for one test. */
export interface MailServer extends AsyncDisposable {
  readonly port: number;
  readonly mails: readonly ReceivedMail[];
}

/** How a {@link MailServer} behaves. */
export interface MailServerOptions {
  readonly certificate: TestCertificate;
  /** `tls` from the first byte, `starttls` on demand, `plain` never. */
  readonly protection: "tls" | "starttls" | "plain";
  /** Demands a login with this password when given. */
  readonly password?: string;
  /** Status with which mail is refused. */
  readonly refuseWith?: number;
  /** Address of a recipient that is refused. */
  readonly refuseRecipient?: string;
}

/** Starts a real mail server on a free port of the loopback interface. */
export async function startMailServer(options: MailServerOptions): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const { certificate, protection, password, refuseWith, refuseRecipient } = options;
  const settings: SMTPServerOptions = {
    secure: protection === "tls",
    key: certificate.keyPem,
    cert: certificate.certificatePem,
    disabledCommands: [
      ...(protection === "plain" ? ["STARTTLS"] : []),
      ...(password === undefined ? ["AUTH"] : []),
    ],
    authOptional: password === undefined,
    allowInsecureAuth: true,
    closeTimeout: 100,
    onAuth: (auth, _session, callback) => {
      if (auth.password === password && auth.username !== undefined) {
        callback(null, { user: auth.username });
      } else callback(new Error("Invalid login"));
    },
    onMailFrom: (_address, _session, callback) => {
      if (refuseWith === undefined) callback();
      else callback(Object.assign(new Error("not today"), { responseCode: refuseWith }));
    },
    onRcptTo: ({ address }, _session, callback) => {
      if (address !== refuseRecipient) callback();
      else callback(Object.assign(new Error("nobody of that name"), { responseCode: 550 }));
    },
    onData: (stream, session, callback) => {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.once("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          source: Buffer.concat(parts).toString("utf8").replaceAll("\r\n", "\n"),
          user: session.user === undefined ? undefined : String(session.user),
          isEncrypted: session.secure,
        });
        callback();
      });
    },
  };
  const server = new SMTPServer(settings);
  server.on("error", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => {
        server.close(resolve);
      });
    },
  };
}
