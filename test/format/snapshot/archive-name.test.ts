import { expect } from "chai";
import {
  archiveKindOf,
  archiveNameOf,
  findArchive,
  parseArchiveName,
  shortArchiveName,
  splitArchiveNames,
} from "../../../src/format/snapshot/archive-name.ts";
import { thrown } from "../../support/thrown.ts";

describe("format/snapshot/archive-name", () => {
  it("maps what users call an archive to what servers call it", () => {
    for (const [short, full, kind] of [
      ["root.pxar", "root.pxar.didx", "dynamic"],
      ["root.mpxar", "root.mpxar.didx", "dynamic"],
      ["root.ppxar", "root.ppxar.didx", "dynamic"],
      ["catalog.pcat1", "catalog.pcat1.didx", "dynamic"],
      ["disk.img", "disk.img.fidx", "fixed"],
      ["etc.conf", "etc.conf.blob", "blob"],
      ["index.json", "index.json.blob", "blob"],
      ["rsa-encrypted.key", "rsa-encrypted.key.blob", "blob"],
      ["client.log", "client.log.blob", "blob"],
    ] as const) {
      const name = archiveNameOf(short);

      expect(name).to.equal(full);
      expect(archiveNameOf(full)).to.equal(full);
      expect(archiveKindOf(name)).to.equal(kind);
      expect(shortArchiveName(name)).to.equal(short);
    }
  });

  it("rejects other endings and names that are no file names", () => {
    for (const text of ["root", "blob", "a.txt", "a.zip.didx/x", "../a.blob", ".blob", ""]) {
      expect(
        thrown(() => archiveNameOf(text)),
        text,
      ).to.have.property("code", "FORMAT_INVALID");
    }
    for (const text of ["root.pxar", "didx", "a.fidx.tmp", "a b.blob"]) {
      expect(
        thrown(() => parseArchiveName(text)),
        text,
      ).to.have.property("code", "FORMAT_INVALID");
    }
  });

  it("finds unsplit archives, split pairs, images and blobs", () => {
    const { metadata, payload } = splitArchiveNames("root");
    const unified = parseArchiveName("root.pxar.didx");
    const conf = parseArchiveName("etc.conf.blob");
    const pair = { main: metadata, payload };

    expect(findArchive(new Set([metadata, payload]), "root.pxar")).to.deep.equal(pair);
    expect(findArchive(new Set([metadata, payload]), "root.mpxar")).to.deep.equal(pair);
    expect(findArchive(new Set([metadata, payload]), "root.pxar.didx")).to.deep.equal(pair);
    expect(findArchive(new Set([unified, metadata, payload]), "root.pxar")).to.deep.equal({
      main: unified,
    });
    expect(findArchive(new Set([conf]), "etc.conf")).to.deep.equal({ main: conf });
    expect(findArchive(new Set([payload]), "root.ppxar")).to.deep.equal({ main: payload });
    expect(findArchive(new Set([metadata]), "root.pxar")).to.equal(undefined);
    expect(findArchive(new Set([conf]), "root.pxar")).to.equal(undefined);
    expect(findArchive(new Set([conf]), "disk.img")).to.equal(undefined);
  });
});
