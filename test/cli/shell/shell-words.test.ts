import { expect } from "chai";
import fc from "fast-check";

import { quotedPath } from "../../../src/cli/quoted-path.ts";
import { bytesOfText } from "../../../src/cli/shell/byte-text.ts";
import { shownPath } from "../../../src/cli/shell/shell-path.ts";
import { shellWords } from "../../../src/cli/shell/shell-words.ts";
import { thrown } from "../../support/thrown.ts";

describe("cli/shell/shell-words", () => {
  it("splits at white space and understands both quotes, backslashes and comments", () => {
    expect(shellWords("  ls  a\\ b 'c \"d' \"e'f\\n\" g#h # rest")).to.deep.equal([
      "ls",
      "a b",
      'c "d',
      "e'f\n",
      "g#h",
    ]);
    expect(shellWords("# only a comment")).to.deep.equal([]);
    expect(shellWords("find ''")).to.deep.equal(["find", ""]);
  });

  it("reads back whatever a path is shown as, byte for byte", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        for (const shown of [quotedPath(bytes), shownPath(bytes)]) {
          const [word = "", ...more] = shellWords(shown);

          expect(more).to.deep.equal([]);
          expect(Buffer.from(bytesOfText(word)).equals(bytes)).to.equal(true);
        }
      }),
    );
  });

  for (const line of [
    "ls 'a",
    'ls "a',
    'ls "\\x4"',
    'ls "\\u{zz}"',
    'ls "\\u{110000}"',
    'ls "\\u"',
  ]) {
    it(`rejects ${line}`, () => {
      expect(thrown(() => shellWords(line))).to.have.property("code", "CLI_USAGE");
    });
  }
});
