import { copyFile, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import {
  existingMasterKey,
  importMasterPublicKey,
  makeMasterKey,
  readMasterPublicKey,
} from "../../../src/client/keys/make-master-key.ts";
import { openMasterPrivateKey } from "../../../src/format/crypto/master-key.ts";
import { fakeKeyTools } from "../../support/key-tools.ts";
import { keyFixture } from "../../support/key-vectors.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const officialPath = fileURLToPath(
  new URL("../../../fixtures/keys/master-public.pem", import.meta.url),
);

describe("client/keys/make-master-key", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;

  beforeEach(async () => {
    folder = await tempDir();
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  it("writes a private key that only its owner may read, and the public key of it", async () => {
    const tools = fakeKeyTools(folder.path, { answers: ["masterpass", "masterpass"] });

    const { publicPath, privatePath } = await makeMasterKey(tools, folder.path);

    const pem = await readFile(privatePath, "utf8");
    const opened = openMasterPrivateKey(pem, new TextEncoder().encode("masterpass"));
    const { key } = await readMasterPublicKey(publicPath);
    expect(opened.export({ format: "jwk" }).n).to.equal(key.key.export({ format: "jwk" }).n);
    expect((await stat(privatePath)).mode & 0o777).to.equal(0o600);
    expect((await readdir(folder.path)).sort()).to.deep.equal([
      "master-private.pem",
      "master-public.pem",
    ]);
  });

  it("touches neither file that exists, and asks nothing first", async () => {
    for (const name of ["master-public.pem", "master-private.pem"]) {
      await using place = await tempDir();
      await writeFile(join(place.path, name), "precious");
      const tools = fakeKeyTools(folder.path, { answers: [] });

      expect(await rejection(makeMasterKey(tools, place.path))).to.have.property(
        "code",
        "KEY_EXISTS",
      );
      expect(await readdir(place.path)).to.deep.equal([name]);
    }
  });

  it("makes a public key the default one, once or again, but not in place of another", async () => {
    const tools = fakeKeyTools(join(folder.path, "home"));

    const place = await importMasterPublicKey(tools, officialPath);

    expect(await readFile(place, "utf8")).to.equal(keyFixture("keys/master-public.pem"));
    expect(await existingMasterKey(tools.config, undefined)).to.equal(place);
    expect(await importMasterPublicKey(tools, officialPath)).to.equal(place);
    await writeFile(place, "precious");
    expect(await rejection(importMasterPublicKey(tools, officialPath))).to.have.property(
      "code",
      "KEY_EXISTS",
    );
    expect(await readFile(place, "utf8")).to.equal("precious");
  });

  it("imports no private key", async () => {
    const path = join(folder.path, "private.pem");
    await copyFile(officialPath.replace("public", "private"), path);
    const tools = fakeKeyTools(folder.path);

    expect(await rejection(importMasterPublicKey(tools, path))).to.have.property(
      "code",
      "KEY_MASTER_UNUSABLE",
    );
  });

  it("fails without a default master key", async () => {
    const { config } = fakeKeyTools(folder.path);

    expect(await rejection(existingMasterKey(config, undefined))).to.have.property(
      "code",
      "KEY_MISSING",
    );
  });
});
