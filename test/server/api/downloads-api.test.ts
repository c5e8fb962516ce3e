import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import {
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";

import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
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

interface SourceEntry {
  readonly path_hex: string;
  readonly type: string;
  readonly mode: string;
  readonly size?: number;
  readonly mtime_secs: number;
  readonly target_hex?: string;
  readonly hardlink_to_hex?: string;
}

const run = promisify(execFile);
const fixtures = fileURLToPath(new URL("../../../fixtures/datastore-real/", import.meta.url));
const TIME = 1_717_597_476;

describe("server/api downloads", () => {
  let temp: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;

  before(async () => {
    temp = await tempDir();
    const storePath = join(temp.path, "store1");
    await cp(join(fixtures, "store"), storePath, { recursive: true });
    server = await startTestServer({ storePath });
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await temp[Symbol.asyncDispose]();
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

  /** Downloads a folder, unpacks it with the system's program, and gives the place. */
  async function unpacked(folder: string, id: string, format: "zip" | "tar"): Promise<string> {
    const place = join(temp.path, `${format}-${id}-${folder.replaceAll("/", "_")}`);
    await mkdir(place);
    const tar = format === "tar" ? "&tar=1" : "";
    const answer = await get(`pxar-file-download?filepath=${escaped(folder)}${tar}`, id);
    expect(answer.status).to.equal(200);
    const file = `${place}.${format}`;
    if (format === "zip") {
      await writeFile(file, answer.body);
      const script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
      await run("python3", ["-c", script, file, place]);
    } else {
      await writeFile(file, createNativeProvider().zstdDecompress(answer.body, 2 ** 30));
      await run("tar", ["-C", place, "-xpf", file]);
    }
    return place;
  }

  for (const format of ["zip", "tar"] as const) {
    it(`packs the root of a split archive into a ${format} file`, async () => {
      const all = JSON.parse(await readFile(join(fixtures, "expected.json"), "utf8")) as Expected[];
      const entry = all.find(({ snapshot }) => snapshot === "host/v4meta/2024-06-05T14:24:36Z");
      const files = (entry?.content["tiny.mpxar"]?.restored_tree ?? []).filter(
        ({ sha256 }) => sha256 !== undefined,
      );

      const place = await unpacked("/tiny.mpxar.didx", "v4meta", format);

      expect(files).to.have.length(3);
      for (const { path, sha256 } of files) {
        const content = await readFile(join(place, path));
        expect(createHash("sha256").update(content).digest("hex"), path).to.equal(sha256);
      }
    });

    it(`packs a folder of an archive of version 1 into a ${format} file, with its own name`, async () => {
      const filepath = escaped("/mixed.pxar.didx/etc/hosts");
      const hosts = await get(`pxar-file-download?filepath=${filepath}`, "golden-plain");

      const place = await unpacked("/mixed.pxar.didx/etc", "golden-plain", format);

      expect(await readdir(place)).to.deep.equal(["etc"]);
      expect(await readFile(join(place, "etc/hosts"))).to.deep.equal(Buffer.from(hosts.body));
    });
  }

  it("keeps kinds, links, modes and times in a tar file", async () => {
    const source = JSON.parse(
      await readFile(new URL("../../../fixtures/pxar/v1/mixed.json", import.meta.url), "utf8"),
    ) as { source_entries_in_archive_order: readonly SourceEntry[] };

    const place = await unpacked("/mixed.pxar.didx", "golden-plain", "tar");

    const entries = source.source_entries_in_archive_order.filter(({ type }) => type !== "socket");
    for (const entry of entries) {
      const path = Buffer.from(entry.path_hex, "hex").toString();
      if (path === "") continue;
      const status = await lstat(join(place, path));
      expect(status.size, path).to.equal(entry.size ?? status.size);
      if (entry.type === "symlink") {
        const target = Buffer.from(entry.target_hex ?? "", "hex").toString();
        expect(await readlink(join(place, path))).to.equal(target);
      } else if (entry.type === "hardlink") {
        const first = Buffer.from(entry.hardlink_to_hex ?? "", "hex").toString();
        expect(status.ino).to.equal((await lstat(join(place, first))).ino);
      } else {
        expect(status.mode.toString(8), path).to.equal(entry.mode.replace(/^0o?/, ""));
        expect(Math.floor(status.mtimeMs / 1000), path).to.equal(entry.mtime_secs);
      }
    }
  });

  it("never gives a folder with damaged chunks out as if it were whole", async () => {
    const broken = join(temp.path, "broken");
    await cp(join(fixtures, "store"), broken, { recursive: true });
    await using other = await startTestServer({ storePath: broken });
    const chunks = join(broken, ".chunks");
    for (const name of await readdir(chunks)) {
      for (const chunk of await readdir(join(chunks, name))) {
        await truncate(join(chunks, name, chunk), 20);
      }
    }
    const query = `backup-type=host&backup-id=golden-plain&backup-time=${TIME}`;
    const path = `pxar-file-download?filepath=${escaped("/mixed.pxar.didx")}&${query}`;

    const answer = await rawCall(other.port, `GET /api2/json/admin/datastore/store1/${path}`, {
      headers: { authorization: other.authorization },
    }).catch(() => undefined);

    expect(answer?.status).to.not.equal(200);
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
      await refusal(`pxar-file-download?filepath=${escaped("/tiny.mpxar.didx/l")}`, "v4meta"),
    ).to.equal("400 cannot download a symlink");
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
