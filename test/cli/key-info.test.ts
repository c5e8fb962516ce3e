import { expect } from "chai";

import { keyInfo, masterKeyInfo } from "../../src/cli/key-info.ts";
import { type TableStyle } from "../../src/cli/table.ts";
import { parseKeyFile } from "../../src/format/crypto/key-file.ts";
import { parseMasterPublicKey } from "../../src/format/crypto/master-key.ts";
import { keyFixture } from "../support/key-vectors.ts";

const style: TableStyle = { border: "none", hasHeader: false };
const shown = JSON.parse(keyFixture("keys/key-show.json")) as Record<string, object>;

describe("cli/key-info", () => {
  it("tells about every key file what the official client tells", () => {
    for (const [name, official] of Object.entries(shown)) {
      if (name === "master-public.pem") continue;
      const file = parseKeyFile(keyFixture(`keys/${name}`));

      const ours = keyInfo(name, file, { format: "json", style });

      expect(ours).to.equal(`${JSON.stringify(official)}\n`);
    }
  });

  it("tells about a master key what the official client tells", () => {
    const key = parseMasterPublicKey(keyFixture("keys/master-public.pem"));

    const ours = masterKeyInfo("/golden/keys/master-public.pem", key, { format: "json", style });

    expect(ours).to.equal(`${JSON.stringify(shown["master-public.pem"])}\n`);
  });

  it("shows times to people as times", () => {
    const file = parseKeyFile(keyFixture("keys/key-scrypt.json"));

    const text = keyInfo("k.json", file, { format: "text", style });

    expect(text).to.match(/^created +2026-11-20T09:47:38Z$/m);
    expect(text).to.match(/^hint +the xkcd one$/m);
    expect(text).to.match(/^path +k\.json$/m);
  });
});
