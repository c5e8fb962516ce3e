import { execFileSync, spawn, type SpawnOptions, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { type VmState } from "../../src/client/vm/vm-state.ts";
import {
  amberProgram,
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
import { checkRecords, oneDiskWriter, writerSector } from "../support/writer-guest.ts";

const MIB = 1024 * 1024;

/** libvirt gives root its system mode only, which wants users and services of its own: root's tests are somebody else's session. */
const NOBODY = 65_534;

const DOMAIN = "amber-web";

function domainXml(name: string, disk?: string): string {
  const device =
    disk === undefined
      ? ""
      : `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>`;
  const uuid = createHash("md5").update(name).digest("hex");
  return `<domain type='qemu'><name>${name}</name><uuid>${uuid}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
${device}
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
    const xml = join(session, "domain.xml");
    writeFileSync(xml, domainXml(DOMAIN, image.path));
    giveAway(...folders, image.path, xml);
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

  function giveAway(...paths: readonly string[]): void {
    if (process.getuid?.() !== 0) return;
    for (const path of paths) chownSync(path, NOBODY, NOBODY);
  }

  /** Says what a domain is made of from its next start on. */
  function define(name: string, disk?: string): void {
    const xml = join(session, `${name}.xml`);
    writeFileSync(xml, domainXml(name, disk));
    giveAway(xml);
    virsh("define", xml);
  }

  /** Starts a persistent domain with a disk that begins with this sector and has 9 MiB that the guest leaves alone. */
  function startDomain(name: string, sector: Uint8Array): Disposable & { readonly name: string } {
    const image = makeDisk({ path: join(session, `${name}.qcow2`), format: "qcow2" }, "16M");
    writeDisk(image, 0, sector);
    writeDisk(image, 4 * MIB, prng(7, 9 * MIB));
    giveAway(image.path);
    define(name, image.path);
    virsh("start", name);
    return {
      name,
      [Symbol.dispose]: () => {
        if (stateOf(name) !== "shut off") virsh("destroy", name);
        virsh("undefine", name);
      },
    };
  }

  function stateOf(name: string): string {
    return virsh("domstate", name).trim();
  }

  /** Waits until the guest of a domain has written this often since it was started. */
  async function written(name: string, count: number): Promise<void> {
    const writes = (): number =>
      Number(/wr_req (\d+)/.exec(virsh("domblkstat", name, "vda"))?.[1] ?? 0);
    await eventually(() => writes() > count, "the guest's writes");
  }

  function stop(name: string, ...more: readonly string[]): Run {
    const args = ["backup-vm", "--libvirt", name, "--mode", "stop", "--backup-id", name, ...more];
    return runAmber(args, env);
  }

  /** How virsh is run in the session of the test, which begins with the first call. */
  function inSession(
    ...args: readonly string[]
  ): [program: string, args: readonly string[], options: SpawnOptions] {
    const isRoot = process.getuid?.() === 0;
    const asNobody = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
    const [program = "", ...rest] = [...(isRoot ? asNobody : []), "virsh", ...args];
    const sessionEnv = {
      ...process.env,
      LIBVIRT_DEFAULT_URI: "qemu:///session",
      HOME: session,
      XDG_RUNTIME_DIR: join(session, "run"),
      XDG_CONFIG_HOME: join(session, "config"),
      XDG_CACHE_HOME: join(session, "cache"),
      XDG_DATA_HOME: join(session, "data"),
    };
    return [program, rest, { cwd: session, env: sessionEnv, stdio: ["ignore", "pipe", "pipe"] }];
  }

  function virsh(...args: readonly string[]): string {
    return execFileSync(...inSession(...args)).toString();
  }

  function backUp(): Run {
    const run = runAmber(["backup-vm", "--libvirt", DOMAIN, "--backup-id", "web"], env);
    expect(run.stderr).to.not.contain("Error");
    expect(run.status).to.equal(0);
    return run;
  }

  function restored(archive: string, group = "vm/web"): Buffer {
    const run = runAmber(["restore", group, archive, "-"], server.env);
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

  it("says what is wrong with a domain that is not there", () => {
    const missing = runAmber(["backup-vm", "--libvirt", "no-such", "--backup-id", "web"], env);

    expect(missing.status).to.equal(1);
    expect(missing.stderr).to.contain("no-such");
  });

  describe("in mode stop", () => {
    it("stores the disks as the guest left them, runs it on, and reads only what changed the next time", async () => {
      using domain = startDomain("amber-writer", writerSector(oneDiskWriter));
      await written(domain.name, 300);
      const first = stop(domain.name);
      const image = restored("drive-virtio-disk0.img", "vm/amber-writer");
      const state = JSON.parse(restored("amber-vm.conf", "vm/amber-writer").toString()) as VmState;
      await written(domain.name, 20);
      const second = stop(domain.name);

      expect(first.status, first.stderr).to.equal(0);
      expect(state).to.include({ mode: "stop", consistency: "stopped" });
      const { newest, wrongBlocks } = checkRecords(image, oneDiskWriter);
      expect(wrongBlocks).to.equal(0);
      expect(newest).to.be.at.least(299);
      expect(second.status, second.stderr).to.equal(0);
      expect(second.stderr).to.not.contain("is read as a whole");
      expect(second.stderr).to.contain("had to back up 4 MiB of 16 MiB");
      expect(stateOf(domain.name)).to.equal("running");
    });

    it("refuses a transient domain, which would be gone", () => {
      const run = stop(DOMAIN);

      expect(run.status).to.equal(1);
      expect(run.stderr).to.contain("transient");
      expect(stateOf(DOMAIN)).to.equal("running");
    });

    it("does not touch the guest when the server cannot be used", () => {
      using domain = startDomain("amber-safe", writerSector(oneDiskWriter));
      const id = virsh("domid", domain.name);
      const run = runAmber(
        ["backup-vm", "--libvirt", domain.name, "--mode", "stop", "--backup-id", "x"],
        {
          ...env,
          PBS_PASSWORD: "wrong",
        },
      );

      expect(run.status).to.equal(1);
      expect(virsh("domid", domain.name)).to.equal(id);
      expect(stateOf(domain.name)).to.equal("running");
    });

    it("leaves a guest running that ignores its power button, also when it is interrupted, and tidies up", async () => {
      using domain = startDomain("amber-deaf", Buffer.alloc(512));
      const id = virsh("domid", domain.name);
      const late = stop(domain.name, "--stop-timeout", "1");
      const pressed = spawn(
        ...inSession("qemu-monitor-event", domain.name, "--event", "POWERDOWN"),
      );
      const args = ["backup-vm", "--libvirt", domain.name, "--mode", "stop", "--backup-id", "x"];
      const interrupted = spawn(process.execPath, [amberProgram, ...args], {
        env: { ...process.env, ...env },
        stdio: ["ignore", "ignore", "pipe"],
        detached: true,
      });
      let said = "";
      interrupted.stderr.on("data", (piece: Buffer) => (said += piece.toString()));
      await once(pressed, "close");
      // As a terminal does: to the whole group.
      process.kill(-(interrupted.pid ?? Number.NaN), "SIGINT");
      await once(interrupted, "close");
      const objects = virsh("qemu-monitor-command", domain.name, "--hmp", "info qom-tree /objects");

      expect(late.status).to.equal(1);
      expect(late.stderr).to.contain("has not shut down in time");
      expect(interrupted.exitCode).to.equal(130);
      expect(said).to.contain("may still do so");
      expect(virsh("domid", domain.name)).to.equal(id);
      expect(stateOf(domain.name)).to.equal("running");
      expect(objects).to.not.contain("amber-backup");
    });

    it("runs the guest again when its disks cannot be backed up after the restart", async () => {
      using domain = startDomain("amber-bare", writerSector(oneDiskWriter));
      await written(domain.name, 1);
      const id = virsh("domid", domain.name);
      define(domain.name);
      const run = stop(domain.name);

      expect(run.status).to.equal(1);
      expect(run.stderr).to.contain("no disk");
      expect(virsh("domid", domain.name)).to.not.equal(id);
      expect(stateOf(domain.name)).to.equal("running");
    });

    it("says how to start the domain when libvirt cannot", async () => {
      using domain = startDomain("amber-lost", writerSector(oneDiskWriter));
      await written(domain.name, 1);
      define(domain.name, join(session, "no-such.qcow2"));
      const run = stop(domain.name);

      expect(run.status).to.equal(1);
      expect(run.stderr).to.contain('"virsh start amber-lost" starts it');
      expect(run.stderr).to.contain("no-such.qcow2");
      expect(stateOf(domain.name)).to.equal("shut off");
    });
  });
});
