import { expect } from "chai";

import { parseAuthId } from "../../../src/format/snapshot/auth-id.ts";
import { AclTree, isAclPath } from "../../../src/server/auth/acl-tree.ts";
import { privilegeNames } from "../../../src/server/auth/privileges.ts";
import { thrown } from "../../support/thrown.ts";

const user = parseAuthId("u@pbs");

function granted(text: string, path: string): readonly string[] {
  return privilegeNames(AclTree.parse(text).grant(user, path).granted);
}

describe("server/auth/acl-tree", () => {
  it("reads the line that the genuine server wrote", () => {
    const tree = AclTree.parse("acl:1:/:test@pbs,test@pbs!tok1:Admin\n");

    expect(
      [...tree.entries()].map((entry) => [entry.path, entry.authId, entry.role]),
    ).to.deep.equal([
      ["/", "test@pbs", "Admin"],
      ["/", "test@pbs!tok1", "Admin"],
    ]);
    expect(tree.format()).to.equal("acl:1:/:test@pbs,test@pbs!tok1:Admin\n");
  });

  it("hands roles that propagate down to every path below", () => {
    expect(granted("acl:1:/datastore:u@pbs:DatastoreBackup", "/datastore/s1/a/b")).to.deep.equal([
      "Datastore.Backup",
    ]);
  });

  it("keeps a role that does not propagate on its own path", () => {
    const text = "acl:0:/datastore/s1:u@pbs:DatastoreBackup";

    expect(granted(text, "/datastore/s1")).to.deep.equal(["Datastore.Backup"]);
    expect(granted(text, "/datastore/s1/a")).to.deep.equal([]);
  });

  it("replaces what came from above instead of adding to it", () => {
    const text = "acl:1:/:u@pbs:Admin\nacl:1:/datastore/s1:u@pbs:DatastoreAudit\n";

    expect(granted(text, "/datastore/s1/a")).to.deep.equal(["Datastore.Audit"]);
  });

  it("does not let an invisible entry on the way replace what came from above", () => {
    const text = "acl:1:/:u@pbs:DatastoreBackup\nacl:0:/datastore:u@pbs:DatastoreAudit\n";

    expect(granted(text, "/datastore/s1")).to.deep.equal(["Datastore.Backup"]);
    expect(granted(text, "/datastore")).to.deep.equal(["Datastore.Audit"]);
  });

  it("lets NoAccess win over every other role of the same path", () => {
    const text = "acl:1:/:u@pbs:Admin\nacl:1:/datastore/s1:u@pbs:Admin,NoAccess\n";

    expect(granted(text, "/datastore/s1/a")).to.deep.equal([]);
    expect(granted(text, "/datastore/s2")).to.include("Datastore.Backup");
  });

  it("reports as propagated only what also holds below", () => {
    const tree = AclTree.parse("acl:1:/a:u@pbs:Audit\nacl:0:/a:u@pbs:DatastoreBackup\n");

    const { granted: here, propagated } = tree.grant(user, "/a");

    expect(privilegeNames(here)).to.deep.equal([
      "Datastore.Audit",
      "Datastore.Backup",
      "Sys.Audit",
    ]);
    expect(privilegeNames(propagated)).to.deep.equal(["Datastore.Audit", "Sys.Audit"]);
  });

  it("refuses a line that is no entry", () => {
    expect(thrown(() => AclTree.parse("acl:2:/:u@pbs:Admin"))).to.have.property(
      "code",
      "CONFIG_INVALID",
    );
  });

  it("knows the paths that can have roles", () => {
    const good = ["/", "/datastore", "/datastore/s1/a/b/c/d/e/f/g", "/system/tasks", "/access/acl"];
    const bad = ["", "/nope", "/datastore/s1/1/2/3/4/5/6/7/8", "/datastore/../x", "/system/nope"];

    expect(good.filter((path) => !isAclPath(path))).to.deep.equal([]);
    expect(bad.filter(isAclPath)).to.deep.equal([]);
  });
});
