import { createHash } from "node:crypto";
import { cp, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

import { eventually } from "../../support/eventually.ts";
import { rawCall, rawConnect } from "../../support/raw-client.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";
import { tempDir } from "../../support/temp-dir.ts";

interface TreeEntry {
  readonly path: string;
  readonly mode: string;
  readonly size?: number;
  readonly sha256?: string;
}

interface Expected {
  readonly snapshot: string;
  readonly content: Readonly<Record<string, { readonly restored_tree?: readonly TreeEntry[] }>>;
}

const fixtures = fileURLToPath(new URL("../../../fixtures/datastore-real/", import.meta.url));
const TIME = 1_717_597_476;

describe("server/api downloads", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;

  before(async () => {
    folder = await tempDir();
    const storePath = join(folder.path, "store1");
    await cp(join(fixtures, "store"), storePath, { recursive: true });
    server = await startTestServer({ storePath });
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function get(path: string, id: string): ReturnType<typeof rawCall> {
    const query = `backup-type=host&backup-id=${id}&backup-time=${TIME}`;
    const { authorization } = server;
    return await rawCall(server.port, `GET /api2/json/admin/datastore/store1/${path}&${query}`, {
      headers: { authorization },
    });
  }

  const escaped = (path: string): string =>
    encodeURIComponent(Buffer.from(path).toString("base64"));

  it("gives every file of a split archive, with either of its names", async () => {
    const all = JSON.parse(await readFile(join(fixtures, "expected.json"), "utf8")) as Expected[];
    const entry = all.find(({ snapshot }) => snapshot === "host/v4meta/2024-06-05T14:24:36Z");
    const files = (entry?.content["tiny.mpxar"]?.restored_tree ?? []).filter(
      ({ sha256 }) => sha256 !== undefined,
    );
    expect(files).to.have.length(3);

    for (const archive of ["tiny.mpxar.didx", "tiny.pxar.didx"]) {
      for (const { path, sha256 } of files) {
        const filepath = escaped(`/${archive}/${path}`);
        const answer = await get(`pxar-file-download?filepath=${filepath}`, "v4meta");
        expect(createHash("sha256").update(answer.body).digest("hex"), path).to.equal(sha256);
      }
    }
  });

  it("lists directories of a split archive, which has no catalogue", async () => {
    const answer = await get(`catalog?filepath=${escaped("/tiny.mpxar.didx")}`, "v4meta");

    const { data } = JSON.parse(answer.text) as { data: { text: string; type: string }[] };
    expect(data.map(({ text, type }) => `${type} ${text}`)).to.deep.equal([
      "f a.txt",
      "d d",
      "l l",
      "f r70000",
    ]);
  });

  it("decodes an image", async () => {
    const answer = await get("download-decoded?file-name=disk.img.fidx", "golden-plain");

    expect(answer.body).to.have.length(9_441_280);
  });

  it("says what it cannot do", async () => {
    const refusal = async (path: string, id: string): Promise<string> => {
      const { status, text } = await get(path, id);
      return `${status} ${text}`;
    };

    expect(
      await refusal(
        `pxar-file-download?filepath=${escaped("/links.pxar.didx/x")}`,
        "golden-encrypted",
      ),
    ).to.equal("400 cannot decode 'links.pxar.didx' - is encrypted");
    expect(
      await refusal("download-decoded?file-name=qemu-server.conf.blob", "golden-encrypted"),
    ).to.equal("400 cannot decode 'qemu-server.conf.blob' - is encrypted");
    expect(
      await refusal(`pxar-file-download?filepath=${escaped("/tiny.mpxar.didx/d")}`, "v4meta"),
    ).to.match(/^400 this server does not pack directories/);
    expect(
      await refusal(`pxar-file-download?filepath=${escaped("/tiny.mpxar.didx/no")}`, "v4meta"),
    ).to.equal("404 no such file or directory: '/no'");
    expect(await refusal("download?file-name=no.blob", "v4meta")).to.match(/^404 /);
  });

  it("closes the file of a download whose client went away", async () => {
    const { authorization, port } = server;
    const socket = await rawConnect(port);
    socket.write(
      `GET /api2/json/admin/datastore/store1/download?backup-type=host&backup-id=golden-plain&backup-time=${TIME}&file-name=disk.img.fidx HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`,
    );
    socket.destroy();

    await eventually(async () => {
      const names = await readdir("/proc/self/fd");
      const targets = await Promise.all(
        names.map(async (name) => await readlink(`/proc/self/fd/${name}`).catch(() => "")),
      );
      return !targets.some((target) => target.endsWith("/disk.img.fidx"));
    });
  });
});
