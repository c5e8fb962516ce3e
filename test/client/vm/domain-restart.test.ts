import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { DomainRestart } from "../../../src/client/vm/domain-restart.ts";
import { LibvirtDomain } from "../../../src/client/vm/libvirt-domain.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** Notes what it is told; states are libvirt's numbers, from a file each. A real one is in test/integration/libvirt.test.ts. */
const VIRSH = `#!/bin/sh
cd "$(dirname "$0")" || exit 9
echo "$*" >> calls
case "$1" in
  domuuid|list) echo 5c3f ;;
  dumpxml) echo "<domain><on_poweroff>$(cat on_poweroff)</on_poweroff></domain>" ;;
  domstats) cat state ;;
  shutdown) if [ -e cut-off ]; then echo "end of file" >&2; exit 1; fi ;;
  start) case "$*" in
      *--paused) cat paused > state; echo "broke off" >&2; exit 1 ;;
      *) echo "state.state=1" > state ;;
    esac ;;
  resume) echo "not now" >&2; exit 1 ;;
esac
`;

const OFF = "Domain: 'web'\n  state.state=5\n  state.reason=1\n";
const RUNNING = "Domain: 'web'\n  state.state=1\n  state.reason=1\n";
const DESTROYED = "Domain: 'web'\n  state.state=5\n  state.reason=2\n";
const PAUSED = "Domain: 'web'\n  state.state=3\n  state.reason=11\n";

/** A domain that is so after its guest was told to shut down, and so after a start that broke off. */
async function makeDomain(then: { readonly state: string; readonly paused?: string }): Promise<
  AsyncDisposable & {
    readonly domain: LibvirtDomain;
    readonly calls: () => readonly string[];
    readonly write: (name: string, text: string) => void;
  }
> {
  const folder = await tempDir();
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder.path, name), text);
  };
  write("virsh", VIRSH);
  chmodSync(join(folder.path, "virsh"), 0o755);
  write("state", then.state);
  write("paused", then.paused ?? then.state);
  process.env["PATH"] = `${folder.path}:${process.env["PATH"] ?? ""}`;
  return {
    domain: await LibvirtDomain.find("web"),
    calls: () => readFileSync(join(folder.path, "calls"), "utf8").trim().split("\n"),
    write,
    [Symbol.asyncDispose]: async () => {
      await folder[Symbol.asyncDispose]();
    },
  };
}

const work = async (): Promise<void> => {
  await Promise.reject(new Error("not to be reached"));
};

describe("client/vm/domain-restart", () => {
  const path = process.env["PATH"];
  const infos: string[] = [];
  const onInfo = (text: string): void => {
    infos.push(text);
  };
  const going = { signal: new AbortController().signal, onInfo };

  beforeEach(() => {
    infos.length = 0;
  });

  afterEach(() => {
    process.env["PATH"] = path;
  });

  it("starts no domain that somebody destroyed while it shut down, and says how", async () => {
    await using web = await makeDomain({ state: DESTROYED });

    const restart = new DomainRestart(web.domain);
    const error = await rejection(restart.shutDown({ timeoutMs: 60_000, ...going }));

    expect(error).to.have.property("code", "VM_LEFT_OFF");
    expect(error).to.have.property("message").that.contains('"virsh start web" starts it');
    expect(web.calls().join()).to.not.contain("start");
  });

  it("goes by the state of a domain when libvirt breaks off after it was told to shut down", async () => {
    await using off = await makeDomain({ state: OFF });
    off.write("cut-off", "");
    await new DomainRestart(off.domain).shutDown({ timeoutMs: 60_000, ...going });
    await using on = await makeDomain({ state: RUNNING });
    on.write("cut-off", "");

    const error = await rejection(
      new DomainRestart(on.domain).shutDown({ timeoutMs: 60_000, ...going }),
    );

    expect(String(error)).to.contain("end of file");
    expect(infos.join()).to.contain('"virsh start web" starts it');
  });

  it("starts the guest again when the user interrupts as it has just shut down", async () => {
    await using web = await makeDomain({ state: OFF });
    const stop = new AbortController();

    const restart = new DomainRestart(web.domain);
    await restart.shutDown({ timeoutMs: 60_000, onInfo, signal: stop.signal });
    stop.abort(new Error("interrupted"));
    const error = await rejection(restart.startFor({ onInfo, signal: stop.signal }, work));

    expect(error).to.have.property("message", "interrupted");
    expect(web.calls().at(-2)).to.equal("start --domain 5c3f");
    expect(infos).to.deep.equal([]);
  });

  it("runs a domain that is off after a start that broke off", async () => {
    await using web = await makeDomain({ state: OFF });

    const error = await rejection(new DomainRestart(web.domain).startFor(going, work));

    expect(error).to.have.property("message").that.contains("broke off");
    expect(web.calls().at(-2)).to.equal("start --domain 5c3f");
  });

  it("says how to resume a domain that stays paused, also to a user who interrupted", async () => {
    await using web = await makeDomain({ state: OFF, paused: PAUSED });
    const stop = new AbortController();

    const restart = new DomainRestart(web.domain);
    const error = await rejection(restart.startFor(going, work));
    stop.abort(new Error("interrupted"));
    await rejection(restart.startFor({ onInfo, signal: stop.signal }, work));

    const remedy = 'it is paused; "virsh resume web" resumes it';
    expect(error).to.have.property("code", "VM_LEFT_OFF");
    expect(error).to.have.property("message").that.contains(remedy);
    expect(infos.join()).to.contain(remedy);
  });

  it("refuses a domain that libvirt starts again by itself or keeps when it has shut down", async () => {
    await using web = await makeDomain({ state: OFF });
    web.write("on_poweroff", "destroy");
    await web.domain.checkCanRestart();
    web.write("on_poweroff", "restart");
    const again = await rejection(web.domain.checkCanRestart());
    web.write("on_poweroff", "preserve");
    const kept = await rejection(web.domain.checkCanRestart());

    expect(again).to.have.property("code", "VM_STOP_REFUSED");
    expect(kept).to.have.property("code", "VM_STOP_REFUSED");
  });
});
