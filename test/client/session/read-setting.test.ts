import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { describeFailure } from "../../../src/cli/run-command.ts";
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
    for (const [command, reason] of [
      ["false s3cret", '"false" failed: exit status 1'],
      [`sh -c "echo s3cret; echo s3cret >&2; exit 3"`, '"sh" failed: exit status 3'],
      ["/no/such/program s3cret", '"/no/such/program" failed: ENOENT'],
    ] as const) {
      const error = await rejection(readSetting({ command }, "password"));

      expect(error).to.have.property("code", "SESSION_CREDENTIALS_UNREADABLE");
      expect(describeFailure(error)).to.equal(
        `Error: Cannot read the password\n  Caused by: ${reason}`,
      );
    }
  });

  it("refuses what is not UTF-8, wherever it comes from", async () => {
    const file = join(folder, "latin");
    writeFileSync(file, Buffer.from("gr\xfc\xdfe", "latin1"));
    const descriptor = String(openSync(file, "r"));
    const command = `cat ${file}`;

    for (const sources of [{ file }, { descriptor }, { command }, { credentialFile: file }]) {
      const error = await rejection(readSetting(sources, "password"));

      expect(error).to.have.property("code", "SESSION_CREDENTIALS_UNREADABLE");
      expect((error as Error).cause).to.have.property("message", "it is not UTF-8");
    }
    writeFileSync(file, "größe");
    expect(await readSetting({ file }, "password")).to.equal("größe");
  });

  it("reads no more of a file than a password can be long", async () => {
    const error = await rejection(readSetting({ file: "/dev/zero" }, "password"));

    expect((error as Error).cause).to.have.property("message", "the value is too long");
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
