import { recordedOutput } from "./recording.ts";

/**
 * Long answers are in the recordings by their checksum only. They are made here from what the official client printed of
 * them, so that whoever prints them in the same way has understood them.
 */
export function longBody(name: string, path: string, size: number): string {
  if (name === "garbage-collect") return logPage(name, path, size);
  const rows = tableRows(recordedOutput(name));
  if (name === "list") return JSON.stringify({ data: rows.map(groupOf) });
  if (name.endsWith("snapshot-list")) return JSON.stringify({ data: rows.map(snapshotOf) });
  if (name === "task-list") return JSON.stringify({ total: 4, data: rows.map(taskOf).reverse() });
  throw new Error(`the body of ${path} in ${name} is not known`);
}

function tableRows(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(1)
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

function groupOf([group = "", last = "", count = "", files = ""]: string[]): object {
  const [type, id] = group.split("/");
  return {
    "backup-count": Number(count),
    "backup-id": id,
    "backup-type": type,
    files: files.split(" ").map(serverName),
    "last-backup": secondsOf(last.split("/")[2] ?? ""),
    owner: "test@pbs",
  };
}

function snapshotOf([snapshot = "", size = "", files = ""]: string[]): object {
  const [type, id, time = ""] = snapshot.split("/");
  return {
    "backup-type": type,
    "backup-id": id,
    "backup-time": secondsOf(time),
    files: files
      .split(" ")
      .map((name) => ({ filename: serverName(name), "crypt-mode": "none", size: 1 })),
    owner: "test@pbs",
    protected: false,
    size: bytesOf(size),
  };
}

function taskOf([start = "", end = "", upid = "", status = ""]: string[]): object {
  return {
    upid,
    node: "localhost",
    starttime: Date.parse(`${start} UTC`) / 1000,
    endtime: Date.parse(`${end} UTC`) / 1000,
    worker_type: "backup",
    user: "test@pbs",
    status,
  };
}

/** A page of the log, whose times are not known; its length is. */
function logPage(name: string, path: string, size: number): string {
  const lines = recordedOutput(name).trimEnd().split("\n");
  const start = Number(/start=(\d+)/.exec(path)?.[1]);
  for (let end = lines.length; end >= start; end--) {
    const data = lines.slice(start - 1, end).map((text, i) => {
      return { n: start + i, t: `2026-11-20T10:06:30+00:00: ${text}` };
    });
    const active = end < lines.length;
    const page = JSON.stringify({ active, data, success: 1, total: end });
    if (page.length === size) return page;
  }
  throw new Error(`no page of the log has ${size} bytes`);
}

function serverName(short: string): string {
  if (short.endsWith(".img")) return `${short}.fidx`;
  return /\.m?p?pxar$|\.pcat1$/.test(short) ? `${short}.didx` : `${short}.blob`;
}

function secondsOf(time: string): number {
  return Date.parse(time) / 1000;
}

function bytesOf(text: string): number {
  const [number = "", unit = "B"] = text.split(" ");
  return Math.round(Number(number) * 1024 ** ["B", "KiB", "MiB"].indexOf(unit));
}
