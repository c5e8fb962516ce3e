import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { virsh } from "../../../src/client/vm/virsh.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

describe("client/vm/virsh", () => {
  const { PATH } = process.env;

  afterEach(() => {
    process.env["PATH"] = PATH;
  });

  async function failureOf(script: string): Promise<unknown> {
    await using folder = await tempDir();
    writeFileSync(join(folder.path, "virsh"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    process.env["PATH"] = `${folder.path}:${PATH ?? ""}`;
    return await rejection(virsh(["domuuid", "--domain", "web"], { domain: "web" }));
  }

  it("ends a virsh that writes without end", async () => {
    const error = await failureOf("exec yes");

    expect(error).to.include({ code: "VM_TOOL_FAILED" });
    expect(String(error)).to.include("it writes more than 16777216 bytes");
  });

  it("says what virsh says", async () => {
    const error = await failureOf("echo 'no domain with that name' >&2; exit 1");

    expect(error).to.include({ code: "VM_TOOL_FAILED" });
    expect(String(error)).to.include("no domain with that name");
  });
});
