import { expect } from "chai";

import { officialExitStatus } from "../../../src/cli/official/official-exit-status.ts";
import { personalityOf, programStyle } from "../../../src/cli/official/personality.ts";
import { describeFailure } from "../../../src/cli/run-command.ts";

describe("cli/official/personality", () => {
  it("is the program whose name it was started under", () => {
    const link = ["node", "/usr/bin/proxmox-backup-client", "list"];

    expect(personalityOf(link)).to.deep.equal({ name: "proxmox-backup-client", args: ["list"] });
    expect(programStyle(link)).to.equal("official");
  });

  it("is the program that the first argument names", () => {
    const argv = ["node", "/opt/amber/bin/amber.js", "proxmox-backup-client", "list"];

    expect(personalityOf(argv)).to.deep.equal({ name: "proxmox-backup-client", args: ["list"] });
  });

  it("is amber otherwise", () => {
    const argv = ["node", "/opt/amber/bin/amber.js", "list", "proxmox-backup-client"];

    expect(personalityOf(argv).name).to.equal("amber");
    expect(programStyle(argv)).to.equal("amber");
  });

  it("knows only two exit statuses under an official name", () => {
    const statuses = [undefined, 0, 3, 1, 130].map((status) => officialExitStatus(status));

    expect(statuses).to.deep.equal([0, 0, 0, 255, 255]);
  });

  it("prints causes as a block under an official name", () => {
    const inner = new Error("disk is gone");
    const one = new Error("cannot read", { cause: inner });
    const two = new Error("cannot restore", { cause: one });

    expect(describeFailure(inner, "official")).to.equal("Error: disk is gone");
    expect(describeFailure(one, "official")).to.equal(
      "Error: cannot read\n\nCaused by:\n    disk is gone",
    );
    expect(describeFailure(two, "official")).to.equal(
      "Error: cannot restore\n\nCaused by:\n    0: cannot read\n    1: disk is gone",
    );
  });
});
