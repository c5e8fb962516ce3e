import { expect } from "chai";

import { type MountCommandOptions, withMountWords } from "../../src/cli/mount-options.ts";
import { thrown } from "../support/thrown.ts";

function options(...o: string[]): MountCommandOptions {
  return { transport: "fuse", cacheSize: "256MiB", diskCacheSize: "10GiB", o };
}

describe("cli/mount-options", () => {
  it("takes what fstab says", () => {
    const words = "ro,_netdev,nofail,x-systemd.automount,allow_other,ns=a/b,transport=fuse-native";

    const result = withMountWords(options(words, "repository=me@pbs@host:store,cache_size=1GiB"));

    expect(result).to.include({
      allowOther: true,
      ns: "a/b",
      transport: "fuse-native",
      repository: "me@pbs@host:store",
      cacheSize: "1GiB",
    });
  });

  for (const word of ["rw", "nonsense", "nonsense=1", "transport=carrier-pigeon"]) {
    it(`refuses "${word}"`, () => {
      expect(thrown(() => withMountWords(options(word)))).to.have.property("code", "CLI_USAGE");
    });
  }
});
