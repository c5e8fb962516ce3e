import { expect } from "chai";

import { byteText } from "../../src/format/bytes/byte-text.ts";
import { quotedPath } from "../../src/cli/quoted-path.ts";
import { type Column, renderTable, tableStyle } from "../../src/cli/table.ts";

const columns: readonly Column<[string, number]>[] = [
  { title: "name", align: "left", cell: ([name]) => name },
  { title: "n", align: "right", cell: ([, n]) => String(n) },
];

describe("cli/table", () => {
  it("draws boxes in a UTF-8 locale", () => {
    const table = renderTable(
      [
        ["a", 1],
        ["bc", 20],
      ],
      columns,
      tableStyle({ LANG: "C.UTF-8" }),
    );

    expect(table).to.equal(
      [
        "┌──────┬────┐",
        "│ name │  n │",
        "╞══════╪════╡",
        "│ a    │  1 │",
        "├──────┼────┤",
        "│ bc   │ 20 │",
        "└──────┴────┘",
        "",
      ].join("\n"),
    );
  });

  it("leaves out borders and header when the environment says so", () => {
    const style = tableStyle({ PROXMOX_OUTPUT_NO_BORDER: "1", PROXMOX_OUTPUT_NO_HEADER: "1" });

    expect(
      renderTable(
        [
          ["a", 1],
          ["bc", 20],
        ],
        columns,
        style,
      ),
    ).to.equal("a   1\nbc 20\n");
  });

  it("prints only the header when there are no rows", () => {
    const lines = renderTable([], columns, { border: "ascii", hasHeader: true }).split("\n");

    expect(lines).to.deep.equal(["+======+===+", "| name | n |", "+======+===+", ""]);
  });

  it("lets no control character of a name reach the terminal", () => {
    const table = renderTable([["\u001b[2J", 1]], columns, { border: "none", hasHeader: false });

    expect(table).to.equal("\\u{1b}[2J 1\n");
  });
});

describe("cli/byte-text", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [71_286, "69.615 KiB"],
    [71_281, "69.61 KiB"],
    [4 * 1024 ** 3, "4 GiB"],
  ] as const) {
    it(`renders ${bytes} as ${text}`, () => {
      expect(byteText(bytes)).to.equal(text);
    });
  }
});

describe("cli/quoted-path", () => {
  it("escapes quotes, controls and bytes that are not UTF-8", () => {
    const bytes = Buffer.concat([Buffer.from('./ä"\\\n\u001b'), Buffer.from([0xff, 0xe2, 0x82])]);

    expect(quotedPath(bytes)).to.equal('"./ä\\"\\\\\\n\\u{1b}\\xFF\\xE2\\x82"');
  });

  it("shows the mark that is nothing at the beginning of a text", () => {
    expect(quotedPath(Buffer.from("\ufeffa"))).to.equal('"\\u{feff}a"');
  });
});
