import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import {
  runAmber,
  type Run,
  type ServerProcess,
  startServerProcess,
} from "../support/amber-program.ts";

/** The real program as administrator of a real server, on its own machine. */
describe("integration/manager-command", function () {
  this.timeout(60_000);
  let home: string;
  let server: ServerProcess;

  before(async () => {
    home = mkdtempSync(join(tmpdir(), "amber-manager-"));
    server = await startServerProcess(home);
  });

  after(async () => {
    await server.stop();
    rmSync(home, { recursive: true });
  });

  /** Runs `amber manager`, or a program of another name, with the server's folder. */
  function manage(words: string, program: "manager" | "proxmox-backup-manager" = "manager"): Run {
    return runAmber([program, ...words.split(" "), "--config", join(home, "config")], {
      LC_ALL: "C",
      PROXMOX_OUTPUT_NO_BORDER: "1",
    });
  }

  function data(words: string): unknown {
    const { status, stdout, stderr } = manage(`${words} --output-format json`);
    expect(stderr).to.equal("");
    expect(status).to.equal(0);
    return JSON.parse(stdout);
  }

  it("makes a user with a password from a file, a token, and gives both a role", () => {
    const file = join(home, "new-password");
    writeFileSync(file, "long-enough\n");
    const run = manage(`user create bob@pbs --password-file ${file} --comment nightly`);
    expect(run).to.include({ status: 0, stdout: "", stderr: "" });

    const made = manage("user generate-token bob@pbs laptop");
    expect(made.stdout).to.match(/^Result: \{\n {2}"tokenid": "bob@pbs!laptop",\n {2}"value": "/);
    for (const id of ["bob@pbs", "bob@pbs!laptop"]) {
      manage(`acl update /datastore/store1 DatastoreBackup --auth-id ${id}`);
    }

    expect(manage("user permissions bob@pbs!laptop").stdout).to.equal(
      "Privileges with (*) have the propagate flag set\n\n" +
        "Path: /datastore/store1\n- Datastore.Backup (*)\n",
    );
    const { stdout } = manage("user list");
    expect(stdout).to.match(/^userid +enable +expire .*\n/);
    expect(stdout).to.match(/\nbob@pbs .* nightly\n/);
    const login = { ...server.env, PBS_REPOSITORY: "", PBS_PASSWORD: "long-enough" };
    const [, port = ""] = /:(\d+):/.exec(server.env["PBS_REPOSITORY"] ?? "") ?? [];
    const repository = `bob@pbs@127.0.0.1:${port}:store1`;
    expect(runAmber(["list", "--repository", repository], login).status).to.equal(0);
  });

  it("takes the official name, its way of writing switches, and its exit status", () => {
    manage(
      "acl update /remote Audit --auth-id bob@pbs --propagate false",
      "proxmox-backup-manager",
    );
    expect(data("acl list")).to.deep.include({
      path: "/remote",
      propagate: false,
      roleid: "Audit",
      ugid: "bob@pbs",
      ugid_type: "user",
    });
    manage("acl update /remote Audit --delete --auth-id bob@pbs", "proxmox-backup-manager");
    expect(JSON.stringify(data("acl list"))).not.to.include("/remote");

    const wrong = manage("user create bob@pbs", "proxmox-backup-manager");
    expect(wrong).to.include({ status: 255, stderr: "Error: user 'bob@pbs' already exists.\n" });
  });

  it("changes a datastore, and follows the task of a collection", () => {
    manage("datastore update store1 --comment spare --verify-new");
    expect(data("datastore show store1")).to.include({ comment: "spare", "verify-new": true });
    manage("datastore update store1 --delete comment");
    expect(data("datastore show store1")).not.to.have.property("comment");

    expect(manage("garbage-collection start store1").stdout).to.include("TASK OK");
    expect(data("garbage-collection status store1")).to.include({ "last-run-state": "OK" });
  });

  it("keeps jobs and remotes, whose passwords it never shows", () => {
    manage("prune-job create p-1 --store store1 --schedule daily --keep-last 3 --disable");
    expect(data("prune-job show p-1")).to.include({ "keep-last": 3, disable: true });
    manage("prune-job update p-1 --disable false --delete keep-last --keep-daily 7");
    expect(data("prune-job show p-1")).to.include({ disable: false, "keep-daily": 7 });
    expect(manage("prune-job run p-1").stdout).to.include("TASK OK");
    manage("remote create there --host 127.0.0.1 --auth-id a@pbs --password very-secret");
    manage(
      "sync-job create s-1 --store store1 --remote there --remote-store tank --group-filter type:vm --group-filter type:ct",
    );
    expect(data("sync-job show s-1")).to.deep.include({ "group-filter": ["type:vm", "type:ct"] });

    expect(data("remote list")).to.deep.equal([
      { name: "there", host: "127.0.0.1", "auth-id": "a@pbs" },
    ]);
    expect(manage("remote remove there").stderr).to.match(/^Error: remote 'there' is used by sync/);
    for (const words of ["sync-job remove s-1", "remote remove there"]) {
      expect(manage(words).status, words).to.equal(0);
    }
  });

  it("reads the token and the secrets of targets from files", () => {
    const [token, secrets] = [join(home, "token"), join(home, "secrets")];
    writeFileSync(token, "app-token\n");
    writeFileSync(secrets, "name=one,value=MQ==\nname=two,value=Mg==\n");
    const endpoint = "notification endpoint";

    const made = [
      `${endpoint} gotify create app --server http://localhost:1 --token-file ${token}`,
      `${endpoint} webhook create hook --method post --url http://localhost:1/{{secrets.two}} --secret-file ${secrets}`,
    ].map((words) => manage(words).stderr);

    expect(made).to.deep.equal(["", ""]);
    expect(data(`${endpoint} webhook show hook`)).to.deep.include({
      secret: ["name=one", "name=two"],
    });
    for (const each of ["gotify delete app", "webhook delete hook"]) manage(`${endpoint} ${each}`);
  });

  it("keeps targets of notifications and matchers, whose secrets it never shows", () => {
    const smtp = "notification endpoint smtp";
    manage(
      `${smtp} create post --server 127.0.0.1 --port 1 --mailto a@b --mailto c@d --from-address e@f --username u --password very-secret`,
    );
    manage("notification matcher create m-1 --target post --match-severity error --mode any");
    manage(`${smtp} update post --mode starttls --password very-secret --delete username`);

    const shown = data(`${smtp} show post`);
    expect(shown).to.deep.include({ mailto: ["a@b", "c@d"], mode: "starttls" });
    expect(shown).not.to.have.any.keys("password", "username");
    expect(data("notification matcher show m-1")).to.deep.include({ target: ["post"] });
    expect(manage("notification target list").stdout).to.match(/\nmail-to-root +sendmail /);
    expect(manage("notification target test post").stderr).to.match(/^Error: Cannot send .*"post"/);
    for (const words of ["notification matcher delete m-1", `${smtp} delete post`]) {
      expect(manage(words).status, words).to.equal(0);
    }
  });

  it("prints the log of a task that has ended, and changes the server as a whole", () => {
    manage("garbage-collection start store1");
    const [task] = data("task list --running false") as { upid: string }[];

    expect(manage(`task log ${task?.upid ?? ""}`).stdout).to.include("TASK OK");
    manage("node update --email-from backup@example.org --task-log-max-days 90");
    expect(data("node show")).to.include({
      "email-from": "backup@example.org",
      "task-log-max-days": 90,
    });
  });

  it("keeps rules about overdue backups", () => {
    manage("overdue-rule create r-1 --hours 36 --store store1 --group-filter group:host/web");
    manage("overdue-rule update r-1 --hours 24");

    expect(data("overdue-rule show r-1")).to.include({ hours: 24, store: "store1" });
    expect(data("overdue")).to.deep.equal([
      {
        store: "store1",
        ns: "",
        "backup-type": "host",
        "backup-id": "web",
        rule: "r-1",
        hours: 24,
        overdue: false,
      },
    ]);
    expect(manage("overdue-rule remove r-1").status).to.equal(0);
  });

  it("prints the fingerprint that clients compare", () => {
    const { stdout } = manage("cert info");

    expect(stdout).to.include(`Fingerprint (sha256): ${server.env["PBS_FINGERPRINT"] ?? ""}\n`);
  });

  it("manages another server with a login", () => {
    const args = ["manager", "user", "list", "--output-format", "json"];
    const repository = server.env["PBS_REPOSITORY"] ?? "";

    const run = runAmber([...args, "--repository", repository], server.env);

    expect(JSON.parse(run.stdout)).to.deep.include({ userid: "bob@pbs", comment: "nightly" });
  });

  it("says in one line when there is no server, or an argument is wrong", () => {
    const nowhere = runAmber(["manager", "user", "list", "--config", join(home, "nothing")]);
    expect(nowhere.status).to.equal(1);
    expect(nowhere.stderr).to.match(/^Error: Cannot read ".*": no server has run with this/);

    const wrong = manage("user update bob@pbs --enable perhaps");
    expect(wrong.status).to.equal(1);
    expect(wrong.stderr).to.include("true or false is wanted");
  });
});
