import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { type Json, type JsonObject } from "../../format/manifest/canonical-json.ts";
import { isJsonObject, parseJson } from "../../format/manifest/parse-json.ts";
import { virsh, VIRSH_SPAWN } from "./virsh.ts";

/** What `virsh qemu-monitor-event --loop` prints. */
const EVENT =
  /^event (?<name>\S+) at (?<seconds>\d+)\.(?<micros>\d+) for domain '.*?': (?<data>.*)$/;

/** A monitor at which one program can talk to a guest, as long as it is not disposed. */
export interface LibvirtMonitor extends AsyncDisposable {
  /** Path of the Unix socket. */
  readonly path: string;
}

/**
 * Makes a monitor for a domain of libvirt, which keeps QEMU's own for itself: commands and events go through `virsh`.
 *
 * The connection is the one that `virsh` chooses (`LIBVIRT_DEFAULT_URI`). A command takes as long as `virsh` needs to start.
 *
 * @param uid User that QEMU runs as: the socket becomes its own, since that is how a monitor tells.
 * @throws {VmError} `VM_TOOL_MISSING`, `VM_TOOL_FAILED` for a domain that is not there.
 */
export async function openLibvirtMonitor(domain: string, uid: number): Promise<LibvirtMonitor> {
  await virsh(["domstate", "--domain", domain], { domain });
  const folder = await mkdtemp(join(tmpdir(), "amber-libvirt-"));
  const path = join(folder, "qmp.sock");
  const events = spawn("virsh", ["qemu-monitor-event", "--domain", domain, "--loop"], {
    ...VIRSH_SPAWN,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const sockets = new Set<Socket>();
  let haveEnded = false;
  tellEvents(events, sockets, () => {
    haveEnded = true;
  });
  const server = createServer((socket) => {
    if (haveEnded) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined); // It is closed then, too.
    serve(socket, domain);
  });
  server.listen(path);
  await once(server, "listening");
  await chown(path, uid, -1).catch(() => undefined); // Only root can, and others have only guests of their own.
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      events.kill();
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Connections end when the events do, which clients see as `VM_LOST`: a guest that is gone tells nothing any more, nor does a
 * `virsh` that cannot be run or says what nobody understands.
 */
function tellEvents(events: ChildProcess, sockets: ReadonlySet<Socket>, onEnd: () => void): void {
  const end = (): void => {
    onEnd();
    events.kill();
    for (const socket of sockets) socket.destroy();
  };
  if (events.stdout) {
    createInterface({ input: events.stdout }).on("line", (line) => {
      const { name, seconds, micros, data } = EVENT.exec(line)?.groups ?? {};
      if (name === undefined || data === undefined) return;
      const timestamp = { seconds: Number(seconds), microseconds: Number(micros) };
      let value: Json;
      try {
        value = data.startsWith("{") ? parseJson(data, "event") : {};
      } catch {
        end();
        return;
      }
      for (const socket of sockets) send(socket, { event: name, data: value, timestamp });
    });
  }
  events.on("error", end);
  events.on("close", end);
}

function serve(socket: Socket, domain: string): void {
  send(socket, { QMP: { version: {}, capabilities: [] } });
  // One after the other, as QEMU does.
  let last: Promise<void> = Promise.resolve();
  createInterface({ input: socket }).on("line", (line) => {
    last = last.then(async () => {
      const request = parseJson(line, "command");
      if (isJsonObject(request)) send(socket, await answerTo(request, domain));
    });
    last.catch(() => {
      socket.destroy();
    });
  });
}

async function answerTo({ id, ...request }: JsonObject, domain: string): Promise<JsonObject> {
  if (request["execute"] === "qmp_capabilities") return { return: {}, id: id ?? null };
  const command = ["qemu-monitor-command", "--domain", domain, "--cmd", JSON.stringify(request)];
  const answer = parseJson(await virsh(command, { domain }), "answer of virsh");
  if (!isJsonObject(answer)) throw new TypeError("virsh gives no answer of QEMU");
  return { ...answer, id: id ?? null };
}

function send(socket: Socket, value: Json): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(value)}\n`);
}
