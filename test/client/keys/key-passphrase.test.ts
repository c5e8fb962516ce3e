import { expect } from "chai";

import { keyPassphrase } from "../../../src/client/keys/key-passphrase.ts";
import { type Prompts } from "../../../src/client/session/terminal-prompts.ts";
import { rejection } from "../../support/rejection.ts";

function answering(answer: string): Prompts {
  return {
    password: async () => await Promise.resolve(answer),
    confirmFingerprint: async () => await Promise.resolve(false),
  };
}

describe("client/keys/key-passphrase", () => {
  it("prefers the environment to the terminal, and gives UTF-8", async () => {
    const passphrase = await keyPassphrase({ value: "Pässwörd→日本" }, answering("typed"));

    expect(Buffer.from(passphrase).toString()).to.equal("Pässwörd→日本");
  });

  it("asks on the terminal when nothing is set", async () => {
    const passphrase = await keyPassphrase({}, answering("typed"));

    expect(Buffer.from(passphrase).toString()).to.equal("typed");
  });

  it("rejects with KEY_PASSPHRASE_MISSING when there is nobody to ask", async () => {
    expect(await rejection(keyPassphrase({}, undefined))).to.have.property(
      "code",
      "KEY_PASSPHRASE_MISSING",
    );
  });
});
