import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { execFileSync } from "node:child_process";

import { expect } from "chai";

import { claimVm, setupNames } from "../../../src/client/vm/block-setup.ts";
import { processIdentity } from "../../../src/client/vm/process-identity.ts";
import { QmpClient } from "../../../src/client/vm/qmp-client.ts";
import { listVmDrives } from "../../../src/client/vm/vm-disks.ts";
import { parseTrackedDisks } from "../../../src/client/vm/vm-state.ts";
import { startBreakableProxy } from "../../support/breakable-proxy.ts";
import { leftInGuest } from "../../support/left-in-guest.ts";
import {
  type GuestDisk,
  makeDisk,
  type QemuGuest,
  reasonWithoutQemu,
  startGuest,
  writeDisk,
} from "../../support/qemu-guest.ts";
import { rejection } from "../../support/rejection.ts";
import { skipBecause } from "../../support/skip-because.ts";
import { type TestServer } from "../../support/test-server.ts";
import { type LabBackup } from "../../support/vm-lab.ts";
import { startVmLab, type VmLabPlace } from "../../support/vm-lab-place.ts";

const MIB = 1024 * 1024;
const DISK_BYTES = 64 * MIB;

/** A guest without a program, whose disk the test writes to through QEMU, and a server to back it up to. */
interface World extends VmLabPlace {
  readonly disk: GuestDisk;
  readonly guest: () => QemuGuest;
  restart(how: "kill" | "quit"): Promise<void>;
  /** What the disk reads as now: filled chunk by chunk. */
  readonly content: Buffer;
}

async function makeWorld(port?: (server: TestServer) => Promise<number>): Promise<World> {
  const place = await startVmLab(port);
  const { folder } = place;
  const disk = makeDisk({ path: join(folder, "a.qcow2"), format: "qcow2" }, `${DISK_BYTES}`);
  const content = Buffer.alloc(DISK_BYTES);
  content.fill(1, 0, 32 * MIB);
  writeDisk(disk, 0, content.subarray(0, 32 * MIB));
  let guest = await startGuest(folder, [disk]);
  return {
    ...place,
    disk,
    content,
    guest: () => guest,
    restart: async (how) => {
      await guest.stop(how);
      guest = await startGuest(folder, [disk]);
    },
    [Symbol.asyncDispose]: async () => {
      await guest[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

/** Writes as the guest does: through its device, and so through whatever is in front of the disk. */
async function guestWrites(
  { guest, content }: Pick<World, "guest" | "content">,
  pattern: number,
  offset: number,
  size: number,
  flags = `-P ${pattern}`,
): Promise<void> {
  const device = "/machine/peripheral/vd0/virtio-backend";
  await guest().control.execute("human-monitor-command", {
    "command-line": `qemu-io -d ${device} "write ${flags} ${offset} ${size}"`,
  });
  content.fill(pattern, offset, offset + size);
}

async function expectExact(world: World, backup: LabBackup): Promise<void> {
  const restored = await world.lab.restored(backup, "drive-vd0.img");
  expect(restored.equals(world.content), "the restored disk is the disk").to.equal(true);
}

function readOf(backup: LabBackup): number | undefined {
  return backup.readBytes["drive-vd0"];
}

describe("client/vm, when something goes wrong", function () {
  this.timeout(120_000);

  before(function () {
    const reason = reasonWithoutQemu();
    if (reason !== undefined) skipBecause(this, reason);
  });

  it("reads only what changed since the previous backup, also after QEMU was restarted in order", async () => {
    await using world = await makeWorld();
    await world.lab.backUp(world.guest().qmpPath);
    await guestWrites(world, 2, 5 * MIB, 4096);

    await world.restart("quit");
    await guestWrites(world, 3, 40 * MIB, 4096);
    const backup = await world.lab.backUp(world.guest().qmpPath);

    expect(readOf(backup)).to.equal(8 * MIB);
    expect(backup.results["drive-vd0.img.fidx"]?.stats.uploadedCount).to.equal(2);
    await expectExact(world, backup);
  });

  it("reads everything and says why when QEMU was killed, and less again the next time", async () => {
    await using world = await makeWorld();
    await world.lab.backUp(world.guest().qmpPath);
    // Stored in the image in order first: QEMU marks what it has read from there as in use.
    await world.restart("quit");

    await world.restart("kill");
    const whole = await world.lab.backUp(world.guest().qmpPath);
    await guestWrites(world, 2, 8 * MIB, 4096);
    const next = await world.lab.backUp(world.guest().qmpPath);

    expect(whole.infos.join()).to.contain("lost when QEMU was killed");
    expect(readOf(whole)).to.equal(32 * MIB);
    expect(readOf(next)).to.equal(4 * MIB);
    await expectExact(world, next);
  });

  it("reads everything when the snapshot that it would build on is gone", async () => {
    await using world = await makeWorld();
    const first = await world.lab.backUp(world.guest().qmpPath);
    await world.lab.forget(first);

    const backup = await world.lab.backUp(world.guest().qmpPath);

    expect(readOf(backup)).to.equal(32 * MIB);
    await expectExact(world, backup);
  });

  it("reads everything of a disk that was resized", async () => {
    await using world = await makeWorld();
    await world.lab.backUp(world.guest().qmpPath);
    const size = DISK_BYTES + MIB;
    await world.guest().control.execute("block_resize", { "node-name": "disk0", size });

    const backup = await world.lab.backUp(world.guest().qmpPath);

    expect(backup.infos.join()).to.contain("the size has changed");
    expect((await world.lab.restored(backup, "drive-vd0.img")).length).to.equal(size);
  });

  it("gives back what was noted when the server is gone in the middle, and reads the union", async () => {
    let proxy: Awaited<ReturnType<typeof startBreakableProxy>> | undefined;
    await using world = await makeWorld(async ({ port }) => {
      proxy = await startBreakableProxy(port);
      return proxy.port;
    });
    await world.lab.backUp(world.guest().qmpPath);
    await guestWrites(world, 2, 4 * MIB, 4096);

    const onCut = async (): Promise<void> => {
      proxy?.break();
      await guestWrites(world, 3, 20 * MIB, 4096);
    };
    const error = await rejection(world.lab.backUp(world.guest().qmpPath, {}, { onCut }));
    proxy?.mend();
    const left = await leftInGuest(world.guest());
    const backup = await world.lab.backUp(world.guest().qmpPath);

    expect(error).to.have.property("code", "SESSION_LOST");
    expect(left).to.deep.equal([]);
    expect(readOf(backup)).to.equal(8 * MIB);
    await expectExact(world, backup);
    await proxy?.close();
  });

  it("fails when the guest dies, and the next backup reads what is needed", async () => {
    await using world = await makeWorld();
    await world.lab.backUp(world.guest().qmpPath);
    await guestWrites(world, 2, 4 * MIB, 4096);

    const onCut = (): void => {
      world.guest().child.kill("SIGKILL");
    };
    const error = await rejection(world.lab.backUp(world.guest().qmpPath, {}, { onCut }));
    await world.restart("kill");
    const backup = await world.lab.backUp(world.guest().qmpPath);

    expect(error).to.have.property("code", "VM_LOST");
    await expectExact(world, backup);
  });

  it("puts two halves of bitmaps together when QEMU ended in order during a backup", async () => {
    await using world = await makeWorld();
    await world.lab.backUp(world.guest().qmpPath);
    await guestWrites(world, 2, 4 * MIB, 4096);

    const onCut = async (): Promise<void> => {
      await guestWrites(world, 3, 12 * MIB, 4096);
      await world.guest().stop("quit");
    };
    const error = await rejection(world.lab.backUp(world.guest().qmpPath, {}, { onCut }));
    await world.restart("quit");
    const backup = await world.lab.backUp(world.guest().qmpPath);

    expect(error).to.have.property("code", "VM_LOST");
    expect(backup.infos.join()).to.contain("tidied up");
    expect(readOf(backup)).to.equal(8 * MIB);
    await expectExact(world, backup);
  });

  it("undoes what a backup left in QEMU that was killed", async () => {
    await using world = await makeWorld();
    const qmp = await QmpClient.connect({ path: world.guest().qmpPath, timeoutMs: 20_000 });
    const { disks } = await listVmDrives(qmp);
    const [disk] = disks;
    await claimVm(qmp, {
      owner: { pid: process.pid, startTicks: "0" },
      disks: [{ device: disk?.device ?? "", node: disk?.node ?? "" }],
    });
    const { filter, fleecing } = setupNames(0);
    const old = { driver: "null-co", "node-name": fleecing, size: DISK_BYTES };
    await qmp.execute("blockdev-add", old);
    const inFront = { driver: "copy-before-write", "node-name": filter, file: "disk0" };
    await qmp.execute("blockdev-add", { ...inFront, target: fleecing });
    await qmp.execute("qom-set", { path: disk?.device, property: "drive", value: filter });
    qmp[Symbol.dispose]();

    const backup = await world.lab.backUp(world.guest().qmpPath);

    expect(backup.infos.join()).to.contain("tidied up");
    expect(await leftInGuest(world.guest())).to.deep.equal([]);
    await expectExact(world, backup);
  });

  it("refuses a second backup while one is running, and leaves that alone", async () => {
    await using world = await makeWorld();
    const own = await processIdentity(process.pid);
    await claimVm(world.guest().control, { owner: own ?? { pid: 0, startTicks: "" }, disks: [] });

    const error = await rejection(world.lab.backUp(world.guest().qmpPath));

    expect(error).to.have.property("code", "VM_BACKUP_RUNNING");
    expect(await leftInGuest(world.guest())).to.deep.equal(["amber-backup"]);
  });

  it("says that the monitor is taken when another program is connected to it", async () => {
    await using world = await makeWorld();
    using other = await QmpClient.connect({ path: world.guest().qmpPath, timeoutMs: 20_000 });

    const changes = { qmpTimeoutMs: 300 };
    const error = await rejection(world.lab.backUp(world.guest().qmpPath, changes));

    expect(error).to.have.property("code", "VM_MONITOR_TAKEN");
    expect(other.lost).to.equal(undefined);
  });

  it("leaves an NBD server alone that another program uses", async () => {
    await using world = await makeWorld();
    const { control } = world.guest();
    const addr = { type: "unix", data: { path: join(world.folder, "other.sock") } };
    await control.execute("nbd-server-start", { addr });
    const node = { driver: "null-co", "node-name": "other", size: MIB };
    await control.execute("blockdev-add", node);
    await control.execute("block-export-add", { id: "other", type: "nbd", "node-name": "other" });

    const error = await rejection(world.lab.backUp(world.guest().qmpPath));

    expect(error).to.have.property("code", "VM_NBD_TAKEN");
    const exports = JSON.stringify(await control.execute("query-block-exports"));
    expect(exports).to.contain('"other"');
    expect(await leftInGuest(world.guest())).to.deep.equal([]);
  });

  it("gives up the backup and not the guest when old blocks have no room", async function () {
    if (process.getuid?.() !== 0) skipBecause(this, "only root can mount a small file system");
    await using world = await makeWorld();
    const fleecingFolder = join(world.folder, "small");
    await mkdir(fleecingFolder);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", fleecingFolder]);
    try {
      const onCut = async (): Promise<void> => {
        await guestWrites(world, 2, 16 * MIB, 8 * MIB);
      };
      const plan = { fleecingFolder };
      const error = await rejection(world.lab.backUp(world.guest().qmpPath, plan, { onCut }));
      const status = JSON.stringify(await world.guest().control.execute("query-status"));

      expect(error).to.have.property("code", "VM_FLEECING_FULL");
      expect(status).to.contain('"running"');
      expect(await leftInGuest(world.guest())).to.deep.equal([]);
    } finally {
      execFileSync("umount", [fleecingFolder]);
    }
    const backup = await world.lab.backUp(world.guest().qmpPath);
    await expectExact(world, backup);
  });

  it("fails with the disk's error when QEMU cannot read it", async () => {
    await using place = await startVmLab();
    const { folder, lab } = place;
    const disk = makeDisk({ path: join(folder, "a.raw"), format: "raw" }, "16M");
    writeDisk(disk, 0, Buffer.alloc(16 * MIB, 7));
    const rules = join(folder, "rules");
    await writeFile(rules, '[inject-error]\nevent = "none"\nerrno = "5"\nsector = "16384"\n');
    const broken = {
      driver: "blkdebug",
      "node-name": "broken",
      config: rules,
      image: { driver: "file", filename: disk.path },
    };
    const extra = [
      ...["-blockdev", JSON.stringify(broken)],
      ...["-device", "virtio-blk-pci,drive=broken,id=vd9"],
    ];
    await using guest = await startGuest(folder, [], extra);

    const error = await rejection(lab.backUp(guest.qmpPath));

    expect(error).to.have.property("code", "VM_DISK_UNREADABLE");
    expect(await leftInGuest(guest)).to.deep.equal([]);
  });

  it("reads all of a disk that came, and of the others only what changed", async () => {
    await using world = await makeWorld();
    await world.lab.backUp(world.guest().qmpPath);
    const { control } = world.guest();
    const node = { driver: "null-co", "node-name": "new", size: 8 * MIB, "read-zeroes": true };
    await control.execute("blockdev-add", node);
    const device = { driver: "virtio-blk-pci", id: "vd1", drive: "new", bus: "hot" };
    await control.execute("device_add", device);

    const backup = await world.lab.backUp(world.guest().qmpPath);
    const state = await world.lab.restored(backup, "amber-vm.conf");

    expect([...parseTrackedDisks(state).keys()]).to.deep.equal(["drive-vd0", "drive-vd1"]);
    expect(readOf(backup)).to.equal(0);
    const added = await world.lab.restored(backup, "drive-vd1.img");
    expect(added.equals(Buffer.alloc(8 * MIB))).to.equal(true);
  });

  it("stores the moment of the cut, whatever the guest writes or discards before it is read", async () => {
    await using world = await makeWorld();
    const before = Buffer.from(world.content);
    const onCut = async (): Promise<void> => {
      await guestWrites(world, 9, 8 * MIB, 4096);
      await guestWrites(world, 9, 16 * MIB, 200 * 1024);
      await guestWrites(world, 9, 40 * MIB, 4096);
      await guestWrites(world, 0, 20 * MIB, 4 * MIB, "-z -u");
    };

    const first = await world.lab.backUp(world.guest().qmpPath, {}, { onCut });
    const restored = await world.lab.restored(first, "drive-vd0.img");
    const second = await world.lab.backUp(world.guest().qmpPath);

    expect(restored.equals(before)).to.equal(true);
    await expectExact(world, second);
  });

  it("pauses until everything is read in mode suspend", async () => {
    await using world = await makeWorld();
    let status = "";
    const onCut = async (): Promise<void> => {
      status = JSON.stringify(await world.guest().control.execute("query-status"));
    };

    const backup = await world.lab.backUp(world.guest().qmpPath, { mode: "suspend" }, { onCut });

    expect(status).to.contain('"paused"');
    expect(JSON.stringify(await world.guest().control.execute("query-status"))).to.contain(
      "running",
    );
    await expectExact(world, backup);
  });

  it("freezes file systems through the agent for the moment of the cut only", async () => {
    await using world = await makeWorld();
    const path = join(world.folder, "agent.sock");
    const said: string[] = [];
    // The agent's side of the conversation (spec sources-feasibility.md §1.7); a real one would freeze this machine.
    const agent = createServer((socket) => {
      socket.on("data", (piece) => {
        const line = piece.filter((byte) => byte !== 0xff).toString();
        if (line.trim() === "") return;
        const { execute, arguments: given } = JSON.parse(line) as {
          execute: string;
          arguments?: { id: number };
        };
        said.push(execute);
        const answers: Record<string, unknown> = {
          "guest-sync-delimited": given?.id,
          "guest-fsfreeze-freeze": 2,
          "guest-fsfreeze-thaw": 2,
          "guest-fsfreeze-status": "thawed",
        };
        socket.write(Buffer.of(0xff));
        socket.write(`${JSON.stringify({ return: answers[execute] })}\n`);
      });
    }).listen(path);
    await once(agent, "listening");

    const backup = await world.lab.backUp(world.guest().qmpPath, { agentPath: path });
    agent.close();

    expect(backup.cut).to.have.property("consistency", "file-systems");
    expect(said).to.deep.equal([
      "guest-sync-delimited",
      "guest-fsfreeze-freeze",
      "guest-fsfreeze-thaw",
      "guest-fsfreeze-status",
    ]);
  });
});
