import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";

import { expect } from "chai";

const root = resolve(import.meta.dirname, "..");

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

function tracked(): string[] {
  return execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" })
    .split("\0")
    .filter(
      (path) =>
        path !== "" && existsSync(join(root, path)) && !statSync(join(root, path)).isDirectory(),
    );
}

const sources = filesBelow("src").filter((path) => /\.tsx?$/.test(path));
const tests = filesBelow("test").filter((path) => path.endsWith(".ts"));

describe("tidy", () => {
  it("names files in kebab-case", () => {
    const odd = [...sources, ...tests].filter(
      (path) =>
        !/^[a-z0-9]+(-[a-z0-9]+)*(\.(contract|fuzz|bench))?(\.test|\.d)?\.tsx?$/.test(
          basename(path),
        ),
    );

    expect(odd).to.deep.equal([]);
  });

  it("has no file or folder whose name refuses nothing", () => {
    const vague = [...sources, ...tests].filter((path) =>
      /(^|\/)(core|common|shared|utils?|helpers?|misc|types|constants|index)(\.ts|\/)/.test(
        path.replace("format/index/", "format/"),
      ),
    );

    expect(vague).to.deep.equal([]);
  });

  it("exports from every source file something named like the file", () => {
    const plain = (text: string): string => text.replace(/[-_]/g, "").toLowerCase();
    const strangers = sources.filter((path) => {
      if (path.endsWith(".d.ts")) return false;
      const name = basename(path).replace(/\.tsx?$/, "");
      if (/(^main|^limits|^config|-worker)$/.test(name) || path.startsWith("src/cli/commands/"))
        return false;
      const exported = [
        ...read(path).matchAll(
          /^export (?:abstract )?(?:async )?(?:function\*?|class|const|interface|type) (\w+)/gm,
        ),
      ].map((match) => plain(match[1] ?? ""));
      const words = name.split("-").flatMap((word) => [plain(word), plain(word).replace(/s$/, "")]);
      return !exported.some(
        (symbol) =>
          symbol.includes(plain(name)) ||
          words.some((word) => word.length > 2 && symbol.includes(word)),
      );
    });

    expect(strangers).to.deep.equal([]);
  });

  it("has a README in every source folder of the first two levels", () => {
    const folders = new Set(
      sources.flatMap((path) => {
        const parts = dirname(path).split("/");
        return [parts.slice(0, 2).join("/"), parts.slice(0, 3).join("/")];
      }),
    );
    const bare = [...folders].filter(
      (folder) => folder !== "src" && !existsSync(join(root, folder, "README.md")),
    );

    expect(bare).to.deep.equal([]);
  });

  it("gives every TODO an issue number", () => {
    const loose = [...sources, ...tests]
      .filter((path) => !path.endsWith("tidy.test.ts"))
      .filter((path) => /\b(TODO|FIXME|XXX|HACK)\b(?!.*#\d)/.test(read(path)));

    expect(loose).to.deep.equal([]);
  });

  it("describes every fixture in fixtures/README.md", () => {
    const rows = read("fixtures/README.md");
    const unknown = filesBelow("fixtures").filter((path) => {
      const inside = path.replace(/^fixtures\//, "");
      if (inside === "README.md") return false;
      const parts = inside.split("/");
      return !parts.some((_, depth) => rows.includes(`\`${parts.slice(0, depth + 1).join("/")}`));
    });

    expect(unknown).to.deep.equal([]);
  });

  it("keeps the fixtures as they were made: fixtures/SHA256SUMS fits", () => {
    const wrong = read("fixtures/SHA256SUMS")
      .split("\n")
      .filter((line) => line !== "")
      .filter((line) => {
        const path = join(root, "fixtures", line.slice(66));
        return (
          !existsSync(path) ||
          createHash("sha256").update(readFileSync(path)).digest("hex") !== line.slice(0, 64)
        );
      });
    const listed = read("fixtures/SHA256SUMS")
      .split("\n")
      .filter((line) => line !== "").length;

    expect(wrong).to.deep.equal([]);
    expect(listed).to.equal(
      filesBelow("fixtures").filter((path) => !/fixtures\/(README\.md|SHA256SUMS)$/.test(path))
        .length,
    );
  });

  it("lists every error code in docs/errors.md, and no other", () => {
    const codes = sources.flatMap((path) =>
      [...read(path).matchAll(/export const \w+ErrorMeanings\b[^{]*\{([\s\S]*?)\n\}/g)].flatMap(
        (table) =>
          [...(table[1] ?? "").matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map(
            (match) => match[1] ?? "",
          ),
      ),
    );
    const documented = [...read("docs/errors.md").matchAll(/^\| `([A-Z][A-Z0-9_]+)` \|/gm)].map(
      (match) => match[1] ?? "",
    );

    expect([...documented].sort()).to.deep.equal([...codes].sort());
  });

  it("links only to what exists, in every document", () => {
    const dangling = tracked()
      .filter((path) => path.endsWith(".md"))
      .flatMap((path) =>
        [...read(path).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
          .map((link) => link[1] ?? "")
          .filter((link) => !link.includes("://") && !existsSync(join(root, dirname(path), link)))
          .map((link) => `${path}: ${link}`),
      );

    expect(dangling).to.deep.equal([]);
  });

  it("speaks of itself alone: no machine path, no registry host", () => {
    const words = [
      ["/wo", "rk/"],
      ["bash_", "jobs"],
      ["registry.", "npmjs.org"],
      ['"resol', 'ved": "http'],
    ].map((parts) => parts.join(""));
    const talkative = tracked()
      .filter((path) => !path.startsWith("fixtures/"))
      .filter((path) => words.some((word) => read(path).includes(word)));

    expect(talkative).to.deep.equal([]);
  });
});
