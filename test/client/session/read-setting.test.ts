import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { readClientConfig } from "../../../src/client/config.ts";
import { readSetting, splitWords } from "../../../src/client/session/read-setting.ts";
import { rejection } from "../../support/rejection.ts";

describe("client/session/read-setting", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "amber-setting-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("takes the first source in the order plain, descriptor, file, command", async () => {
    const file = join(folder, "secret");
    writeFileSync(file, "from file\nsecond line\n");
    const sources = { file, command: "echo from command" };

    expect(await readSetting({ ...sources, value: "plain\nrest" }, "password")).to.equal("plain");
    expect(await readSetting(sources, "password")).to.equal("from file");
  });

  it("reads the first line of a descriptor", async () => {
    const file = join(folder, "secret");
    writeFileSync(file, "from descriptor\r\nrest");
    const descriptor = String(openSync(file, "r"));

    expect(await readSetting({ descriptor, file: "/nowhere" }, "password")).to.equal(
      "from descriptor",
    );
  });

  it("runs a command without a shell", async () => {
    const value = await readSetting({ command: "printf '%s\\n' '$HOME two'" }, "password");

    expect(value).to.equal("$HOME two");
  });

  it("takes an empty value for a value", async () => {
    expect(await readSetting({ value: "", command: "false" }, "password")).to.equal("");
  });

  it("uses a systemd credential whole, after the variables", async () => {
    const credential = join(folder, "proxmox-backup-client.password");
    writeFileSync(credential, "one\ntwo");
    const config = readClientConfig({ CREDENTIALS_DIRECTORY: folder });

    expect(await readSetting(config.password, "password")).to.equal("one\ntwo");
    expect(await readSetting(config.repository, "repository")).to.equal(undefined);
  });

  it("does not repeat a secret when its source fails", async () => {
    const error = await rejection(readSetting({ command: "false s3cret" }, "password"));

    expect(error).to.have.property("code", "SESSION_CREDENTIALS_UNREADABLE");
    expect((error as Error).message).to.equal("Cannot read the password");
  });

  it("splits words with quotes and backslashes", () => {
    expect(splitWords(`a "b c" 'd "e' f\\ g "" "\\"x\\n"`)).to.deep.equal([
      "a",
      "b c",
      'd "e',
      "f g",
      "",
      '"x\\n',
    ]);
  });
});
