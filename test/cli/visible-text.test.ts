import { expect } from "chai";

import { shownOn, visibleLine, visibleText } from "../../src/cli/visible-text.ts";

describe("cli/visible-text", () => {
  it("leaves text of all languages, line ends and tabs as they are", () => {
    const text = "Käse\t奶酪 👩‍🍳\nsecond line\n";

    expect(visibleText(text)).to.equal(text);
  });

  it("escapes what would move the cursor, change colours or set the title of a window", () => {
    expect(visibleText("a\u001b[2Jb\u001b]0;x\u0007c\rd\u009b1m\u007f")).to.equal(
      "a\\u{1b}[2Jb\\u{1b}]0;x\\u{7}c\\u{d}d\\u{9b}1m\\u{7f}",
    );
  });

  it("escapes marks that reverse the direction of reading, and foreign line ends", () => {
    expect(visibleText("x\u202ey\u2066z\u2028")).to.equal("x\\u{202e}y\\u{2066}z\\u{2028}");
  });

  it("takes the line ends of other systems for line ends", () => {
    expect(visibleText("one\r\ntwo\r\n")).to.equal("one\ntwo\n");
  });

  it("keeps one line one line", () => {
    expect(visibleLine("a\nb\tc")).to.equal("a\\u{a}b c");
  });

  it("changes nothing on the way into a file or a pipe", () => {
    expect(shownOn({}, "a\u001b[2J")).to.equal("a\u001b[2J");
    expect(shownOn({ isTTY: true }, "a\u001b[2J")).to.equal("a\\u{1b}[2J");
  });
});
