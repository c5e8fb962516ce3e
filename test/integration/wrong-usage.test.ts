import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { mapConcurrent } from "../../src/chunks/map-concurrent.ts";
import { amberProgram } from "../support/amber-program.ts";
import { tempDir } from "../support/temp-dir.ts";
import { otherToken, startTestServer } from "../support/test-server.ts";

/** One mistake: arguments, what the first lines of the error must say, and variables that differ. */
type Mistake = readonly [
  args: string,
  words: RegExp,
  variables?: Readonly<Record<string, string | undefined>>,
];

/** `DIR` is a folder with `empty` (a file without content), `folder` (with a file in it) and `note` (a text). */
const mistakes: readonly Mistake[] = [
  ["umount DIR/nowhere", /Cannot unmount "DIR\/nowhere"[^]*no such file/],
  ["umount DIR/folder", /Cannot unmount "DIR\/folder": nothing of ours is there/],
  ["mount --datastore DIR/folder DIR/folder", /Cannot open datastore "DIR\/folder": .*"\.chunks"/],
  ["mount --datastore DIR/nowhere DIR/folder", /Cannot open datastore "DIR\/nowhere": /],
  ["mount --ns nowhere DIR/folder", /Cannot find namespace "nowhere"/],
  ["mount DIR/note", /Cannot mount on "DIR\/note": it is not a directory/],
  ["mount DIR/nowhere/x", /Cannot mount on "DIR\/nowhere\/x"/],
  ["mount host/nobody DIR/folder", /Cannot mount "host\/nobody": there is no such group/],
  ["mount host/web/2024-01-01T00:00:00Z DIR/folder", /host\/web\/2024-01-01T00:00:00Z/],
  ["mount host/web none.pxar DIR/folder", /Cannot mount "none\.pxar": .* are none$/m],
  ["server --listen nowhere --datastore s1s=DIR/s1", /"listen": "nowhere" is not HOST:PORT/],
  [
    "server --listen 127.0.0.1:99999 --datastore s1s=DIR/s1",
    /"127\.0\.0\.1:99999" is not HOST:PORT/,
  ],
  ["server --config DIR/note --datastore s1s=DIR/s1", /Cannot use configuration "DIR\/note": /],
  ["server --config DIR/c1 --datastore DIR/s1", /"datastore": "DIR\/s1" is not NAME=PATH/],
  ["server --config DIR/c2 --datastore s1s=DIR/note", /Cannot make a datastore of "DIR\/note": /],
  ["server --config DIR/c3 --datastore s1s=DIR/folder", /"DIR\/folder" is not empty/],
  [
    "server --config DIR/c4 --datastore s1s=DIR/s1 --admin-password-file DIR/nowhere",
    /Cannot read --admin-password-file "DIR\/nowhere"/,
  ],
  ["server --config DIR/c5 --listen 127.0.0.1:PORT", /not let .* listen on "127\.0\.0\.1:PORT"/],
  ["pxar extract DIR/nowhere", /Cannot read archive "DIR\/nowhere"[^]*no such file/],
  ["pxar list DIR/nowhere", /Cannot read archive "DIR\/nowhere"[^]*no such file/],
  ["pxar list DIR/note", /Cannot read archive "DIR\/note": .*no pxar archive/],
  ["pxar list DIR/empty", /Cannot read archive "DIR\/empty": empty/],
  ["pxar list DIR/folder", /Cannot read archive "DIR\/folder": no regular file/],
  ["pxar extract DIR/note DIR/out", /Cannot read archive "DIR\/note": .*no pxar archive/],
  ["pxar extract DIR/note DIR/out --files-from DIR/nowhere", /DIR\/nowhere/],
  ["pxar create DIR/note DIR/folder", /EEXIST.*DIR\/note/],
  ["pxar create DIR/new.pxar DIR/nowhere", /Cannot back up "DIR\/nowhere": /],
  ["pxar create DIR/new.pxar DIR/folder --entries-max x", /"x" for --entries-max/],
  ["task log NOTAUPID", /Cannot find task "NOTAUPID": /, { PBS_REPOSITORY: undefined }],
  ["task stop NOTAUPID", /Cannot find task "NOTAUPID": /, { PBS_REPOSITORY: undefined }],
  ["task list --limit many", /"many" for --limit/],
  ["namespace create nowhere/a", /Cannot create namespace "a" in "nowhere"\n/],
  ["namespace delete nowhere", /nowhere|namespace not found/],
  ["namespace create a//b", /namespace.*"a\/\/b"/],
  ["namespace list --max-depth 9", /"9" for --max-depth/],
  ["list --repository bob@pbs:tank", /"bob@pbs:tank" as a repository/],
  ["list --repository 127.0.0.1:70000:tank", /"70000" as a repository/],
  ["list --server 127.0.0.1", /no datastore \(--datastore/],
  ["list --repository tank --datastore tank", /Cannot combine --repository with/],
  ["list --repository x@pbs!t@127.0.0.1:1:tank", /"127.0.0.1:1"\n.*ECONNREFUSED/],
  [
    "list",
    /Cannot trust the certificate of "127\.0\.0\.1.*expected aa:aa/,
    { PBS_FINGERPRINT: "aa:".repeat(31) + "aa" },
  ],
  ["list", /PBS_FINGERPRINT|fingerprint/i, { PBS_FINGERPRINT: "nonsense" }],
  ["list", /authentication failed|401/i, { PBS_PASSWORD: "wrong" }],
  ["list", /DIR\/nowhere/, { PBS_PASSWORD: undefined, PBS_PASSWORD_FILE: "DIR/nowhere" }],
  ["list --ns a/b/c/d/e/f/g/h/i", /namespace.*"a\/b\/c\/d\/e\/f\/g\/h\/i"/],
  ["list --ns nowhere", /Cannot find namespace "nowhere"/],
  ["list", /Cannot find namespace "nowhere"/, { PBS_NAMESPACE: "nowhere" }],
  ["snapshot list --ns nowhere", /Cannot find namespace "nowhere"/],
  ["group forget host/web --ns nowhere --yes", /Cannot find namespace "nowhere"/],
  ["restore host/web notes.conf - --ns nowhere", /nowhere/],
  ["verify --ns nowhere", /Cannot find namespace "nowhere"/],
  ["prune host/web --keep-last 1 --ns nowhere", /Cannot find namespace "nowhere"/],
  ["upload-log host/web/2024-01-01T00:00:00Z DIR/nowhere", /"DIR\/nowhere"[^]*no such file/],
  ["upload-log host/web/2024-01-01T00:00:00Z DIR/folder", /"DIR\/folder"[^]*not a regular file/],
  ["upload-log host/web/2024-01-01T00:00:00Z DIR/note", /host\/web\/2024-01-01T00:00:00Z/],
  ["upload-log host/web DIR/note", /"host\/web", not <type>\/<id>\/<time>/],
  ["snapshot files host/web/yesterday", /"host\/web\/yesterday"|"yesterday"/],
  ["snapshot files host/nobody", /host\/nobody/],
  ["snapshot forget host/web", /"host\/web"/],
  ["snapshot forget host/nobody/2024-01-01T00:00:00Z", /nobody/],
  ["snapshot list space/web", /"space"/],
  ["group forget host/nobody --yes", /host\/nobody/],
  ["change-owner host/nobody bob", /"bob"/],
  ["change-owner host/nobody bob@pbs", /host\/nobody/],
  ["prune host/web --keep-last none", /"none" for --keep-last/],
  ["restore host/nobody root.pxar DIR/out", /host\/nobody/],
  ["restore host/web notes.conf DIR/note", /Cannot restore "DIR\/note": /],
  ["restore host/web nothing.pxar DIR/out", /nothing\.pxar/],
  ["restore host/web notes.conf -", /"host\/web"/, { WHO: "stranger" }],
  ["backup note:DIR/note", /"note:DIR\/note"|note:DIR\/note/],
  ["backup a.pxar:DIR/nowhere --backup-id a3", /DIR\/nowhere/],
  ["backup a.pxar:DIR/note --backup-id a4", /DIR\/note/],
  ["backup a.img:DIR/empty --backup-id a1", /DIR\/empty/],
  ["backup a.img:DIR/folder --backup-id a2", /DIR\/folder/],
  ["backup a.conf:DIR/note a.conf:DIR/note", /twice|a\.conf/],
  ["backup a.conf:DIR/note --backup-id b/c", /"b\/c"/],
  ["backup a.conf:DIR/note --backup-time soon", /"soon" for --backup-time/],
  ["backup a.conf:DIR/note --chunk-size 100", /"?100"? for --chunk-size/],
  ["backup a.conf:DIR/note --rate fast", /"fast" for --rate/],
  ["backup a.conf:DIR/note --keyfile DIR/folder", /DIR\/folder'?\n.*(directory|EISDIR)/],
  ["backup a.conf:DIR/note --keyfile DIR/empty", /DIR\/empty/],
  ["backup a.conf:DIR/note --keyfile DIR/note", /DIR\/note/],
  ["backup a.conf:DIR/note --keyfd 99", /file descriptor 99/],
  ["key create DIR/note --kdf none", /DIR\/note/],
  ["key show DIR/empty", /DIR\/empty/],
  ["key show DIR/folder", /DIR\/folder/],
  ["key import-master-pubkey DIR/nowhere", /DIR\/nowhere/],
  ["key import-master-pubkey DIR/note", /public master key 'DIR\/note'/],
  ["key show-master-pubkey", /Cannot find a default public master key in '.*master-public\.pem'/],
  ["key show-master-pubkey DIR/nowhere", /'DIR\/nowhere'[^]*no such file/],
  ["key show-master-pubkey DIR/note", /public master key 'DIR\/note'/],
  ["key show-master-pubkey DIR/folder", /'DIR\/folder'[^]*directory/],
  ["backup a.conf:DIR/note --keyfile DIR/key --master-pubkey-file DIR/note", /key 'DIR\/note'/],
  ["key paperkey DIR/empty", /DIR\/empty/],
  ["benchmark --duration long", /"long" for --duration/],
];

describe("integration/wrong usage", function () {
  this.timeout(240_000);
  const outcomes = new Map<Mistake, { readonly status: unknown; readonly stderr: string }>();

  before(async () => {
    await using server = await startTestServer();
    await using dir = await tempDir();
    await mkdir(join(dir.path, "folder"));
    for (const [name, text] of [
      ["empty", ""],
      ["note", "a note, which is neither key nor archive\n"],
      ["folder/file", "x"],
    ] as const) {
      await writeFile(join(dir.path, name), text);
    }
    const stranger = await otherToken(server);
    const [, strangerSecret = ""] = /tok:(.*)$/.exec(stranger.authorization) ?? [];
    const place = `127.0.0.1:${server.port}:store1`;
    const run = async (args: readonly string[], variables: Mistake[2] = {}) => {
      const isStranger = variables["WHO"] === "stranger";
      const env = {
        PATH: process.env["PATH"],
        HOME: dir.path,
        XDG_RUNTIME_DIR: dir.path,
        LC_ALL: "C",
        PBS_REPOSITORY: `${isStranger ? "other@pbs!tok" : server.tokenId}@${place}`,
        PBS_PASSWORD: isStranger ? strangerSecret : server.tokenSecret,
        PBS_FINGERPRINT: server.fingerprint,
        ...Object.fromEntries(
          Object.entries(variables).map(([name, value]) => [
            name,
            value?.replaceAll("DIR", dir.path),
          ]),
        ),
      };
      return await new Promise<{ status: unknown; stderr: string }>((done) => {
        const child = execFile(
          process.execPath,
          [amberProgram, ...args],
          { env, timeout: 30_000 },
          (error, stdout, stderr) => {
            const text = stderr.replaceAll(dir.path, "DIR").replaceAll(String(server.port), "PORT");
            done({ status: error?.code ?? 0, stderr: text + stdout });
          },
        );
        child.stdin?.end();
      });
    };
    const key = ["key", "create", join(dir.path, "key"), "--kdf", "none"];
    expect((await run(key)).status).to.equal(0);
    const stored = ["backup", `notes.conf:${join(dir.path, "note")}`, "--backup-id", "web"];
    expect((await run(stored)).status).to.equal(0);
    const runs = mapConcurrent(mistakes, 3, async (mistake) => {
      const [line, , variables] = mistake;
      const args = line
        .split(" ")
        .map((word) => word.replace("DIR", dir.path).replace("PORT", String(server.port)));
      return { mistake, outcome: await run(args, variables) };
    });
    for await (const { mistake, outcome } of runs) outcomes.set(mistake, outcome);
  });

  for (const mistake of mistakes) {
    const [line, words, variables = {}] = mistake;
    const set = Object.entries(variables).map(([name, value]) => `${name}=${value ?? ""} `);
    it(`names what is wrong with \`${set.join("")}amber ${line}\``, () => {
      const outcome = outcomes.get(mistake);

      expect(outcome?.stderr).to.match(/^(Warning: .*\n| .*\n)*Error: /m);
      expect(outcome?.stderr).to.match(words);
      expect(outcome?.stderr).not.to.match(/\n\s+at /);
      // As "amber pxar" it answers like the official program of that name.
      expect(outcome?.status).to.equal(line.startsWith("pxar ") ? 255 : 1);
    });
  }
});
