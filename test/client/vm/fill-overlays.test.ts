import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { expect } from "chai";

import { holdGuest } from "../../../src/client/vm/fill-overlays.ts";
import { QmpClient } from "../../../src/client/vm/qmp-client.ts";
import { type RestoreOverlay } from "../../../src/client/vm/restore-overlay.ts";
import { tempDir } from "../../support/temp-dir.ts";

const path = "/vm/drive-vd0.qcow2";
// What an overlay is of does not matter to whoever holds the guest.
const overlay = { path, node: "drive-vd0" } as RestoreOverlay;
const job = { id: "amber-restore-drive-vd0" };

/** A monitor that answers commands as told, and with nothing to all others; notes them. */
async function monitor(
  at: string,
  told: (command: string) => unknown,
  asked: string[],
): Promise<Server> {
  const server = createServer((socket) => {
    socket.write(`${JSON.stringify({ QMP: { version: {}, capabilities: [] } })}\n`);
    createInterface(socket).on("line", (line) => {
      const { id, execute } = JSON.parse(line) as { id: unknown; execute: string };
      asked.push(execute);
      socket.write(`${JSON.stringify({ id, return: told(execute) ?? {} })}\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(at, resolve));
  return server;
}

describe("client/vm/fill-overlays", () => {
  it("lets go of the backup of a paused guest only when the copying has ended", async () => {
    await using folder = await tempDir();
    const statuses = ["running", "aborting", "concluded"];
    const answers: Readonly<Record<string, () => unknown>> = {
      "query-named-block-nodes": () => [
        { drv: "qcow2", image: { filename: path, "backing-filename": "nbd" } },
      ],
      "query-status": () => ({ status: "running" }),
      "query-jobs": () => [{ ...job, status: statuses.shift() }],
    };
    const asked: string[] = [];
    const qemu = await monitor(join(folder.path, "qmp"), (name) => answers[name]?.(), asked);
    try {
      using qmp = await QmpClient.connect({ path: join(folder.path, "qmp"), timeoutMs: 10_000 });

      const isHeld = await holdGuest(qmp, [overlay]);

      expect(isHeld).to.equal(true);
      expect(statuses).to.deep.equal([]);
      expect(asked.slice(asked.indexOf("stop"))).to.deep.equal([
        "stop",
        "block-job-cancel",
        ...["query-jobs", "query-jobs", "query-jobs"],
      ]);
    } finally {
      qemu.close();
    }
  });
});
