import { expect } from "chai";

import { DeliveryError } from "../../../src/server/notifications/delivery-error.ts";
import { type Notification } from "../../../src/server/notifications/notification.ts";
import { type WebhookTarget } from "../../../src/server/notifications/notification-target.ts";
import { callGotify, callWebhook } from "../../../src/server/notifications/send-request.ts";
import { rejection } from "../../support/rejection.ts";
import { makeTestCertificate, type TestCertificate } from "../../support/test-certificate.ts";
import { startWebReceiver, type WebReceiver } from "../../support/web-receiver.ts";

const notification: Notification = {
  title: "Prune failed",
  text: 'say "no"\nagain',
  severity: "error",
  fields: { type: "prune", datastore: "store1" },
  timeSec: 1_700_000_000,
};

describe("server/notifications/send-request", () => {
  let certificate: TestCertificate;
  let receiver: WebReceiver;

  beforeEach(async () => {
    certificate = await makeTestCertificate();
    receiver = await startWebReceiver(certificate);
  });

  afterEach(async () => {
    await receiver[Symbol.asyncDispose]();
  });

  async function call(
    more: Partial<WebhookTarget>,
    what = notification,
    signal = AbortSignal.timeout(10_000),
  ): Promise<void> {
    const target: WebhookTarget = {
      type: "webhook",
      name: "hook",
      isEnabled: true,
      url: `${receiver.url}/hook`,
      method: "POST",
      headers: new Map(),
      body: undefined,
      secrets: new Map([["key", "s3cret"]]),
      ...more,
    };
    await callWebhook(target, what, { signal, trusted: certificate.certificatePem });
  }

  async function failure(promise: Promise<unknown>): Promise<DeliveryError> {
    const error = await rejection(promise);
    expect(error).to.be.instanceOf(DeliveryError);
    return error as DeliveryError;
  }

  it("fills address, headers and body in and sends them over TLS", async () => {
    await call({
      url: `${receiver.url}/hook/{{ fields.datastore }}?key={{ url-encode secrets.key }}`,
      headers: new Map([["x-title", "{{ title }}"]]),
      body: '{"text": "{{ escape message }}"}',
    });

    const [request] = receiver.requests;
    expect(request).to.include({ method: "POST", path: "/hook/store1?key=s3cret" });
    expect(request?.headers["x-title"]).to.equal("Prune failed");
    expect(JSON.parse(request?.body ?? "")).to.deep.equal({ text: notification.text });
  });

  it("follows no redirection", async () => {
    receiver.answers.push({ status: 302, location: `${receiver.url}/elsewhere` });

    const error = await failure(call({}));

    expect(error.code).to.equal("DELIVERY_REFUSED");
    expect(receiver.requests.map(({ path }) => path)).to.deep.equal(["/hook"]);
  });

  it("tells refusals from what may pass", async () => {
    receiver.answers.push({ status: 404 }, { status: 503 }, { status: 429 });

    const codes = [];
    for (let i = 0; i < 3; i++) codes.push((await failure(call({}))).code);

    expect(codes).to.deep.equal([
      "DELIVERY_REFUSED",
      "DELIVERY_UNREACHABLE",
      "DELIVERY_UNREACHABLE",
    ]);
  });

  it("reaches no file, whatever is filled in", async () => {
    for (const url of ["file:///etc/passwd", "{{ title }}", "unix:/run/x.sock", "data:,x"]) {
      const what = { ...notification, title: "file:///etc/passwd" };

      expect((await failure(call({ url }, what))).code, url).to.equal("DELIVERY_UNSUITABLE");
    }
  });

  it("gives up when its time is over", async () => {
    receiver.answers.push("silent");
    const stop = new AbortController();
    const calling = failure(call({}, notification, stop.signal));
    stop.abort();

    expect((await calling).message).to.contain("no answer in time");
  });

  it("says neither the address nor a secret when it fails", async () => {
    const url = "https://localhost:1/{{ secrets.key }}";

    const error = await failure(call({ url }));

    expect(error.message).to.equal('Cannot send notification to "hook": ECONNREFUSED');
  });

  it("lets nothing that is filled into a header begin another one", async () => {
    const what = { ...notification, title: "x\r\nx-evil: 1" };

    await call({ headers: new Map([["x-title", "{{ title }}"]]) }, what);

    expect(receiver.requests[0]?.headers).to.not.have.property("x-evil");
    expect(receiver.requests[0]?.headers["x-title"]).to.equal("x x-evil: 1");
  });

  it("refuses a header that HTTP does not allow", async () => {
    const error = await failure(call({ headers: new Map([["x-a", "snow ☃"]]) }));

    expect(error.code).to.equal("DELIVERY_UNSUITABLE");
  });

  it("gives a message with its urgency to Gotify", async () => {
    const target = { type: "gotify", name: "push", isEnabled: true } as const;
    const options = {
      signal: AbortSignal.timeout(10_000),
      trusted: certificate.certificatePem,
    };

    await callGotify(
      { ...target, server: `${receiver.url}/`, token: "tok" },
      notification,
      options,
    );

    const [request] = receiver.requests;
    expect(request).to.include({ method: "POST", path: "/message" });
    expect(request?.headers["x-gotify-key"]).to.equal("tok");
    expect(JSON.parse(request?.body ?? "")).to.deep.equal({
      title: "Prune failed",
      message: notification.text,
      priority: 9,
    });
  });
});
