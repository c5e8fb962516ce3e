import { createHash } from "node:crypto";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { hashPassword } from "../../src/server/auth/password-hash.ts";
import { rawCall, type RawAnswer } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";
import { tempDir } from "../support/temp-dir.ts";

interface Recorded {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly body: string | null;
  };
  readonly response: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly body_text?: string;
    readonly body_hex?: string;
  };
}

const recorded = JSON.parse(
  await readFile(new URL("../../fixtures/api/api.json", import.meta.url), "utf8"),
) as Recorded[];

/** Calls whose answer must be equal to the byte, or equal as JSON. */
const equal = [
  "ping",
  "unauth",
  "badtoken",
  "notfound",
  "wrong-method",
  "bad-param",
  "bad-store",
  "bad-backup-type",
  "ticket-bad",
  "ticket-nouser",
  "ticket-norealm",
  "with-cookie-post-no-csrf",
  "datastores",
  "permissions",
  "tokens",
  "notes",
  "protected",
  "catalog-root",
  "catalog-sub",
  "catalog-etc",
  "download",
  "download-decoded",
  "pxar-file-download",
  "snapshot-protected-delete",
  "delete-protected",
  "set-group-notes",
  "get-group-notes",
  "groups-ns",
  "namespaces",
  "namespaces-depth",
  "ns-create",
  "ns-create-dup",
  "ns-delete",
  "backup-no-upgrade",
  "task-bad",
  "change-owner",
  "change-owner-back",
];

/** Listings to which the fixture's datastore has added later: what was recorded must be among ours. */
const within = [
  "groups",
  "snapshots",
  "snapshots-ns",
  "snapshots-after-verify",
  "files",
  "files-enc",
  "roles",
  "users",
  "acl",
];

describe("interop/api-replies", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;

  before(async () => {
    folder = await tempDir();
    const storePath = join(folder.path, "store1");
    await cp(new URL("../../fixtures/datastore-real/store", import.meta.url), storePath, {
      recursive: true,
    });
    await mkdir(join(storePath, ".chunks"), { recursive: true });
    const config = join(folder.path, "config");
    await mkdir(config);
    const secret = createHash("sha256").update("b91841c2-88b6-4d21-92db-618fcf83fa6e");
    const files = {
      "user.cfg": "user: root@pam\n\tcomment Superuser\n\nuser: test@pbs\n\ntoken: test@pbs!tok1\n",
      "acl.cfg": "acl:1:/:test@pbs,test@pbs!tok1:Admin\n",
      "shadow.json": JSON.stringify({ test: await hashPassword("secret12") }),
      "token.shadow": JSON.stringify({ "test@pbs!tok1": `$amber-sha256$${secret.digest("hex")}` }),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(config, name), text);
    server = await startTestServer({ storePath, configPath: config });
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function replay({ request }: Recorded): Promise<RawAnswer> {
    const headers = { ...request.headers };
    if (headers["Cookie"]) {
      const login = await rawCall(server.port, "POST /api2/json/access/ticket", {
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: "username=test%40pbs&password=secret12",
      });
      const { ticket } = (JSON.parse(login.text) as { data: { ticket: string } }).data;
      headers["Cookie"] = `PBSAuthCookie=${encodeURIComponent(ticket)}`;
    }
    return await rawCall(server.port, `${request.method} ${request.path}`, {
      headers,
      ...(request.body === null ? {} : { body: request.body }),
    });
  }

  for (const call of recorded.filter(({ name }) => equal.includes(name))) {
    it(`answers ${call.name} as the genuine server does`, async () => {
      const answer = await replay(call);

      expect(answer.status, answer.text).to.equal(call.response.status);
      const type = call.response.headers.find(([name]) => name === "content-type")?.[1];
      if (type !== undefined) expect(answer.headers["content-type"]).to.equal(type);
      if (call.response.body_hex !== undefined) {
        expect(answer.body.toString("hex")).to.equal(call.response.body_hex);
      } else if (call.response.body_text?.startsWith("{")) {
        const wanted = JSON.parse(call.response.body_text) as { data: unknown };
        expect(normal((JSON.parse(answer.text) as { data: unknown }).data)).to.deep.equal(
          normal(wanted.data),
        );
      } else expect(answer.text).to.equal(call.response.body_text);
    });
  }

  for (const call of recorded.filter(({ name }) => within.includes(name))) {
    it(`has everything in its answer to ${call.name} that the genuine server has`, async () => {
      const answer = JSON.parse((await replay(call)).text) as { data: object[] };
      const wanted = JSON.parse(call.response.body_text ?? "") as { data: object[] };

      const ours = normal(answer.data) as object[];
      for (const entry of normal(wanted.data) as object[]) {
        expect(ours.map((other) => shrink(other))).to.deep.include(shrink(entry));
      }
    });
  }

  it("answers the version that it emulates", async () => {
    const call = recorded.find(({ name }) => name === "version");
    const answer = JSON.parse((await replay(call!)).text) as { data: Record<string, string> };

    expect(answer.data).to.include({ version: "3.2", release: "4" });
  });

  it("gives tickets in the genuine form", async () => {
    for (const call of recorded.filter(({ name }) => ["ticket", "ticket-json"].includes(name))) {
      const { data } = JSON.parse((await replay(call)).text) as { data: Record<string, string> };

      expect(data["username"]).to.equal("test@pbs");
      expect(data["ticket"]).to.match(/^PBS:test@pbs:[0-9A-F]{8}::[A-Za-z0-9+/]{86}$/);
      expect(data["CSRFPreventionToken"]).to.match(/^[0-9A-F]{8}:[A-Za-z0-9+/]{43}$/);
    }
  });

  it("has the members of the status that the genuine server has", async () => {
    const call = recorded.find(({ name }) => name === "status")!;
    const { data } = JSON.parse((await replay(call)).text) as { data: Record<string, object> };
    const wanted = JSON.parse(call.response.body_text!) as { data: Record<string, object> };

    expect(data).to.have.all.keys(Object.keys(wanted.data));
    expect(data["counts"]).to.have.all.keys(Object.keys(wanted.data["counts"]!));
    expect(data["gc-status"]).to.include.keys(Object.keys(wanted.data["gc-status"]!));
  });
});

/** Arrays whose order means nothing, sorted; other values as they are. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(normal).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, normal(member)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Leaves out what later changes to the fixture's datastore have changed: notes, verification, size of the manifest. */
function shrink(entry: object): unknown {
  const rest: Record<string, unknown> = { ...entry };
  const name = rest["filename"];
  const changing = ["verification", "comment", "backup-count", "last-backup"];
  if (name === undefined || name === "index.json.blob") changing.push("size");
  for (const member of changing) Reflect.deleteProperty(rest, member);
  const { files } = rest;
  if (Array.isArray(files)) {
    rest["files"] = files
      .map((file: string | { filename: string }) =>
        typeof file === "string" ? file : file.filename,
      )
      .filter((file) => file !== "client.log.blob");
  }
  return normal(rest);
}
