import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { pamAuthenticate } from "../../src/linux/pam-authenticate.ts";
import { skipBecause } from "../support/skip-because.ts";
import { tempDir } from "../support/temp-dir.ts";

const SERVICE = "proxmox-backup-auth";

/** The system's libpam with a stack of its own: a module that asks for a password and gives it to a program. */
describe("linux/pam-authenticate", function () {
  let folder: Awaited<ReturnType<typeof tempDir>>;

  before(async function () {
    folder = await tempDir();
    const program = join(folder.path, "check.sh");
    const check = `[ "$PAM_USER" = alice ] && [ "$(tr -d '\\000')" = 'the "password"' ]`;
    await writeFile(program, `#!/bin/sh\n${check}\n`);
    await chmod(program, 0o755);
    await stack(`auth required pam_exec.so expose_authtok quiet ${program}`, "pam_permit.so");
    if ((await ask("alice", "x")) === "missing") skipBecause(this, "there is no libpam");
  });

  after(async () => {
    await folder[Symbol.asyncDispose]();
  });

  async function stack(auth: string, account: string): Promise<void> {
    await writeFile(join(folder.path, SERVICE), `${auth}\naccount required ${account}\n`);
  }

  async function ask(user: string, password: string): Promise<string> {
    return await pamAuthenticate({
      service: SERVICE,
      user,
      password,
      configDirectory: folder.path,
    });
  }

  it("gives the password to the modules, and says what they say", async () => {
    expect(await ask("alice", 'the "password"')).to.equal("right");
    expect(await ask("alice", "another")).to.equal("wrong");
    expect(await ask("bob", 'the "password"')).to.equal("wrong");
    expect(await ask("alice", 'the "password"\0')).to.equal("wrong");
  });

  it("asks several at the same time", async () => {
    const answers = await Promise.all(
      ['the "password"', "b", 'the "password"', "d"].map(async (each) => await ask("alice", each)),
    );

    expect(answers).to.deep.equal(["right", "wrong", "right", "wrong"]);
  });

  it("refuses a right password of an account that must not be used, and what is not configured", async () => {
    await stack("auth required pam_permit.so", "pam_deny.so");
    expect(await ask("alice", "x")).to.equal("wrong");

    await writeFile(join(folder.path, SERVICE), "");
    expect(await ask("alice", 'the "password"')).to.equal("wrong");
  });
});
