import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import {
  eventually,
  type Run,
  runAmber,
  type ServerProcess,
  startServerProcess,
} from "../support/amber-program.ts";
import { prng } from "../support/prng.ts";
import { makeDisk, reasonWithoutQemu, writeDisk } from "../support/qemu-guest.ts";
import { skipBecause } from "../support/skip-because.ts";
import { tempDir } from "../support/temp-dir.ts";

const MIB = 1024 * 1024;

/** libvirt gives root its system mode only, which wants users and services of its own: root's tests are somebody else's session. */
const NOBODY = 65_534;

const DOMAIN = "amber-web";

function domainXml(disk: string): string {
  return `<domain type='qemu'><name>${DOMAIN}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>
</devices></domain>`;
}

describe("amber backup-vm --libvirt", function () {
  this.timeout(180_000);

  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: ServerProcess;
  let session: string;
  let env: NodeJS.ProcessEnv;
  let disk: Buffer;

  before(async function () {
    const reason = reasonWithoutQemu();
    if (reason !== undefined) skipBecause(this, reason);
    const hasLibvirt =
      spawnSync("which", ["virsh"]).status === 0 && existsSync("/usr/sbin/libvirtd");
    if (!hasLibvirt) skipBecause(this, "virsh or libvirtd cannot be run");
    folder = await tempDir();
    server = await startServerProcess(folder.path);
    chmodSync(folder.path, 0o755);
    session = join(folder.path, "session");
    const folders = ["", "run", "config", "cache", "data"].map((name) => join(session, name));
    for (const path of folders) mkdirSync(path, { mode: 0o700 });
    const image = makeDisk({ path: join(session, "a.qcow2"), format: "qcow2" }, "16M");
    disk = Buffer.alloc(16 * MIB);
    disk.set(prng(9, 9 * MIB));
    writeDisk(image, 0, disk.subarray(0, 9 * MIB));
    writeFileSync(join(session, "domain.xml"), domainXml(image.path));
    if (process.getuid?.() === 0) {
      for (const path of [...folders, image.path, join(session, "domain.xml")]) {
        chownSync(path, NOBODY, NOBODY);
      }
    }
    virsh("create", join(session, "domain.xml"));
    const socket = join(session, "run/libvirt/libvirt-sock");
    env = { ...server.env, LIBVIRT_DEFAULT_URI: `qemu:///session?socket=${socket}` };
  });

  after(async () => {
    virsh("destroy", DOMAIN);
    const daemon = Number(readFileSync(join(session, "run/libvirt/libvirtd.pid"), "utf8"));
    process.kill(daemon, "SIGTERM");
    await eventually(() => !existsSync(`/proc/${daemon}`), "the end of libvirtd");
    await server.stop();
    await folder[Symbol.asyncDispose]();
  });

  /** Runs virsh in the session of the test, which begins with the first call. */
  function virsh(...args: readonly string[]): string {
    const isRoot = process.getuid?.() === 0;
    const asNobody = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
    const [program = "", ...rest] = [...(isRoot ? asNobody : []), "virsh", ...args];
    return execFileSync(program, rest, {
      cwd: session,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        LIBVIRT_DEFAULT_URI: "qemu:///session",
        HOME: session,
        XDG_RUNTIME_DIR: join(session, "run"),
        XDG_CONFIG_HOME: join(session, "config"),
        XDG_CACHE_HOME: join(session, "cache"),
        XDG_DATA_HOME: join(session, "data"),
      },
    }).toString();
  }

  function backUp(): Run {
    const run = runAmber(["backup-vm", "--libvirt", DOMAIN, "--backup-id", "web"], env);
    expect(run.stderr).to.not.contain("Error");
    expect(run.status).to.equal(0);
    return run;
  }

  function restored(archive: string): Buffer {
    const run = runAmber(["restore", "vm/web", archive, "-"], server.env);
    expect(run.status).to.equal(0);
    return Buffer.from(run.stdoutBytes);
  }

  it("backs up a domain through virsh, the second time only what changed, and leaves it as it was", () => {
    backUp();
    const device = "/machine/peripheral/virtio-disk0/virtio-backend";
    const command = `qemu-io -d ${device} "write -P 7 ${MIB} 4096"`;
    virsh("qemu-monitor-command", DOMAIN, "--hmp", command);
    disk.fill(7, MIB, MIB + 4096);
    const second = backUp();
    const image = restored("drive-virtio-disk0.img");
    const nodes = virsh("qemu-monitor-command", DOMAIN, '{"execute":"query-named-block-nodes"}');

    expect(image.equals(disk)).to.equal(true);
    expect(second.stderr).to.not.contain("is read as a whole");
    expect(second.stderr).to.contain("had to back up 4 MiB of 16 MiB");
    expect(nodes).to.not.contain("amber-filter");
    expect(virsh("domstate", DOMAIN).trim()).to.equal("running");
  });

  it("stores the domain's XML", () => {
    backUp();

    expect(restored("libvirt-domain.conf").toString()).to.contain(`<name>${DOMAIN}</name>`);
  });

  it("says what is wrong with a domain that is not there, and with mode stop", () => {
    const id = ["--backup-id", "web"];
    const missing = runAmber(["backup-vm", "--libvirt", "no-such", ...id], env);
    const stop = runAmber(["backup-vm", "--libvirt", DOMAIN, "--mode", "stop", ...id], env);

    expect([missing.status, stop.status]).to.deep.equal([1, 1]);
    expect(missing.stderr).to.contain("no-such");
    expect(stop.stderr).to.contain("--mode stop");
  });
});
