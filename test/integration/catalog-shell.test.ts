import { spawn, spawnSync } from "node:child_process";
import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { amberProgram, type ServerProcess } from "../support/amber-program.ts";
import { type GenuineStoreServer, startOnGenuineStore } from "../support/genuine-store-server.ts";
import { fixtures } from "../support/fixtures.ts";
import { skipBecause } from "../support/skip-because.ts";

const KEY = join(fixtures, "crypt/known-key-none.json");
const PLAIN = "host/trace/2024-06-05T14:24:36Z";

describe("integration/catalog-shell", function () {
  this.timeout(60_000);
  let place: GenuineStoreServer;
  let home: string;
  let server: ServerProcess;

  before(async () => {
    place = await startOnGenuineStore();
    ({ home, server } = place);
    const tree = join(home, "tree");
    mkdirSync(join(tree, "etc/a b"), { recursive: true });
    writeFileSync(join(tree, "etc/hosts"), "localhost");
    writeFileSync(join(tree, "etc/a b/deep.conf"), "deep");
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/etc/`), Buffer.of(0xff, 0x2a)]), "odd");
    linkSync(join(tree, "etc/hosts"), join(tree, "etc/a b/link"));
    for (const mode of ["legacy", "metadata"]) {
      const what = ["--change-detection-mode", mode, "--backup-id", mode, "--keyfile", KEY];
      const run = spawnSync(
        process.execPath,
        [amberProgram, "backup", `tree.pxar:${tree}`, ...what],
        { env: { ...process.env, ...server.env } },
      );
      expect(run.status, run.stderr.toString()).to.equal(0);
    }
  });

  after(async () => {
    await place[Symbol.asyncDispose]();
  });

  /** Runs the shell with these lines as its standard input. */
  function shell(what: readonly string[], ...lines: string[]) {
    const run = spawnSync(process.execPath, [amberProgram, "catalog", "shell", ...what], {
      cwd: home,
      env: { ...process.env, ...server.env },
      input: lines.map((line) => `${line}\n`).join(""),
    });
    return { status: run.status, out: run.stdout.toString(), log: run.stderr.toString() };
  }

  for (const mode of ["legacy", "metadata"]) {
    describe(`in an encrypted archive of mode ${mode}`, () => {
      const snapshot = [`host/${mode}`, "tree.pxar", "--keyfile", KEY];

      it("walks around, and shows odd names as they can be typed", () => {
        const run = shell(
          snapshot,
          ...["pwd", "ls", "cd etc/a\\ b", "pwd", "ls", "cd ..", "ls", 'stat "\\xFF*"', "ls hosts"],
        );

        expect(run.status, run.log).to.equal(0);
        expect(run.out).to.match(/^\/\netc\/\n"\/etc\/a b"\ndeep\.conf\nlink\n"a b"\/\nhosts\n/);
        expect(run.out).to.match(/"\\xFF\*"\n Path: "\/etc\/\\xFF\*"\n Type: file\n Size: 3\n/);
        expect(run.out).to.match(/\nhosts\n$/);
      });

      it("finds, selects and restores a part", () => {
        const target = `part-${mode}`;
        const run = shell(
          snapshot,
          "find '**/*.conf' --select true",
          'select "/etc/\\xFF*"',
          "select /etc/hosts",
          "deselect etc/hosts",
          "list-selected",
          `restore-selected ${target}`,
        );

        expect(run.status, run.log).to.equal(0);
        expect(run.out).to.equal('"/etc/a b/deep.conf"\n"/etc/a b/deep.conf"\n"/etc/\\xFF*"\n');
        expect(readdirSync(join(home, target, "etc/a b"))).to.deep.equal(["deep.conf"]);
        expect(readdirSync(join(home, target, "etc"))).to.have.length(2);
      });

      it("restores the content of the current directory, hard links out of it as files", () => {
        const target = `here-${mode}`;
        const run = shell(snapshot, "cd '/etc/a b'", `restore ${target}`, "exit", "not reached");

        expect(run.status, run.log).to.equal(0);
        expect(readdirSync(join(home, target)).sort()).to.deep.equal(["deep.conf", "link"]);
        expect(readFileSync(join(home, target, "link"), "utf8")).to.equal("localhost");
      });

      it("restores what matches below the current directory", () => {
        const target = `some-${mode}`;
        const run = shell(snapshot, "cd etc", `restore ${target} --pattern 'a b/*.conf'`);

        expect(run.status, run.log).to.equal(0);
        expect(readdirSync(join(home, target))).to.deep.equal(["a b"]);
        expect(readdirSync(join(home, target, "a b"))).to.deep.equal(["deep.conf"]);
      });
    });
  }

  it("reads a local datastore without a server", () => {
    const run = shell([PLAIN, "tiny.pxar", "--datastore", "./store"], "find 'a.*'", "pwd # end");

    expect(run.status, run.log).to.equal(0);
    expect(run.out).to.equal("/a.txt\n/\n");
  });

  const mistakes: readonly (readonly [line: string, words: RegExp])[] = [
    ["cd nowhere", /^Error: Cannot find \/nowhere: the archive has no such entry\n$/],
    ["cd a.txt", /^Error: Cannot enter \/a\.txt: it is no directory\n$/],
    ["stat d/x", /^Error: Cannot find \/d\/x: /],
    ["select nowhere", /^Error: Cannot find \/nowhere/],
    ["deselect a.txt", /^Error: Cannot deselect \/a\.txt: it was not selected by its path\n$/],
    ["restore-selected x", /^Error: Cannot restore what is selected: nothing is\n/],
    ["restore /proc/nowhere", /^Error: .*\/proc\/nowhere/],
    ["find '['", /^Error: Cannot read pattern/],
    ["ls 'a", /^Error: Cannot understand the line: ' is not closed\n/],
    ["stat", /^Error: Cannot run "stat": missing required argument 'path'\n/],
    ["frobnicate", /^Error: Cannot run "frobnicate": no such command\n/],
  ];
  for (const [line, words] of mistakes) {
    it(`ends a script at \`${line}\`, and says why`, () => {
      const run = shell([PLAIN, "tiny.pxar"], line, "pwd");

      expect(run.log).to.match(words);
      expect([run.status, run.out]).to.deep.equal([1, ""]);
    });
  }

  it("says which archives there are when it is asked for another", () => {
    const run = shell([PLAIN, "root.pxar"]);

    expect(run.status).to.equal(1);
    expect(run.log).to.match(
      /^Error: Cannot open "root\.pxar": the file archives .* are tiny\.pxar\n/,
    );
  });

  it("prompts on a terminal, completes, and goes on after a mistake", async function () {
    if (spawnSync("script", ["--version"]).status !== 0) skipBecause(this, "no script(1)");
    const words = [process.execPath, amberProgram, "catalog", "shell", PLAIN, "tiny.pxar"];
    const child = spawn("script", ["-qec", words.join(" "), "/dev/null"], {
      env: { ...process.env, ...server.env, TERM: "xterm" },
    });
    let screen = "";
    const shown = async (text: string): Promise<void> => {
      while (!screen.includes(text)) {
        await new Promise((done) => child.stdout.once("data", done));
      }
    };
    child.stdout.on("data", (piece: Buffer) => (screen += piece.toString()));
    const ended = new Promise((done) => child.once("close", done));
    await shown("pxar:/ > ");

    child.stdin.write("cd nowhere\n");
    await shown("Error: Cannot find /nowhere");
    child.stdin.write("ls a.t\t");
    await shown("a.txt ");
    child.stdin.write("\ncd d\n");
    await shown("pxar:/d > ");
    child.stdin.write("exit\n");

    expect(await ended).to.equal(0);
  });
});
