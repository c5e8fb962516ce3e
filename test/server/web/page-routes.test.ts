import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { expect } from "chai";

import { rawCall } from "../../support/raw-client.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";
import { tempDir } from "../../support/temp-dir.ts";

const script = "console.log('hello');\n".repeat(20);

describe("server/web/page-routes", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;
  before(async () => {
    folder = await tempDir();
    const web = join(folder.path, "built");
    await mkdir(join(web, "assets"), { recursive: true });
    await writeFile(join(web, "index.html"), '<meta name="style-nonce" content="%STYLE_NONCE%">');
    await writeFile(join(web, "assets", "main-1234.js"), script);
    await writeFile(join(web, "assets", "main-1234.js.gz"), gzipSync(script));
    await writeFile(join(web, "favicon.svg"), "<svg/>");
    server = await startTestServer({ webDirectory: web });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const get = async (
    path: string,
    headers: Readonly<Record<string, string>> = {},
    method = "GET",
  ): ReturnType<typeof rawCall> => await rawCall(server.port, `${method} ${path}`, { headers });

  it("gives the page with a policy of its own for every answer, and never lets it be stored", async () => {
    const [first, second] = [await get("/"), await get("/")];

    const nonce = /content="([\w-]{24})"/.exec(first.text)?.[1] ?? "none";
    expect(first.headers["content-security-policy"]).to.include(`'nonce-${nonce}'`);
    expect(second.text).not.to.include(nonce);
    expect(first.headers["cache-control"]).to.equal("no-store");
    expect(first.headers["content-security-policy"]).not.to.include("unsafe");
  });

  it("gives files compressed to those who can read that, and for ever when named by content", async () => {
    const packed = await get("/assets/main-1234.js", { "accept-encoding": "gzip, br" });
    const plain = await get("/assets/main-1234.js", { "accept-encoding": "gzip;q=0" });

    expect(packed.headers).to.include({
      "content-encoding": "gzip",
      "content-type": "text/javascript;charset=UTF-8",
      "cache-control": "public, max-age=31536000, immutable",
      vary: "accept-encoding",
      "x-content-type-options": "nosniff",
    });
    expect(packed.body.equals(gzipSync(script))).to.equal(true);
    expect(plain.text).to.equal(script);
    expect(plain.headers).not.to.have.property("content-encoding");
    expect((await get("/favicon.svg")).headers["cache-control"]).to.equal("no-cache");
  });

  it("has no file but those that were built", async () => {
    for (const path of ["/assets/main-1234.js.gz", "/assets/../index.html", "/index.html", "/x"]) {
      expect((await get(path)).status, path).to.be.oneOf([400, 404]);
    }
  });

  it("says at / that there is no page when none was built, and serves the API", async () => {
    await using bare = await startTestServer();

    const answer = await rawCall(bare.port, "GET /", {});
    const ping = await rawCall(bare.port, "GET /api2/json/ping", {});

    expect(answer.status).to.equal(404);
    expect(answer.text).to.include("npm run build");
    expect(ping.status).to.equal(200);
  });
});
