import { expect } from "chai";

import { type PxarMetadata, samePxarMetadata } from "../../../src/format/pxar/metadata.ts";
import { metadataOf } from "../../support/pxar-fixtures.ts";

const full = (): PxarMetadata =>
  metadataOf({
    mode: 0o100644,
    xattrs: [{ name: Buffer.from("user.a"), value: Buffer.from("1") }],
    acl: {
      users: [{ id: 1, permissions: 7 }],
      groups: [],
      groupObject: 5,
      defaults: { userObject: 7, groupObject: 5, other: 0, mask: undefined },
      defaultUsers: [],
      defaultGroups: [{ id: 2, permissions: 1 }],
    },
    fcaps: Buffer.from("caps"),
    quotaProjectId: 7n,
  });

const changes: Record<string, (metadata: PxarMetadata) => Partial<PxarMetadata>> = {
  mode: () => ({ mode: 0o100600 }),
  flags: () => ({ flags: 0x10000 }),
  owner: () => ({ uid: 1 }),
  group: () => ({ gid: 1 }),
  seconds: () => ({ mtimeSec: 1 }),
  nanoseconds: () => ({ mtimeNanos: 1 }),
  "attribute value": () => ({ xattrs: [{ name: Buffer.from("user.a"), value: Buffer.from("2") }] }),
  "attribute name": () => ({ xattrs: [{ name: Buffer.from("user.b"), value: Buffer.from("1") }] }),
  "lost attribute": () => ({ xattrs: [] }),
  "lost ACL": () => ({ acl: undefined }),
  "named user": ({ acl }) => ({ acl: { ...acl!, users: [{ id: 1, permissions: 6 }] } }),
  "default mask": ({ acl }) => ({ acl: { ...acl!, defaults: { ...acl!.defaults!, mask: 7 } } }),
  "lost default": ({ acl }) => ({ acl: { ...acl!, defaults: undefined } }),
  capabilities: () => ({ fcaps: Buffer.from("cap2") }),
  "lost capabilities": () => ({ fcaps: undefined }),
  "quota project": () => ({ quotaProjectId: 8n }),
};

describe("format/pxar/metadata", () => {
  it("takes metadata of equal content for the same", () => {
    expect(samePxarMetadata(full(), full())).to.equal(true);
  });

  for (const [what, change] of Object.entries(changes)) {
    it(`notices a change of ${what}`, () => {
      const before = full();

      expect(samePxarMetadata(before, { ...before, ...change(before) })).to.equal(false);
    });
  }
});
