import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { openLibvirtMonitor } from "../../../src/client/vm/libvirt-monitor.ts";
import { QmpClient } from "../../../src/client/vm/qmp-client.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** Says an event that is no JSON, and stays. */
const VIRSH = `#!/bin/sh
[ "$1" = qemu-monitor-event ] || exit 0
echo "event STOP at 1.000002 for domain 'web': {broken"
exec sleep 1000
`;

describe("client/vm/libvirt-monitor", () => {
  const path = process.env["PATH"];

  afterEach(() => {
    process.env["PATH"] = path;
  });

  it("ends the connection, and nothing else, when virsh says what nobody understands", async () => {
    await using folder = await tempDir();
    writeFileSync(join(folder.path, "virsh"), VIRSH);
    chmodSync(join(folder.path, "virsh"), 0o755);
    process.env["PATH"] = `${folder.path}:${path ?? ""}`;
    await using monitor = await openLibvirtMonitor("web", process.getuid?.() ?? 0);

    const waiting = async (): Promise<void> => {
      using qmp = await QmpClient.connect({ path: monitor.path, timeoutMs: 60_000 });
      await qmp.waitFor(() => false, { what: "an event", timeoutMs: 60_000 });
    };
    const error = await rejection(waiting());

    expect(error).to.have.property("code", "VM_LOST");
  });
});
