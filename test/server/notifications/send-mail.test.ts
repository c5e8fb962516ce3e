import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { DeliveryError } from "../../../src/server/notifications/delivery-error.ts";
import { type SmtpTarget } from "../../../src/server/notifications/notification-target.ts";
import { type Mail, sendLocalMail, sendMail } from "../../../src/server/notifications/send-mail.ts";
import { type MailServer, startMailServer } from "../../support/mail-server.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { makeTestCertificate, type TestCertificate } from "../../support/test-certificate.ts";

const mail: Mail = {
  target: "mail",
  recipients: ["one@example.org", "two@example.org"],
  author: "Amber (box)",
  fromAddress: "amber@example.org",
  notification: {
    title: "Prune failed",
    text: "End of the log:\nline — ü\n",
    severity: "error",
    fields: {},
    timeSec: 1_700_000_000,
  },
};

/** The line that a program writes into a file, when it is there. */
async function firstLine(path: string): Promise<number> {
  for (;;) {
    const text = await readFile(path, "utf8").catch(() => "");
    if (text.endsWith("\n")) return Number(text);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("server/notifications/send-mail", () => {
  let certificate: TestCertificate;

  before(async () => {
    certificate = await makeTestCertificate();
  });

  async function send(
    server: MailServer,
    target: Partial<SmtpTarget>,
    sent: Mail = mail,
    trusted: string | undefined = certificate.certificatePem,
  ): Promise<void> {
    const all: SmtpTarget = {
      type: "smtp",
      name: "mail",
      isEnabled: true,
      mailto: [],
      mailtoUsers: [],
      fromAddress: undefined,
      author: undefined,
      server: "localhost",
      port: server.port,
      mode: "tls",
      username: undefined,
      password: undefined,
      ...target,
    };
    await sendMail(all, sent, { hostName: "box", timeoutMs: 5000, trusted });
  }

  async function expectCode(
    promise: Promise<unknown>,
    code: DeliveryError["code"],
  ): Promise<DeliveryError> {
    const error = await rejection(promise);
    expect(error).to.be.instanceOf(DeliveryError).with.property("code", code);
    return error as DeliveryError;
  }

  it("sends over TLS, with a login, to every recipient", async () => {
    await using server = await startMailServer({
      certificate,
      protection: "tls",
      password: "secret-1",
    });

    await send(server, { username: "bob", password: "secret-1" });

    const [received] = server.mails;
    expect(received).to.include({ from: "amber@example.org", user: "bob", isEncrypted: true });
    expect(received?.to).to.deep.equal(["one@example.org", "two@example.org"]);
    expect(received?.source).to.match(/^From: "?Amber \(box\)"? <amber@example\.org>$/m);
    expect(received?.source).to.match(/^Subject: Prune failed$/m);
    expect(received?.source).to.match(/^Auto-Submitted: auto-generated$/m);
    expect(received?.source).to.match(/^Date: Tue, 14 Nov 2023 22:13:20 \+0000$/m);
    expect(received?.source).to.contain("=E2=80=94 =C3=BC");
  });

  it("protects a connection that begins in the clear", async () => {
    await using server = await startMailServer({ certificate, protection: "starttls" });

    await send(server, { mode: "starttls" });

    expect(server.mails[0]).to.include({ isEncrypted: true });
  });

  it("sends nothing in the clear when the server cannot do better, unless that is wanted", async () => {
    await using server = await startMailServer({ certificate, protection: "plain" });

    await expectCode(send(server, { mode: "starttls" }), "DELIVERY_REFUSED");
    expect(server.mails).to.have.length(0);

    await send(server, { mode: "insecure" });
    expect(server.mails[0]).to.include({ isEncrypted: false });
  });

  it("trusts no certificate that it does not know", async () => {
    await using server = await startMailServer({ certificate, protection: "tls" });
    const other = await makeTestCertificate();

    await expectCode(send(server, {}, mail, other.certificatePem), "DELIVERY_UNREACHABLE");

    expect(server.mails).to.have.length(0);
  });

  it("tells a login that is refused from a server that has no time, and names no password", async () => {
    await using strict = await startMailServer({
      certificate,
      protection: "tls",
      password: "secret-1",
    });
    await using busy = await startMailServer({ certificate, protection: "tls", refuseWith: 451 });
    await using hostile = await startMailServer({
      certificate,
      protection: "tls",
      refuseWith: 550,
    });

    const wrong = send(strict, { username: "bob", password: "secret-2" });

    const error = await expectCode(wrong, "DELIVERY_REFUSED");
    expect(error.message).to.match(
      /^Cannot send notification to "mail": .*the login was refused \(SMTP status 535\)$/,
    );
    expect(error.message).not.to.contain("secret");
    await expectCode(send(busy, {}), "DELIVERY_UNREACHABLE");
    await expectCode(send(hostile, {}), "DELIVERY_REFUSED");
  });

  it("passes on no more of an answer than its status", async () => {
    await using server = await startMailServer({ certificate, protection: "tls", refuseWith: 550 });

    const error = await expectCode(send(server, {}), "DELIVERY_REFUSED");

    expect(error.message).to.contain("SMTP status 550").and.not.to.contain("not today");
  });

  it("tells that a server took some of the recipients only", async () => {
    await using server = await startMailServer({
      certificate,
      protection: "tls",
      refuseRecipient: "two@example.org",
    });

    const error = await expectCode(send(server, {}), "DELIVERY_REFUSED");

    expect(error.message).to.match(/the mail server took 1 of 2 recipients$/);
    expect(server.mails[0]?.to).to.deep.equal(["one@example.org"]);
  });

  it("ends a program that does not end", async () => {
    await using folder = await tempDir();
    const program = join(folder.path, "sendmail");
    const begun = join(folder.path, "begun");
    await writeFile(program, `#!/bin/sh\necho $$ > ${begun}\nexec sleep 600\n`);
    await chmod(program, 0o755);
    const stop = new AbortController();

    const sending = sendLocalMail(program, mail, stop.signal);
    const pid = await firstLine(begun);
    stop.abort();

    await expectCode(sending, "DELIVERY_UNREACHABLE");
    while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
  });

  it("lets no title, name or text add a header or a recipient", async () => {
    await using server = await startMailServer({ certificate, protection: "tls" });
    const sly = "x\r\nBcc: evil@example.org\r\n\r\nbody";
    const notification = { ...mail.notification, title: sly, text: `.\r\n${sly}` };

    await send(server, {}, { ...mail, author: sly, notification });

    const [received] = server.mails;
    expect(received?.to).to.deep.equal(["one@example.org", "two@example.org"]);
    const head = received?.source.slice(0, received.source.indexOf("\n\n")) ?? "";
    expect(head).not.to.match(/^Bcc:/m);
    expect(server.mails).to.have.length(1);
  });

  it("gives mail to the program of this machine, and says when there is none", async () => {
    await using folder = await tempDir();
    const program = join(folder.path, "sendmail");
    const out = join(folder.path, "out");
    await writeFile(program, `#!/bin/sh\necho "$@" > ${out}\ncat >> ${out}\n`);
    await chmod(program, 0o755);

    await sendLocalMail(program, mail, new AbortController().signal);

    const text = await readFile(out, "utf8");
    expect(text).to.match(/^-i -f amber@example\.org one@example\.org two@example\.org\n/);
    expect(text).to.match(/^Subject: Prune failed$/m);
    const missing = sendLocalMail(join(folder.path, "nothing"), mail, new AbortController().signal);
    await expectCode(missing, "DELIVERY_UNREACHABLE");
  });
});
