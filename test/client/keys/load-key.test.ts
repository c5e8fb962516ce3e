import { chmod, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { type KeyAccess, loadKey, readKeyText } from "../../../src/client/keys/load-key.ts";
import { createNativeProvider } from "../../../src/format/crypto/native-provider.ts";
import { PAPER_KEY_BYTES_MAX } from "../../../src/format/limits.ts";
import { documentedKey } from "../../support/key-vectors.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

const known = documentedKey();
const provider = createNativeProvider();

describe("client/keys/load-key", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let path: string;
  let warnings: string[];

  beforeEach(async () => {
    folder = await tempDir();
    path = join(folder.path, "k.json");
    warnings = [];
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  function accessWith(passphrase: KeyAccess["passphrase"]): KeyAccess {
    return { provider, passphrase, warn: (text) => warnings.push(text) };
  }

  const asked = new Error("asked");
  const asksNothing = accessWith(async () => await Promise.reject(asked));

  it("opens a key that lies in the clear without asking", async () => {
    await writeFile(path, known.keyfile_none, { mode: 0o600 });

    const loaded = await loadKey(asksNothing, { kind: "file", path });

    expect(loaded).to.deep.include({ fingerprint: known.fingerprint, origin: `'${path}'` });
    expect(Buffer.from(loaded.key.encKey).toString("hex")).to.equal(known.encryption_key_hex);
    expect(warnings).to.deep.equal([]);
  });

  it("opens a key with the passphrase it is given, and overwrites that", async () => {
    await writeFile(path, known.pbkdf2.keyfile, { mode: 0o600 });
    const passphrase = new TextEncoder().encode(known.passphrase);
    const access = accessWith(async () => await Promise.resolve(passphrase));

    const { fingerprint } = await loadKey(access, { kind: "default", path });

    expect(fingerprint).to.equal(known.fingerprint);
    expect(passphrase).to.deep.equal(new Uint8Array(known.passphrase.length));
  });

  it("opens a key from the text of a paper key", async () => {
    const paper = new URL("../../../fixtures/keys/paperkey-none.txt", import.meta.url);

    const loaded = await loadKey(asksNothing, { kind: "file", path: fileURLToPath(paper) });

    expect(loaded.fingerprint).to.match(/^df:90:f8:66/);
  });

  it("reads a key from a descriptor", async () => {
    await writeFile(path, known.keyfile_none);
    const handle = await open(path);
    const descriptor = String(handle.fd);

    const loaded = await loadKey(asksNothing, { kind: "descriptor", descriptor });

    expect(loaded).to.deep.include({
      fingerprint: known.fingerprint,
      origin: `file descriptor ${descriptor}`,
    });
    await handle.close().catch(() => undefined); // The reader closed it.
  });

  it("warns of a key file that others may read", async () => {
    await writeFile(path, known.keyfile_none);
    await chmod(path, 0o640);

    await loadKey(asksNothing, { kind: "file", path });

    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.include(path).and.include("0640");
  });

  it("rejects with KEY_UNREADABLE, and the cause, what is not there or too long", async () => {
    await writeFile(path, "x".repeat(PAPER_KEY_BYTES_MAX + 1));

    const missing = await rejection(readKeyText({ kind: "file", path: "/nowhere/k" }, undefined));
    expect(missing).to.have.property("code", "KEY_UNREADABLE");
    expect(missing).to.have.nested.property("cause.code", "ENOENT");
    for (const source of [
      { kind: "file", path } as const,
      { kind: "file", path: folder.path } as const,
      { kind: "file", path: "/dev/zero" } as const,
      { kind: "descriptor", descriptor: "abc" } as const,
    ]) {
      expect(await rejection(readKeyText(source, undefined))).to.have.property(
        "code",
        "KEY_UNREADABLE",
      );
    }
  });
});
