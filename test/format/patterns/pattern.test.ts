import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import { fromHex } from "../../../src/format/bytes/hex.ts";
import { FormatError } from "../../../src/format/format-error.ts";
import { MatchList, parseMatchEntry } from "../../../src/format/patterns/match-list.ts";
import { Pattern } from "../../../src/format/patterns/pattern.ts";
import { thrown } from "../../support/thrown.ts";

interface GoldenRow {
  readonly pattern_hex: string;
  readonly parse_error?: string;
  readonly flag_anchored_added: boolean;
  readonly matches_as_regular_file: readonly string[];
  readonly matches_as_directory: readonly string[] | "same";
}

const golden = JSON.parse(
  readFileSync(new URL("../../../fixtures/patterns/patterns.json", import.meta.url), "utf8"),
) as { readonly paths_hex: readonly string[]; readonly rows: readonly GoldenRow[] };

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

function matches(pattern: string, path: string): boolean {
  return new Pattern(bytesOf(pattern)).matches(bytesOf(path), "anchored");
}

describe("format/patterns/pattern", () => {
  it("knows all rows of the reference's table", () => {
    expect(golden.rows.filter((row) => row.parse_error === undefined)).to.have.lengthOf(98);
    expect(golden.paths_hex).to.have.lengthOf(28);
  });

  for (const row of golden.rows) {
    const text = fromHex(row.pattern_hex);
    const name = Buffer.from(text).toString("latin1");
    if (row.parse_error !== undefined) {
      it(`rejects "${name}" as the reference does`, () => {
        expect(() => parseMatchEntry(text, "any-depth")).to.throw(FormatError);
      });
      continue;
    }
    const reach = row.flag_anchored_added ? "anchored" : "any-depth";
    it(`matches "${name}" (${reach}) with what the reference matches`, () => {
      const list = new MatchList();
      list.add([parseMatchEntry(text, reach)]);
      const matched = (kind: "directory" | "other"): string[] =>
        golden.paths_hex
          .map(fromHex)
          .filter((path) => list.verdict(path, kind) !== undefined)
          .map((path) => new TextDecoder().decode(path));

      expect(matched("other")).to.deep.equal(row.matches_as_regular_file);
      expect(matched("directory")).to.deep.equal(
        row.matches_as_directory === "same"
          ? row.matches_as_regular_file
          : row.matches_as_directory,
      );
    });
  }

  const cases: readonly (readonly [pattern: string, match: string[], other: string[]])[] = [
    ["a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "a//", "xa/b"]],
    ["a/**/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/xb"]],
    ["**/b", ["/b", "a/b", "a/c/b"], ["ab", "a/bc"]],
    ["a/**", ["a/b", "a/b/c"], ["a", "ab"]],
    ["a***b", ["ab", "axb"], ["a/b"]],
    ["***", ["a"], ["a/b"]],
    ["x[a-c0-9_]y", ["xby", "x5y", "x_y"], ["xdy", "x-y", "xy"]],
    ["[-a]", ["-", "a"], ["b"]],
    ["[a-]", ["-", "a"], ["b"]],
    ["[\\a-c]", ["b"], ["\\", "-"]],
    ["[a-\\]]", [], ["b"]],
    ["[^[:digit:]x]", ["a", "/"], ["1", "x"]],
    ["[]a]", [], ["a", "]", "a]"]],
    ["[^]", ["a", "\xff", "/"], ["", "ab"]],
    ["\\[a\\]", ["[a]"], ["a"]],
    ["a\\?", ["a?"], ["ab"]],
  ];
  for (const [pattern, yes, no] of cases) {
    it(`matches "${pattern}" with [${yes.join(", ")}] and not with [${no.join(", ")}]`, () => {
      expect(yes.filter((path) => !matches(pattern, path))).to.deep.equal([]);
      expect(no.filter((path) => matches(pattern, path))).to.deep.equal([]);
    });
  }

  const classes: Readonly<Record<string, RegExp>> = {
    alnum: /[0-9A-Za-z]/,
    alpha: /[A-Za-z]/,
    blank: /[ \t]/,
    cntrl: /[\x00-\x1f\x7f]/, // eslint-disable-line no-control-regex -- that is what the class holds
    digit: /[0-9]/,
    graph: /[!-~]/,
    lower: /[a-z]/,
    print: /[ -~]/,
    punct: /[!-/:-@[-`{-~]/,
    space: /[\t-\r ]/,
    upper: /[A-Z]/,
    xdigit: /[0-9A-Fa-f]/,
  };
  for (const [name, expected] of Object.entries(classes)) {
    it(`takes [:${name}:] for the set of that name`, () => {
      const pattern = new Pattern(bytesOf(`[[:${name}:]]`));
      const byte = fc.integer({ min: 0, max: 255 });

      fc.assert(
        fc.property(byte, (value) => {
          expect(pattern.matches(Uint8Array.of(value), "anchored")).to.equal(
            expected.test(String.fromCharCode(value)),
          );
        }),
        { numRuns: 300 },
      );
    });
  }

  for (const bad of ["a\\", "[a", "[", "[^", "[a-", "[\\", "[[:alpha]", "[[:nothing:]]", "a\0b"]) {
    it(`rejects ${JSON.stringify(bad)} with FORMAT_INVALID`, () => {
      const error = thrown(() => new Pattern(bytesOf(bad)));

      expect(error).to.be.instanceOf(FormatError).with.property("code", "FORMAT_INVALID");
    });
  }

  it("rejects a pattern longer than any path with FORMAT_OUT_OF_RANGE", () => {
    const error = thrown(() => new Pattern(new Uint8Array(4097).fill(97)));

    expect(error).to.have.property("code", "FORMAT_OUT_OF_RANGE");
  });

  it("gives a value or a FormatError for any bytes", () => {
    const special = fc.constantFrom("*", "?", "[", "]", "^", "-", "\\", "/", "!", ":", "a", "b");
    const text = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.array(special, { maxLength: 80 }).map((parts) => bytesOf(parts.join(""))),
    );
    fc.assert(
      fc.property(text, text, (pattern, path) => {
        try {
          parseMatchEntry(pattern, "any-depth").pattern.matches(path, "any-depth");
        } catch (error) {
          expect(error).to.be.instanceOf(FormatError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("matches as a regular expression of the same meaning does, below and above 31 steps", () => {
    const piece = fc.constantFrom(
      ["a", "a"],
      ["b", "b"],
      ["/", "/"],
      ["?", "[^/]"],
      ["*", "[^/]*"],
      ["[ab]", "[ab]"],
      ["[^a/]", "[^a/]"],
      ["/**/", "/(?:[^]*/)?"],
    );
    const pieces = fc.array(piece, { minLength: 1, maxLength: 45 });
    const path = fc.array(fc.constantFrom("a", "b", "c", "/"), { maxLength: 30 });
    fc.assert(
      fc.property(pieces, path, (parts, letters) => {
        // Neighbouring stars and slashes would make another pattern of the text.
        const chosen = parts.filter(
          ([text = ""], i) => !(/[*/]/.test(text) && /[*/]/.test(parts[i - 1]?.[0] ?? "")),
        );
        const pattern = chosen.map(([text]) => text).join("");
        const same = new RegExp(`^${chosen.map(([, source]) => source).join("")}$`);
        fc.pre(!pattern.endsWith("/**/") && !/\*\*|\/\//.test(pattern.replaceAll("/**/", "")));

        expect(matches(pattern, letters.join(""))).to.equal(same.test(letters.join("")));
      }),
      { numRuns: 2000 },
    );
  });

  it("takes no longer for patterns that make others backtrack", () => {
    const path = new Uint8Array(4095).fill(97);
    const start = performance.now();

    for (const evil of [
      "**/*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
      "*a".repeat(60) + "b",
      "*[a-z]".repeat(100),
    ]) {
      expect(new Pattern(bytesOf(evil)).matches(path, "any-depth")).to.equal(!evil.endsWith("b"));
    }

    // Backtracking would take longer than the universe has existed; this takes milliseconds.
    expect(performance.now() - start).to.be.lessThan(2000);
  });
});
