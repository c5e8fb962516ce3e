import { cp, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { rootNamespace } from "../../../src/format/snapshot/namespace.ts";
import { parseBackupGroup } from "../../../src/format/snapshot/snapshot-id.ts";
import { visibleGroups } from "../../../src/server/api/group-routes.ts";
import { MemoryBackend } from "../../../src/server/store/memory-backend.ts";
import { type StoreBackend } from "../../../src/server/store/store-backend.ts";
import { ApiCalls } from "../../support/api-calls.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { datastoreOn, makeBackup, snapshotAt, tester } from "../../support/make-backup.ts";
import { realStore, startServerOnRealStore } from "../../support/real-store-server.ts";
import { otherToken, type TestServer } from "../../support/test-server.ts";

interface Row {
  readonly "backup-type": string;
  readonly "backup-id": string;
  readonly "backup-time": number;
}

describe("server/api listings", () => {
  let server: TestServer;
  before(async () => {
    server = await startServerOnRealStore();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function listed(query: string, calls = new ApiCalls(server)): Promise<readonly Row[]> {
    return await calls.call("GET", `/admin/datastore/store1/snapshots?${query}`);
  }

  it("gives the snapshots of a type, of an id, or of one group as they stand in the list of all", async () => {
    const all = await listed("");

    for (const { "backup-type": type, "backup-id": id } of all) {
      const ofType = all.filter((row) => row["backup-type"] === type);
      const ofId = all.filter((row) => row["backup-id"] === id);
      const ofGroup = ofType.filter((row) => row["backup-id"] === id);
      expect(await listed(`backup-type=${type}`)).to.deep.equal(ofType);
      expect(await listed(`backup-id=${id}`)).to.deep.equal(ofId);
      expect(await listed(`backup-type=${type}&backup-id=${id}`)).to.deep.equal(ofGroup);
    }
  });

  it("gives nothing for a group that is not there", async () => {
    expect(await listed("backup-type=vm&backup-id=nobody")).to.deep.equal([]);
    expect(await listed("backup-id=nobody")).to.deep.equal([]);
  });

  it("gives nothing of one group to somebody who may only see others", async () => {
    const { authorization } = await otherToken(server, "DatastoreBackup");

    const rows = await listed(
      "backup-type=host&backup-id=trace",
      new ApiCalls(server, authorization),
    );

    expect(rows).to.deep.equal([]);
  });

  it("passes over a group without a readable owner, also when it is asked for", async () => {
    await cp(join(realStore, "host/trace"), join(server.storePath, "host/orphan"), {
      recursive: true,
    });
    await writeFile(join(server.storePath, "host/orphan/owner"), "nonsense\n");

    expect(await listed("backup-type=host&backup-id=orphan")).to.deep.equal([]);
  });

  it("passes over a link and a file in place of a group's folder, also when it is asked for", async () => {
    await symlink("trace", join(server.storePath, "host/linked"));
    await writeFile(join(server.storePath, "host/flat"), "");

    for (const id of ["linked", "flat"]) {
      expect((await listed("")).filter((row) => row["backup-id"] === id)).to.deep.equal([]);
      expect(await listed(`backup-id=${id}`)).to.deep.equal([]);
      expect(await listed(`backup-type=host&backup-id=${id}`)).to.deep.equal([]);
    }
  });
});

describe("server/api visibleGroups", () => {
  it("reads the owner of a group that is named, and no other", async () => {
    const clock = new FakeClock();
    const reads: string[] = [];
    const datastore = datastoreOn(noting(new MemoryBackend(clock), reads), clock);
    for (const name of ["host/a", "host/b", "host/c"]) {
      await makeBackup(datastore, snapshotAt(0, name), new Uint8Array(100));
    }
    reads.length = 0;
    const place = { datastore, namespace: rootNamespace, scope: "every group" } as const;

    const visible = await visibleGroups(place, tester, parseBackupGroup("host/b"));

    expect(visible).to.deep.equal([{ group: parseBackupGroup("host/b"), owner: tester }]);
    expect(reads).to.deep.equal(["host/b/owner"]);
  });
});

/** Notes what is read of a backend. */
function noting(backend: MemoryBackend, reads: string[]): StoreBackend {
  return new Proxy(backend, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        if (name === "readFile" || name === "listFolder") reads.push(String(args[0]));
        return Reflect.apply(member, target, args);
      };
    },
  });
}
