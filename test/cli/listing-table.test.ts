import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { fileTable, groupTable, snapshotTable, statusTable } from "../../src/cli/listing-table.ts";
import { type TableStyle } from "../../src/cli/table.ts";

const ascii: TableStyle = { border: "ascii", hasHeader: true };

/** What the official client printed. */
function printed(name: string): string {
  return readFileSync(join(import.meta.dirname, "../../fixtures/cli", `${name}.txt`), "utf8");
}

describe("cli/listing-table", () => {
  it("prints groups as the official client does", () => {
    const time = (text: string): number => Date.parse(text) / 1000;
    const group = (path: string, last: string, count: number, files: string): object => {
      const [type, id] = path.split("/");
      return {
        "backup-type": type,
        "backup-id": id,
        "last-backup": time(last),
        "backup-count": count,
        files: files.split(" "),
        owner: "test@pbs",
      };
    };
    const data = [
      group(
        "host/golden-encrypted",
        "2024-06-05T14:24:36Z",
        1,
        "special.pxar.didx names.pxar.didx links.pxar.didx acls.pxar.didx catalog.pcat1.didx disk.img.fidx qemu-server.conf.blob index.json.blob",
      ),
      group(
        "ct/101",
        "2024-06-05T14:24:36Z",
        1,
        "mixed.pxar.didx catalog.pcat1.didx index.json.blob rsa-encrypted.key.blob",
      ),
      group(
        "host/golden-plain",
        "2024-06-06T14:24:36Z",
        2,
        "mixed.pxar.didx disk.img.fidx catalog.pcat1.didx qemu-server.conf.blob index.json.blob",
      ),
      group(
        "host/golden-signed",
        "2024-06-05T14:24:36Z",
        1,
        "mixed.pxar.didx disk.img.fidx catalog.pcat1.didx qemu-server.conf.blob index.json.blob",
      ),
      group(
        "host/token-owned",
        "2024-06-05T14:24:36Z",
        1,
        "etc.pxar.didx catalog.pcat1.didx index.json.blob",
      ),
      group(
        "host/trace",
        "2024-06-05T14:26:16Z",
        2,
        "tiny.pxar.didx conf.conf.blob catalog.pcat1.didx index.json.blob",
      ),
      group(
        "host/trace-enc",
        "2024-06-05T14:24:36Z",
        1,
        "disk.img.fidx conf.conf.blob index.json.blob",
      ),
    ];

    expect(groupTable(data, ascii)).to.equal(printed("list"));
  });

  it("prints snapshots as the official client does", () => {
    const snapshot = (time: number, size: number): object => ({
      "backup-type": "host",
      "backup-id": "trace",
      "backup-time": time,
      size,
      files: ["tiny.pxar.didx", "conf.conf.blob", "catalog.pcat1.didx", "index.json.blob"].map(
        (filename) => ({ filename }),
      ),
    });
    const data = [snapshot(1_717_597_576, 71_281), snapshot(1_717_597_476, 71_286)];

    expect(snapshotTable(data, ascii)).to.equal(printed("snapshot-list"));
  });

  it("prints files as the official client does", () => {
    const data = [
      { filename: "tiny.pxar.didx", "crypt-mode": "none", size: 70_716 },
      { filename: "conf.conf.blob", "crypt-mode": "none", size: 52 },
      { filename: "catalog.pcat1.didx", "crypt-mode": "none", size: 84 },
      { filename: "index.json.blob", "crypt-mode": "none", size: 434 },
    ];

    expect(fileTable(data, ascii)).to.equal(printed("snapshot-files"));
  });

  it("prints the status as the official client does", () => {
    const data = { avail: 72_949_108_736, total: 270_553_174_016, used: 35_995_185_152 };

    expect(statusTable(data, ascii)).to.equal(printed("status"));
  });

  it("prints no table for a listing that breaks the protocol", () => {
    expect(() => groupTable({ groups: [] }, ascii))
      .to.throw()
      .with.property("code", "SESSION_PROTOCOL");
  });

  it("leaves out entries that it does not understand", () => {
    const table = snapshotTable([{ "backup-type": "tape", "backup-id": "x" }], ascii);

    expect(table).not.to.include("tape");
  });
});
