import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { pino } from "pino";

import { systemClock } from "../../src/format/clock.ts";
import { type ServerConfig } from "../../src/server/config.ts";
import { type RunningServer, startServer } from "../../src/server/main.ts";
import { ManualTicker } from "../support/manual-ticker.ts";
import { rawCall, rawConnect, readAnswer } from "../support/raw-client.ts";
import { rejection } from "../support/rejection.ts";
import { tempDir } from "../support/temp-dir.ts";

describe("server/main", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  const running: RunningServer[] = [];

  beforeEach(async () => {
    folder = await tempDir();
  });

  afterEach(async () => {
    for (const server of running.splice(0)) await server.close();
    await folder[Symbol.asyncDispose]();
  });

  async function start(
    changes: Partial<ServerConfig> = {},
    adminPassword?: string,
  ): Promise<RunningServer> {
    const server = await startServer(
      {
        configDirectory: join(folder.path, "config"),
        taskDirectory: join(folder.path, "tasks"),
        stateDirectory: join(folder.path, "state"),
        webDirectory: join(folder.path, "web"),
        auditFile: join(folder.path, "audit.log"),
        listen: { host: "127.0.0.1", port: 0 },
        datastores: [{ name: "store1", path: join(folder.path, "store") }],
        adminUser: "admin@pbs",
        hostName: "test-host",
        unauthenticatedDelayMs: 0,
        forbiddenDelayMs: 0,
        uploadMemoryBytes: 64 * 1024 * 1024,
        untakenBytesMax: 384 * 1024 * 1024,
        sessionGraceMs: 0,
        chunkFolders: "on-demand",
        ...changes,
      },
      {
        clock: systemClock,
        logger: pino({ level: "silent" }),
        product: { name: "amber", version: "test" },
        everyMinute: new ManualTicker().ticker,
        ...(adminPassword === undefined ? {} : { adminPassword }),
      },
    );
    running.push(server);
    return server;
  }

  async function login(port: number, username: string, password: string): Promise<number> {
    const answer = await rawCall(port, "POST /api2/json/access/ticket", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username, password }),
    });
    return answer.status;
  }

  it("makes an administrator with a random password on first start only", async () => {
    const first = await start();
    const { password = "" } = first.createdAdmin ?? {};
    expect(password).to.have.length(20);
    expect(await login(first.port, "admin@pbs", password)).to.equal(200);
    await first.close();

    const second = await start();

    expect(second.createdAdmin).to.equal(undefined);
    expect(second.fingerprint).to.equal(first.fingerprint);
    expect(await login(second.port, "admin@pbs", password)).to.equal(200);
  });

  it("lets root@pam in when it was given a password here", async () => {
    const server = await start({ adminUser: "root@pam" }, "root-password");

    expect(await login(server.port, "root@pam", "root-password")).to.equal(200);
  });

  it("keeps every file with a secret to itself", async () => {
    await start();

    for (const name of ["authkey.key", "csrf.key", "proxy.key", "shadow.json", "user.cfg"]) {
      const { mode } = await stat(join(folder.path, "config", name));
      expect(mode & 0o777, name).to.equal(0o600);
    }
  });

  it("remembers the datastores of the command line, and refuses another path for the same name", async () => {
    await (await start()).close();
    expect(await readFile(join(folder.path, "config/datastore.cfg"), "utf8")).to.equal(
      `datastore: store1\n\tpath ${join(folder.path, "store")}\n`,
    );
    await (await start({ datastores: [] })).close();

    const datastores = [{ name: "store1", path: join(folder.path, "elsewhere") }];

    expect(await rejection(start({ datastores }))).to.have.property("code", "CONFIG_CONFLICT");
  });

  it("refuses a second server on the same datastore", async () => {
    await start();

    const error = await rejection(start({ configDirectory: join(folder.path, "other") }));

    expect(error).to.have.property("code", "STORE_IN_USE");
  });

  it("finishes what it is answering before it closes", async () => {
    const server = await start({ unauthenticatedDelayMs: 1000 });
    const socket = await rawConnect(server.port);
    socket.write("GET /api2/json/version HTTP/1.1\r\nhost: x\r\n\r\n");
    // When this one is answered, the refusal above is being held back.
    await rawCall(server.port, "GET /api2/json/ping");

    const [answer] = await Promise.all([readAnswer(socket), server.close()]);

    expect(answer.status).to.equal(401);
  });

  it("takes over users that an administrator edited when it is told to read again", async () => {
    const server = await start({}, "admin-password");
    const path = join(folder.path, "config/user.cfg");
    await writeFile(path, "user: admin@pbs\n\tenable false\n");
    expect(await login(server.port, "admin@pbs", "admin-password")).to.equal(200);

    await server.reload();

    expect(await login(server.port, "admin@pbs", "admin-password")).to.equal(401);
  });
});
