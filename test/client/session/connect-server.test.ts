import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { readClientConfig } from "../../../src/client/config.ts";
import { type BackupServer } from "../../../src/client/session/backup-server.ts";
import {
  connectServer,
  type ConnectServerOptions,
  logIn,
  logOut,
} from "../../../src/client/session/connect-server.ts";
import { parseRepository } from "../../../src/client/session/repository.ts";
import {
  type FakeBackupServer,
  http1Answer,
  startFakeServer,
} from "../../support/fake-backup-server.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** A ticket endpoint that knows one password and its own tickets, and a `version` behind it. */
function answerApi(head: string, body: string): string {
  if (head.startsWith("POST /api2/json/access/ticket")) {
    const { username, password } = JSON.parse(body) as Record<string, string>;
    if (username === "tfa@pbs") {
      const data = { username, ticket: "PBS:!tfa!{}:0::x", CSRFPreventionToken: "invalid" };
      return http1Answer(200, JSON.stringify({ data }));
    }
    if (password !== "right" && password?.startsWith(`PBS:${username}:old`) !== true) {
      return http1Answer(401, "permission check failed.");
    }
    const data = { username, ticket: `PBS:${username}:old::a b+/=`, CSRFPreventionToken: "csrf" };
    return http1Answer(200, JSON.stringify({ data }));
  }
  return http1Answer(200, JSON.stringify({ data: { head } }));
}

describe("client/session/connect-server", () => {
  let fake: FakeBackupServer;
  let folder: Awaited<ReturnType<typeof tempDir>>;
  const clock = new FakeClock();

  beforeEach(async () => {
    folder = await tempDir();
    fake = await startFakeServer({
      onHead: (head, body, socket) => {
        socket.write(answerApi(head, body));
        return "answered";
      },
    });
  });

  afterEach(async () => {
    await fake.close();
    await folder[Symbol.asyncDispose]();
  });

  function options(
    authId: string,
    variables: Readonly<Record<string, string>>,
    prompts?: ConnectServerOptions["prompts"],
  ): ConnectServerOptions {
    return {
      repository: parseRepository(`${authId}@127.0.0.1:${fake.port}:tank`),
      config: readClientConfig({
        XDG_RUNTIME_DIR: folder.path,
        XDG_CONFIG_HOME: join(folder.path, "config"),
        PBS_FINGERPRINT: fake.fingerprint,
        ...variables,
      }),
      clock,
      ...(prompts ? { prompts } : {}),
    };
  }

  async function headOf(server: BackupServer): Promise<string> {
    const data = await server.call("GET", "version", {});
    server[Symbol.dispose]();
    return (data as { head: string }).head;
  }

  it("sends the token of an API token without any login", async () => {
    const server = await connectServer(options("bob@pbs!ci", { PBS_PASSWORD: "se cret%" }));

    const head = await headOf(server);

    expect(head).to.include("\r\nAuthorization: PBSAPIToken bob@pbs!ci:se%20cret%25\r\n");
    expect(fake.heads).to.have.length(1);
  });

  it("logs in once and sends cookie and CSRF token", async () => {
    const server = await connectServer(options("bob@pbs", { PBS_PASSWORD: "right" }));
    await server.call("GET", "version", {});

    const head = await headOf(server);

    expect(head).to.include("\r\nCookie: PBSAuthCookie=PBS:bob@pbs:old::a%20b+/=\r\n");
    expect(head).to.include("\r\nCSRFPreventionToken: csrf\r\n");
    expect(fake.heads).to.have.length(3);
  });

  it("passes on the server's words for a wrong password", async () => {
    const server = await connectServer(options("bob@pbs", { PBS_PASSWORD: "wrong" }));

    const error = await rejection(server.call("GET", "version", {}));

    expect(error).to.include({ statusCode: 401, message: "permission check failed." });
    server[Symbol.dispose]();
  });

  it("says that a second factor is needed", async () => {
    const server = await connectServer(options("tfa@pbs", { PBS_PASSWORD: "right" }));

    const error = await rejection(server.call("GET", "version", {}));

    expect(error).to.have.property("code", "SESSION_SECOND_FACTOR");
    server[Symbol.dispose]();
  });

  it("needs a password when there is no terminal", async () => {
    const server = await connectServer(options("bob@pbs", {}));

    const error = await rejection(server.call("GET", "version", {}));

    expect(error).to.have.property("code", "SESSION_CREDENTIALS_MISSING");
    server[Symbol.dispose]();
  });

  it("keeps a login in a file that only its owner may read", async () => {
    await logIn(options("bob@pbs", { PBS_PASSWORD: "right" }));

    const path = join(folder.path, "proxmox-backup/tickets");
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(JSON.parse(readFileSync(path, "utf8"))).to.deep.equal({
      "127.0.0.1": {
        "bob@pbs": {
          timestamp: clock.nowSec(),
          ticket: "PBS:bob@pbs:old::a b+/=",
          token: "csrf",
        },
      },
    });
  });

  it("uses a kept login in place of a password", async () => {
    await logIn(options("bob@pbs", { PBS_PASSWORD: "right" }));

    const head = await headOf(await connectServer(options("bob@pbs", {})));

    expect(head).to.include("PBSAuthCookie=PBS:bob@pbs:old");
  });

  it("asks for the password when the kept login is not accepted any more", async () => {
    const path = join(folder.path, "proxmox-backup/tickets");
    await logIn(options("bob@pbs", { PBS_PASSWORD: "right" }));
    writeFileSync(path, readFileSync(path, "utf8").replace(":old:", ":bad:"));
    const questions: string[] = [];
    const prompts = {
      password: async (question: string) => {
        questions.push(question);
        return await Promise.resolve("right");
      },
      confirmFingerprint: async () => await Promise.resolve(false),
    };

    await headOf(await connectServer(options("bob@pbs", {}, prompts)));

    expect(questions).to.deep.equal(['Password for "bob@pbs":']);
  });

  it("ignores a login that is two hours old", async () => {
    const old = new FakeClock(clock.nowSec() - 7141);
    await logIn({ ...options("bob@pbs", { PBS_PASSWORD: "right" }), clock: old });

    const server = await connectServer(options("bob@pbs", {}));

    expect(await rejection(server.call("GET", "version", {}))).to.have.property(
      "code",
      "SESSION_CREDENTIALS_MISSING",
    );
    server[Symbol.dispose]();
  });

  it("forgets a login", async () => {
    const given = options("bob@pbs", { PBS_PASSWORD: "right" });
    await logIn(given);

    await logOut(given.repository, given.config, clock);

    const path = join(folder.path, "proxmox-backup/tickets");
    expect(JSON.parse(readFileSync(path, "utf8"))).to.deep.equal({});
  });

  it("reports a certificate with another fingerprint, with both of them", async () => {
    const wrong = fake.fingerprint.replace(/^../, (pair) => (pair === "00" ? "01" : "00"));
    const server = await connectServer(
      options("bob@pbs!ci", { PBS_PASSWORD: "x", PBS_FINGERPRINT: wrong }),
    );

    const error = await rejection(server.call("GET", "version", {}));

    expect(error).to.have.property("code", "SESSION_UNTRUSTED");
    expect((error as Error).message)
      .to.include(wrong)
      .and.include(fake.fingerprint);
    expect(fake.heads).to.have.length(0);
    server[Symbol.dispose]();
  });

  it("trusts nobody when there is neither a fingerprint nor a terminal", async () => {
    const server = await connectServer(
      options("bob@pbs!ci", { PBS_PASSWORD: "x", PBS_FINGERPRINT: "" }),
    );

    expect(await rejection(server.call("GET", "version", {}))).to.have.property(
      "code",
      "SESSION_UNTRUSTED",
    );
    server[Symbol.dispose]();
  });

  it("asks about an unknown certificate once and remembers the answer", async () => {
    const asked: string[] = [];
    const prompts = {
      password: async () => await Promise.resolve(""),
      confirmFingerprint: async (server: string, fingerprint: string) => {
        asked.push(`${server} ${fingerprint}`);
        return await Promise.resolve(true);
      },
    };
    const variables = { PBS_PASSWORD: "x", PBS_FINGERPRINT: "" };
    await headOf(await connectServer(options("bob@pbs!ci", variables, prompts)));

    await headOf(await connectServer(options("bob@pbs!ci", variables)));

    expect(asked).to.deep.equal([`127.0.0.1 ${fake.fingerprint}`]);
    const path = join(folder.path, "config/proxmox-backup/fingerprints");
    expect(readFileSync(path, "utf8")).to.equal(`127.0.0.1 ${fake.fingerprint}\n`);
  });

  it("does not connect when the answer is no", async () => {
    const prompts = {
      password: async () => await Promise.resolve(""),
      confirmFingerprint: async () => await Promise.resolve(false),
    };
    const variables = { PBS_PASSWORD: "x", PBS_FINGERPRINT: "" };
    const server = await connectServer(options("bob@pbs!ci", variables, prompts));

    expect(await rejection(server.call("GET", "version", {}))).to.have.property(
      "code",
      "SESSION_UNTRUSTED",
    );
    expect(fake.heads).to.have.length(0);
    expect(existsSync(join(folder.path, "config"))).to.equal(false);
    server[Symbol.dispose]();
  });

  it("sends POST parameters as JSON and all others in the query", async () => {
    const server = await connectServer(options("bob@pbs!ci", { PBS_PASSWORD: "x" }));

    await server.callStore("PUT", "notes", { notes: "ä & ö", ns: undefined });
    await server.callStore("POST", "prune", { "dry-run": true });
    server[Symbol.dispose]();

    expect(fake.heads[0]).to.match(
      /^PUT \/api2\/json\/admin\/datastore\/tank\/notes\?notes=%C3%A4%20%26%20%C3%B6 /,
    );
    expect(fake.heads[1]).to.match(/^POST \/api2\/json\/admin\/datastore\/tank\/prune /);
    expect(fake.heads[1]).to.include("\r\nContent-Type: application/json\r\n");
  });

  it("uses one connection for calls that follow each other", async () => {
    const server = await connectServer(options("bob@pbs!ci", { PBS_PASSWORD: "x" }));
    let connections = 0;
    const sockets = new Set<unknown>();
    fake.behaviour.onHead = (head, body, socket) => {
      if (!sockets.has(socket)) connections += 1;
      sockets.add(socket);
      socket.write(answerApi(head, body));
      return "answered";
    };

    for (let i = 0; i < 3; i++) await server.call("GET", "version", {});
    server[Symbol.dispose]();

    expect(connections).to.equal(1);
  });
});
