import { expect } from "chai";

import { newPassphrase } from "../../../src/client/keys/new-passphrase.ts";
import { typing } from "../../support/key-tools.ts";
import { rejection } from "../../support/rejection.ts";

const asked = { variable: "PBS_ENCRYPTION_PASSWORD", question: "New:" };

describe("client/keys/new-passphrase", () => {
  it("takes the variable's, else what is typed twice, as UTF-8", async () => {
    const prompts = typing(["Pässwörd", "Pässwörd"]);

    const fromVariable = await newPassphrase({ ...asked, settings: { value: "secret" }, prompts });
    const typed = await newPassphrase({ ...asked, settings: {}, prompts });

    expect(Buffer.from(fromVariable).toString()).to.equal("secret");
    expect(Buffer.from(typed).toString()).to.equal("Pässwörd");
  });

  it("rejects two that differ, and one that is too short before asking again", async () => {
    const differing = typing(["secret", "Secret"]);
    const short = typing(["1234"]);

    expect(
      await rejection(newPassphrase({ ...asked, settings: {}, prompts: differing })),
    ).to.have.property("code", "KEY_PASSPHRASE_MISMATCH");
    for (const settings of [{}, { value: "" }]) {
      expect(
        await rejection(newPassphrase({ ...asked, settings, prompts: short })),
      ).to.have.property("code", "KEY_PASSPHRASE_SHORT");
    }
  });

  it("rejects with KEY_PASSPHRASE_MISSING when there is nobody to ask, naming the variable", async () => {
    const error = (await rejection(
      newPassphrase({ ...asked, settings: {}, prompts: undefined }),
    )) as Error;

    expect(error).to.have.property("code", "KEY_PASSPHRASE_MISSING");
    expect(error.message).to.include("PBS_ENCRYPTION_PASSWORD");
  });
});
