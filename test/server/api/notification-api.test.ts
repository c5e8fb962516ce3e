import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";

import { expect } from "chai";
import { pino } from "pino";

import { ApiCalls } from "../../support/api-calls.ts";
import { type MailServer, startMailServer } from "../../support/mail-server.ts";
import { makeTestCertificate, type TestCertificate } from "../../support/test-certificate.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";
import { startWebReceiver, type WebReceiver } from "../../support/web-receiver.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

interface Target {
  readonly name: string;
  readonly type: string;
  readonly origin: string;
}

/** Notifications of a real server to a real mail server and a real web server, both over TLS. */
describe("server/api notifications", () => {
  let certificate: TestCertificate;
  let mail: MailServer;
  let web: WebReceiver;
  let server: TestServer;
  let api: ApiCalls;
  let log: string;

  const endpoints = "/config/notifications/endpoints";
  const matchers = "/config/notifications/matchers";

  beforeEach(async () => {
    certificate = await makeTestCertificate();
    mail = await startMailServer({ certificate, protection: "tls", password: "mail-secret" });
    web = await startWebReceiver(certificate);
    log = "";
    const output = new Writable({
      write: (part, _encoding, done) => {
        log += String(part);
        done();
      },
    });
    server = await startTestServer({
      logger: pino({ level: "debug" }, output),
      delivery: {
        trusted: certificate.certificatePem,
        timeoutMs: 5000,
        retryDelaysMs: [1],
        sendmailProgram: "/nonexistent/sendmail",
      },
    });
    api = new ApiCalls(server);
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await web[Symbol.asyncDispose]();
    await mail[Symbol.asyncDispose]();
  });

  async function addMail(): Promise<void> {
    await api.call("POST", `${endpoints}/smtp`, {
      name: "post",
      server: "localhost",
      port: mail.port,
      username: "bob",
      password: "mail-secret",
      mailto: ["me@example.org"],
      "from-address": "amber@example.org",
    });
  }

  async function addHook(more: object = {}): Promise<void> {
    await api.call("POST", `${endpoints}/webhook`, {
      name: "hook",
      url: `${web.url}/{{ url-encode secrets.key }}`,
      method: "post",
      header: [`name=x-severity,value=${base64("{{ severity }}")}`],
      body: base64('{"title": {{ json title }}, "text": {{ json message }}}'),
      secret: [`name=key,value=${base64("hook secret")}`],
      ...more,
    });
  }

  async function addMatcher(target: string, more: object = {}): Promise<void> {
    await api.call("POST", matchers, { name: `to-${target}`, target: [target], ...more });
  }

  const fileText = async (name: string): Promise<string> =>
    await readFile(join(server.configPath, name), "utf8");

  it("has a target and a matcher from the beginning, which can be changed and set back", async () => {
    const origin = async (): Promise<string | undefined> =>
      (await api.call<Target[]>("GET", "/config/notifications/targets")).find(
        ({ name }) => name === "mail-to-root",
      )?.origin;

    expect(await origin()).to.equal("builtin");
    const [matcher] = await api.call<{ name: string }[]>("GET", matchers);
    expect(matcher).to.deep.include({
      name: "default-matcher",
      target: ["mail-to-root"],
      origin: "builtin",
    });

    await api.call("PUT", `${endpoints}/sendmail/mail-to-root`, { mailto: ["a@example.org"] });
    expect(await origin()).to.equal("modified-builtin");
    expect(await fileText("notifications.cfg")).to.match(/^sendmail: mail-to-root$/m);

    await api.call("DELETE", `${endpoints}/sendmail/mail-to-root`);
    expect(await origin()).to.equal("builtin");
    expect(await fileText("notifications.cfg")).to.equal("");
  });

  it("keeps secrets in a file of their own, and shows them to nobody", async () => {
    await addMail();
    await addHook();

    const shown = [
      await api.call("GET", `${endpoints}/smtp`),
      await api.call("GET", `${endpoints}/smtp/post`),
      await api.call("GET", `${endpoints}/webhook/hook`),
    ];
    const text = JSON.stringify(shown);
    expect(text).not.to.contain("mail-secret");
    expect(text).not.to.contain(base64("hook secret"));
    expect(shown[2]).to.deep.include({ secret: ["name=key"], name: "hook" });
    expect(await fileText("notifications.cfg")).not.to.match(/mail-secret|aG9vay/);
    const priv = await fileText("notifications-priv.cfg");
    expect(priv).to.match(/^smtp: post\n\tpassword mail-secret$/m);
    const { mode } = await stat(join(server.configPath, "notifications-priv.cfg"));
    expect(mode & 0o777).to.equal(0o600);
    expect(await readFile(server.auditPath, "utf8")).not.to.match(/mail-secret|aG9vay/);
  });

  it("keeps secrets that a change does not give, and drops those it does not name", async () => {
    await addHook({
      secret: [`name=key,value=${base64("one")}`, `name=more,value=${base64("two")}`],
    });

    await api.call("PUT", `${endpoints}/webhook/hook`, { secret: ["name=key"] });

    expect(await fileText("notifications-priv.cfg")).to.equal(
      `webhook: hook\n\tsecret name=key,value=${base64("one")}\n`,
    );
    const unknown = await api.answer("PUT", `${endpoints}/webhook/hook`, { secret: ["name=x"] });
    expect(unknown).to.include({ status: 400, text: "the secret 'x' has no value" });
  });

  it("refuses what cannot work, and names it", async () => {
    await addMail();
    await addMatcher("post");
    const hook = { name: "h-1", method: "post", url: "https://example.org" };
    for (const [line, body, expected] of [
      ["/webhook", { ...hook, url: "file:///etc/passwd" }, /url/],
      ["/webhook", { ...hook, url: "https://x/{{ secrets.a }}" }, /no secret 'a'/],
      ["/webhook", { ...hook, body: base64("{{#each x}}") }, /body: /],
      ["/webhook", { ...hook, header: ["name=a b,value=eA=="] }, /name of a header/],
      ["/webhook", { ...hook, header: ["x"] }, /name=NAME,value=BASE64/],
      ["/smtp", { name: "s-1", server: "x", "from-address": "a@b" }, /'mailto' and 'mailto-user'/],
      [
        "/smtp",
        { name: "s-1", server: "x", "from-address": "a@b\nBcc: c@d", mailto: ["a@b"] },
        /from-address/,
      ],
      ["/smtp", { name: "s-1", server: "x", "from-address": "a@b", mailto: ["a@b,c@d"] }, /mailto/],
      ["/gotify", { name: "post", server: "https://x", token: "t" }, /already exists/],
    ] as const) {
      const answer = await api.answer("POST", `${endpoints}${line}`, body);
      expect(answer.status, JSON.stringify(body)).to.equal(400);
      expect(answer.text).to.match(expected);
    }
    for (const [body, expected] of [
      [{ target: ["nobody"] }, /no such target 'nobody'/],
      [{ "match-field": ["type"] }, /field rule/],
      [{ "match-severity": ["fatal"] }, /severity/],
      [{ "match-calendar": ["25-26"] }, /time frame/],
    ] as const) {
      const answer = await api.answer("POST", matchers, { name: "m-1", ...body });
      expect(answer.status, JSON.stringify(body)).to.equal(400);
      expect(answer.text).to.match(expected);
    }
    const used = await api.answer("DELETE", `${endpoints}/smtp/post`);
    expect(used.text).to.equal("target 'post' is used by matcher 'to-post'");
    const stale = await api.answer("PUT", `${matchers}/to-post`, {
      comment: "x",
      digest: "0".repeat(64),
    });
    expect(stale.text).to.match(/modified configuration/);
  });

  it("wants secrets once more when they would go elsewhere", async () => {
    await addMail();
    await addHook();
    const put = async (target: string, body: object): Promise<string> =>
      (await api.answer("PUT", `${endpoints}/${target}`, body)).text;

    for (const body of [{ server: "evil.example" }, { port: 26 }, { mode: "insecure" }]) {
      expect(await put("smtp/post", body)).to.match(/^password: to be given again/);
    }
    expect(await put("smtp/post", { mode: "tls", comment: "as before" })).to.match(/null/);
    const url = "http://evil.example/{{ secrets.key }}";
    for (const body of [{ url }, { url, secret: ["name=key"] }]) {
      expect(await put("webhook/hook", body)).to.match(/^secret name=key: to be given again/);
    }

    const secret = [`name=key,value=${base64("hook secret")}`];
    expect(await put("webhook/hook", { url, secret })).to.match(/null/);
    expect(await put("smtp/post", { port: 26, password: "mail-secret" })).to.match(/null/);
    expect(await put("smtp/post", { port: 27, delete: ["username", "password"] })).to.match(/null/);
  });

  it("gives up a target that never answers", async () => {
    await server[Symbol.asyncDispose]();
    server = await startTestServer({
      delivery: { trusted: certificate.certificatePem, timeoutMs: 50, retryDelaysMs: [] },
    });
    api = new ApiCalls(server);
    await addHook();
    web.answers.push("silent");

    const { text } = await api.answer("POST", "/config/notifications/targets/hook/test");

    expect(text).to.equal('Cannot send notification to "hook": no answer in time');
  });

  it("sends a test to one target, and says why it did not arrive", async () => {
    await addMail();

    await api.call("POST", "/config/notifications/targets/post/test");

    expect(mail.mails[0]?.source).to.match(/^Subject: Test notification of test-host$/m);
    await api.call("PUT", `${endpoints}/smtp/post`, { password: "another" });
    const wrong = await api.answer("POST", "/config/notifications/targets/post/test");
    expect(wrong.status).to.equal(400);
    expect(wrong.text).to.match(/^Cannot send notification to "post": .*the login was refused/);
    expect(wrong.text).not.to.contain("another");
    const root = await api.answer("POST", "/config/notifications/targets/mail-to-root/test");
    expect(root.text).to.match(/no recipient has an address/);
    const none = await api.answer("POST", "/config/notifications/targets/nothing/test");
    expect(none.status).to.equal(404);
  });

  it("tells the end of a job to every target whose matcher fits, with the end of its log", async () => {
    await addMail();
    await addHook();
    await addMatcher("post", { "match-severity": ["info"], "match-field": ["exact:type=gc"] });
    await addMatcher("hook");
    await api.call("POST", matchers, { name: "again", target: ["hook"] });
    await api.call("POST", matchers, { name: "off", target: ["post"], disable: true });

    const { status } = await api.run("POST", "/admin/datastore/store1/gc");

    expect(status).to.equal("OK");
    const title = "Garbage collection of datastore 'store1' went well on test-host";
    expect(mail.mails).to.have.length(1);
    expect(mail.mails[0]?.source.replaceAll("\n ", " ")).to.contain(`Subject: ${title}`);
    const [request, second] = web.requests;
    expect(second).to.equal(undefined);
    expect(request).to.include({ path: "/hook%20secret" });
    expect(request?.headers["x-severity"]).to.equal("info");
    const told = JSON.parse(request?.body ?? "") as { title: string; text: string };
    expect(told.title).to.equal(title);
    expect(told.text).to.match(/starting garbage collection on store store1/);
    expect(told.text).to.match(/^Task: {6}UPID:/m);
  });

  it("tells a failed job as an error, with its name", async () => {
    await addHook({ body: base64("{{ fields.job-id }} {{ fields.datastore }} {{ severity }}") });
    await addMatcher("hook");
    await writeFile(
      join(server.configPath, "sync.cfg"),
      "sync: job-1\n\tstore store1\n\tremote there\n\tremote-store tank\n",
    );
    await writeFile(
      join(server.configPath, "remote.cfg"),
      `remote: there\n\thost 127.0.0.1\n\tport 1\n\tauth-id a@pbs\n\tpassword ${base64("x")}\n`,
    );

    const { status } = await api.run("POST", "/admin/sync/job-1/run");

    expect(status).not.to.equal("OK");
    expect(web.requests[0]?.body).to.equal("job-1 store1 error");
  });

  it("lets a job end well whose notification fails, says so in both logs, and tries again", async () => {
    await addHook();
    await addMatcher("hook");
    web.answers.push({ status: 503 });

    const { status, lines } = await api.run("POST", "/admin/datastore/store1/gc");

    expect(status).to.equal("OK");
    expect(lines.at(-2)).to.equal(
      'Cannot send notification to "hook": HTTP status 503, the answer is no success; it is tried again',
    );
    expect(lines.at(-1)).to.equal("TASK OK");
    while (web.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(log).to.contain("notification not delivered");
    expect(log).not.to.match(/hook secret|hook%20secret|aG9vay/);
  });

  it("gives up what waits for another attempt when the server ends", async () => {
    await server[Symbol.asyncDispose]();
    server = await startTestServer({
      delivery: { trusted: certificate.certificatePem, retryDelaysMs: [3_600_000] },
    });
    api = new ApiCalls(server);
    await addHook();
    await addMatcher("hook");
    web.answers.push({ status: 503 });
    await api.run("POST", "/admin/datastore/store1/gc");

    await server.close();

    expect(web.requests).to.have.length(1);
  });

  it("mails as the datastore says when it has the older way of telling", async () => {
    await addHook();
    await addMatcher("hook");
    const gc = async (): Promise<readonly string[]> =>
      (await api.run("POST", "/admin/datastore/store1/gc")).lines;
    const set = async (settings: object): Promise<void> => {
      await api.call("PUT", "/config/datastore/store1", settings);
    };
    await api.call("PUT", "/access/users/root@pam", { email: "root@example.org" });

    await set({ "notification-mode": "legacy-sendmail", notify: "gc=error" });
    expect((await gc()).at(-2)).not.to.match(/notification/);
    await set({ notify: "gc=always" });
    expect((await gc()).at(-2)).to.match(/Cannot send notification to "mail to root@pam": /);
    expect(web.requests).to.have.length(0);
    await set({ "notification-mode": "notification-system" });
    await gc();
    expect(web.requests).to.have.length(1);
  });

  it("names the fields and values that matchers can look at", async () => {
    const fields = await api.call("GET", "/config/notifications/matcher-fields");
    const values = await api.call<object[]>("GET", "/config/notifications/matcher-field-values");

    expect(fields).to.deep.equal(
      ["type", "datastore", "hostname", "job-id"].map((name) => ({ name })),
    );
    expect(values).to.deep.include({ field: "datastore", value: "store1" });
    expect(values).to.deep.include({ field: "hostname", value: "test-host" });
    expect(values).to.deep.include({ field: "type", value: "backup-overdue" });
  });
});
