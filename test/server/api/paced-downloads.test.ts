import { cp } from "node:fs/promises";
import { join } from "node:path";
import { type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { rawCall, rawConnect } from "../../support/raw-client.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { otherToken, startTestServer, type TestServer } from "../../support/test-server.ts";

const fixture = fileURLToPath(new URL("../../../fixtures/datastore-real/store", import.meta.url));

/** One user may get a byte a second, so that what waits would wait for hours; another one is not limited. */
const rules = "rule: slow\n\tnetwork 127.0.0.0/8\n\tusers admin@pbs\n\trate-out 1\n\tburst-out 1\n";

const snapshot = "backup-type=host&backup-id=golden-plain&backup-time=1717597476";
const folderPath = Buffer.from("/mixed.pxar.didx/").toString("base64");
const downloads = {
  stored: `admin/datastore/store1/download?file-name=mixed.pxar.didx&${snapshot}`,
  decoded: `admin/datastore/store1/download-decoded?file-name=mixed.pxar.didx&${snapshot}`,
  blob: `admin/datastore/store1/download-decoded?file-name=index.json.blob&${snapshot}`,
  folder: `admin/datastore/store1/pxar-file-download?filepath=${encodeURIComponent(folderPath)}&${snapshot}`,
  chunk: `amber/datastore/store1/chunk?file-name=mixed.pxar.didx&position=0&${snapshot}`,
};

describe("server/api downloads under traffic control", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;
  let free: string;

  before(async () => {
    folder = await tempDir();
    const storePath = join(folder.path, "store1");
    await cp(fixture, storePath, { recursive: true });
    server = await startTestServer({ storePath, extraConfig: { "traffic-control.cfg": rules } });
    free = (await otherToken(server, "DatastoreReader")).authorization;
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Asks for something and gives the connection with what came over it, which grows. */
  async function ask(path: string): Promise<{ socket: TLSSocket; answer: () => string }> {
    const socket = await rawConnect(server.port);
    let text = "";
    socket.on("data", (part: Buffer) => (text += part.toString("latin1")));
    const { authorization } = server;
    socket.write(
      `GET /api2/json/${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`,
    );
    return { socket, answer: () => text };
  }

  for (const [what, path] of Object.entries(downloads)) {
    it(`lets a ${what} wait for those whom a rule is about, and for nobody else`, async () => {
      const { socket, answer } = await ask(path);
      const whole = await rawCall(server.port, `GET /api2/json/${path}`, {
        headers: { authorization: free },
      });

      expect(whole.status, whole.text.slice(0, 200)).to.equal(200);
      expect(whole.body.length).to.be.above(1);
      const [, body = ""] = answer().split("\r\n\r\n");
      expect(body.replace(/^[0-9a-f]+\r\n/, "")).to.equal("");
      socket.destroy();
    });
  }
});
