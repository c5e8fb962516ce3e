import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";

import { expect } from "chai";

import { parseTrackedDisks } from "../../../src/client/vm/vm-state.ts";
import { eventually } from "../../support/eventually.ts";
import { knownKey } from "../../support/known-key.ts";
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
import { startVmLab, type VmLabPlace } from "../../support/vm-lab-place.ts";
import { checkRecords, oneDiskWriter, writerSector } from "../../support/writer-guest.ts";
import { objects } from "../../../src/client/vm/vm-disks.ts";
import { isJsonObject } from "../../../src/format/manifest/parse-json.ts";

const MIB = 1024 * 1024;

/** A server to back up to, and a disk that boots the writer. */
async function makeWorld(): Promise<VmLabPlace & { readonly disk: GuestDisk }> {
  const place = await startVmLab();
  const disk = makeDisk({ path: join(place.folder, "a.qcow2"), format: "qcow2" }, "16M");
  writeDisk(disk, 0, writerSector(oneDiskWriter));
  return { ...place, disk };
}

async function writesOf({ control }: QemuGuest): Promise<number> {
  const [drive] = objects(await control.execute("query-blockstats"));
  const { stats } = drive ?? {};
  return isJsonObject(stats) ? Number(stats["wr_operations"]) : 0;
}

async function statusOf({ control }: QemuGuest): Promise<string> {
  return JSON.stringify(await control.execute("query-status"));
}

describe("client/vm, modes and what changes between backups", function () {
  this.timeout(120_000);

  before(function () {
    const reason = reasonWithoutQemu();
    if (reason !== undefined) skipBecause(this, reason);
  });

  it("shuts the guest down in mode stop, stores its disks as they were then, and starts it again", async () => {
    await using world = await makeWorld();
    await using guest = await startGuest(world.folder, [world.disk]);
    await eventually(async () => (await writesOf(guest)) > 20);
    let during = "";
    let writes = 0;

    const onCut = async (): Promise<void> => {
      during = await statusOf(guest);
      writes = await writesOf(guest);
    };
    const backup = await world.lab.backUp(guest.qmpPath, { mode: "stop" }, { onCut });
    await eventually(async () => (await writesOf(guest)) > writes + 20);
    const image = await world.lab.restored(backup, "drive-vd0.img");
    const second = await world.lab.backUp(guest.qmpPath, { mode: "stop" });

    expect(backup.cut).to.include({ mode: "stop", consistency: "stopped" });
    expect(during).to.contain('"running"');
    const { newest, wrongBlocks } = checkRecords(image, oneDiskWriter);
    expect(wrongBlocks).to.equal(0);
    expect(newest).to.be.at.least(19);
    expect(second.readBytes["drive-vd0"]).to.be.at.most(4 * MIB);
    expect(await statusOf(guest)).to.contain('"running"');
    expect(await leftInGuest(guest)).to.deep.equal([]);
  });

  it("gives up mode stop when the guest ignores its power button, and leaves it running", async () => {
    await using world = await makeWorld();
    // Without a program nobody looks at the button.
    writeDisk(world.disk, 0, Buffer.alloc(512));
    await using guest = await startGuest(world.folder, [world.disk]);

    const changes = { mode: "stop", stopTimeoutMs: 300 } as const;
    const error = await rejection(world.lab.backUp(guest.qmpPath, changes));

    expect(error).to.have.property("code", "VM_STAYS_ON");
    expect(await statusOf(guest)).to.contain('"running"');
    expect(await leftInGuest(guest)).to.deep.equal([]);
  });

  it("records that a guest in mode suspend is as after a power failure, and how long it was paused", async () => {
    await using world = await makeWorld();
    await using guest = await startGuest(world.folder, [world.disk]);
    await eventually(async () => (await writesOf(guest)) > 20);

    const backup = await world.lab.backUp(guest.qmpPath, { mode: "suspend" });
    const state = JSON.parse(
      (await world.lab.restored(backup, "amber-vm.conf")).toString(),
    ) as Record<string, unknown>;
    const image = await world.lab.restored(backup, "drive-vd0.img");

    expect(state).to.include({ mode: "suspend", consistency: "crash" });
    expect(checkRecords(image, oneDiskWriter).wrongBlocks).to.equal(0);
    expect(await statusOf(guest)).to.contain('"running"');
  });

  it("says that file systems are not frozen when the agent refuses, and thaws all the same", async () => {
    await using world = await makeWorld();
    await using guest = await startGuest(world.folder, [world.disk]);
    const path = join(world.folder, "agent.sock");
    const said: string[] = [];
    // The agent's side of the conversation (spec sources-feasibility.md §1.7); a real one would need a whole system as guest.
    const agent = createServer((socket) => {
      socket.on("data", (piece) => {
        const line = piece.filter((byte) => byte !== 0xff).toString();
        if (line.trim() === "") return;
        const request = JSON.parse(line) as { execute: string; arguments?: { id: number } };
        said.push(request.execute);
        const answers: Record<string, unknown> = {
          "guest-sync-delimited": { return: request.arguments?.id },
          "guest-fsfreeze-freeze": { error: { class: "GenericError", desc: "busy" } },
          "guest-fsfreeze-thaw": { return: 0 },
          "guest-fsfreeze-status": { return: "thawed" },
        };
        socket.write(`${JSON.stringify(answers[request.execute])}\n`);
      });
    }).listen(path);
    await once(agent, "listening");

    const backup = await world.lab.backUp(guest.qmpPath, { agentPath: path });
    agent.close();

    expect(backup.cut).to.have.property("consistency", "crash");
    expect(backup.infos.join()).to.contain("cannot be frozen");
    expect(said.slice(1)).to.deep.equal([
      "guest-fsfreeze-freeze",
      "guest-fsfreeze-thaw",
      "guest-fsfreeze-status",
    ]);
  });

  it("tidies up over a new connection when the monitor hangs up and the guest runs on", async () => {
    await using world = await makeWorld();
    await using guest = await startGuest(world.folder, [world.disk]);
    await world.lab.backUp(guest.qmpPath);
    const path = join(world.folder, "proxy.sock");
    const sockets = new Set<Socket>();
    const proxy = createServer((socket) => {
      const target = connect(guest.qmpPath);
      for (const one of [socket, target]) {
        sockets.add(one);
        one.on("error", () => undefined);
      }
      socket.pipe(target).pipe(socket);
      socket.on("close", () => target.destroy());
    }).listen(path);
    await once(proxy, "listening");

    const onCut = (): void => {
      for (const socket of sockets) socket.destroy();
    };
    const error = await rejection(world.lab.backUp(path, {}, { onCut }));
    const left = await leftInGuest(guest);
    proxy.close();
    const backup = await world.lab.backUp(guest.qmpPath);

    expect(error).to.have.property("code", "VM_LOST");
    expect(left).to.deep.equal([]);
    expect(backup.infos.join()).to.not.contain("is read as a whole");
    expect(await statusOf(guest)).to.contain('"running"');
  });

  it("reads everything once when the key is another, and trusts its bitmaps again from then on", async () => {
    await using world = await makeWorld();
    writeDisk(world.disk, 0, Buffer.alloc(9 * MIB, 5));
    await using guest = await startGuest(world.folder, [world.disk]);
    const encrypted = { cryptMode: "encrypt", key: knownKey } as const;
    await world.lab.backUp(guest.qmpPath);

    const first = await world.lab.backUp(guest.qmpPath, encrypted);
    const second = await world.lab.backUp(guest.qmpPath, encrypted);

    expect(first.readBytes["drive-vd0"]).to.be.at.least(9 * MIB);
    expect(first.results["drive-vd0.img.fidx"]?.stats.uploadedCount).to.be.at.least(3);
    expect(second.readBytes["drive-vd0"]).to.equal(0);
    expect(await leftInGuest(guest)).to.deep.equal([]);
  });

  it("leaves out a disk that was removed, and reads of the other only what changed", async () => {
    await using world = await makeWorld();
    writeDisk(world.disk, 0, Buffer.alloc(9 * MIB, 5));
    const other = makeDisk({ path: join(world.folder, "b.qcow2"), format: "qcow2" }, "8M");
    const before = await startGuest(world.folder, [world.disk, other]);
    await world.lab.backUp(before.qmpPath);
    await before.stop("quit");

    await using guest = await startGuest(world.folder, [world.disk]);
    const backup = await world.lab.backUp(guest.qmpPath);
    const state = await world.lab.restored(backup, "amber-vm.conf");

    expect([...parseTrackedDisks(state).keys()]).to.deep.equal(["drive-vd0"]);
    expect(Object.keys(backup.results)).to.not.include("drive-vd1.img.fidx");
    expect(backup.readBytes["drive-vd0"]).to.equal(0);
  });
});
