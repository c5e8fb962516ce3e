import { expect } from "chai";

import { paperKeyHtml, paperKeyText } from "../../../src/client/keys/paper-key.ts";
import { keyFileOfPaper } from "../../../src/client/keys/read-paper-key.ts";
import { parseKeyFile, printKeyFile } from "../../../src/format/crypto/key-file.ts";
import { keyFixture } from "../../support/key-vectors.ts";
import { readQrBlocks, readQrModules } from "../../support/read-qr.ts";
import { thrown } from "../../support/thrown.ts";

const END = "-----END PROXMOX BACKUP KEY-----\n";
/** What the official client was told when it printed the recorded papers. */
const papers = [
  { key: "key-none.json", paper: "paperkey-none.txt", subject: "golden test key" },
  { key: "key-scrypt.json", paper: "paperkey-scrypt.txt", subject: "golden test key" },
] as const;

/** The text before the QR code, and the code's lines. */
function parts(paper: string): { text: string; art: string } {
  const at = paper.indexOf(END) + END.length;
  return { text: paper.slice(0, at), art: paper.slice(at).trimEnd() };
}

/** Dark modules of an SVG image of ours. */
function svgModules(svg: string): boolean[][] {
  const size = Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1]) / 10;
  const rows = Array.from({ length: size }, () => Array.from({ length: size }, () => false));
  for (const [, x, y] of svg.matchAll(/M(\d+) (\d+)h10v10h-10z/g)) {
    rows[Number(y) / 10]![Number(x) / 10] = true;
  }
  return rows;
}

function images(html: string): string[] {
  return [...html.matchAll(/src="data:image\/svg\+xml;base64,([^"]+)"/g)].map(([, data]) =>
    Buffer.from(data!, "base64").toString(),
  );
}

describe("client/keys/paper-key", () => {
  for (const { key, paper, subject } of papers) {
    it(`prints ${paper} as the official client does, with a QR code of the same content`, () => {
      const official = keyFixture(`keys/${paper}`);

      const ours = paperKeyText({ content: keyFixture(`keys/${key}`), subject });

      const pretty = printKeyFile(parseKeyFile(keyFixture(`keys/${key}`)), "pretty");
      expect(parts(ours).text).to.equal(parts(official).text);
      expect(readQrBlocks(parts(official).art)).to.equal(pretty);
      expect(readQrBlocks(parts(ours).art)).to.equal(pretty);
      expect(ours.split("\n")).to.have.length(official.split("\n").length);
    });
  }

  it("prints a page whose image holds the key, and whose subject cannot break out", () => {
    const content = keyFixture("keys/key-scrypt.json");

    const html = paperKeyHtml({ content, subject: '<script>"&' });

    const [svg = "", another] = images(html);
    expect(another).to.equal(undefined);
    expect(readQrModules(svgModules(svg))).to.equal(printKeyFile(parseKeyFile(content), "pretty"));
    expect(html).to.include("Subject: &lt;script&gt;&quot;&amp;").and.not.include("<script");
    expect(html).to.include("&quot;the xkcd one&quot;");
    expect(html).to.not.match(/base64,[^"]*=/);
  });

  it("prints a private master key in numbered blocks, each with its lines as a QR code", () => {
    const pem = keyFixture("keys/master-private.pem");

    const text = paperKeyText({ content: pem, subject: "master" });

    const [head, ...rest] = text.split("\n\n");
    const pages = [rest.join("\n\n")].join("").split("\f").slice(0, -1);
    const read = pages.map((page) => {
      const lines = page.split("\n");
      const numbered = lines.filter((line) => /^\d\d: /.test(line));
      const art = lines.slice(numbered.length).join("\n").trimEnd();
      const plain = numbered.map((line) => line.replace(/^\d\d: /, ""));
      expect(readQrBlocks(art)).to.equal(plain.join("\n"));
      return plain;
    });
    expect(head).to.equal("Subject: master");
    expect(read.slice(0, -1).every((lines) => lines.length === 5)).to.equal(true);
    expect(`${read.flat().join("\n")}\n`).to.equal(pem);
    expect(text).to.include("\n00: -----BEGIN ENCRYPTED PRIVATE KEY-----\n01: ");
  });

  it("prints a private master key on pages of twenty lines", () => {
    const pem = keyFixture("keys/master-private.pem");

    const html = paperKeyHtml({ content: pem, subject: undefined });

    const codes = images(html).map((svg) => readQrModules(svgModules(svg)));
    expect(codes.map((code) => code.split("\n").length).slice(0, -1)).to.deep.equal([20, 20]);
    expect(`${codes.join("\n")}\n`).to.equal(pem);
    expect(html.match(/page-break-after: always/g)).to.have.length(codes.length);
  });

  it("rejects what is no key, and a private key with lines missing", () => {
    const lines = keyFixture("keys/master-private.pem").split("\n");

    for (const content of ["", "hello", keyFixture("keys/master-public.pem")]) {
      expect(thrown(() => paperKeyText({ content, subject: undefined }))).to.have.property(
        "code",
        "FORMAT_INVALID",
      );
    }
    for (const content of [
      lines.slice(0, 30).join("\n"),
      [...lines.slice(0, 10), ...lines.slice(-2)].join("\n"),
    ]) {
      expect(thrown(() => paperKeyText({ content, subject: undefined }))).to.have.property(
        "code",
        "FORMAT_TRUNCATED",
      );
    }
  });

  it("finds the key file in the text of a paper key, and leaves other texts alone", () => {
    for (const { key, paper } of papers) {
      const file = parseKeyFile(keyFileOfPaper(keyFixture(`keys/${paper}`)));

      expect(file).to.deep.equal(parseKeyFile(keyFixture(`keys/${key}`)));
    }
    expect(keyFileOfPaper("{}")).to.equal("{}");
  });
});
