import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { tryParseAuthId } from "../auth/auth-id.ts";

/** Name of a task, taken apart (spec rest-api.md §1.6). */
export interface Upid {
  readonly node: string;
  readonly pid: number;
  /** Start of the process in clock ticks. */
  readonly processStart: number;
  /** Counter of the process. */
  readonly task: number;
  readonly startSec: number;
  readonly type: string;
  /** What the task works on, unescaped; may be empty. */
  readonly id: string;
  readonly authId: AuthId;
}

/** Shortest text that can be a UPID (spec rest-api.md §1.6). */
export const UPID_LENGTH_MIN = 36;

const UPID_PATTERN =
  /^UPID:([a-zA-Z0-9][a-zA-Z0-9.-]*):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8,16}):([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$/;

/** Renders a UPID; its own inverse with {@link parseUpid}. */
export function formatUpid(upid: Upid): string {
  const numbers = [upid.pid, upid.processStart, upid.task, upid.startSec].map(hex).join(":");
  return `UPID:${upid.node}:${numbers}:${upid.type}:${escapeId(upid.id)}:${upid.authId}:`;
}

/** Parses a UPID; `undefined` when it is none. */
export function parseUpid(text: string): Upid | undefined {
  const match = UPID_PATTERN.exec(text);
  const authId = tryParseAuthId(match?.[8] ?? "");
  if (!match || authId === undefined) return undefined;
  return {
    node: match[1] ?? "",
    pid: Number.parseInt(match[2] ?? "", 16),
    processStart: Number.parseInt(match[3] ?? "", 16),
    task: Number.parseInt(match[4] ?? "", 16),
    startSec: Number.parseInt(match[5] ?? "", 16),
    type: match[6] ?? "",
    id: unescapeId(match[7] ?? ""),
    authId,
  };
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, "0");
}

/** As systemd escapes unit names: `/` becomes `-`, other bytes but letters, digits, `_` and `.` become `\xNN`. */
function escapeId(id: string): string {
  let text = "";
  for (const [index, byte] of Buffer.from(id).entries()) {
    const character = String.fromCharCode(byte);
    if (character === "/") text += "-";
    else if (/[A-Za-z0-9_]/.test(character) || (character === "." && index > 0)) text += character;
    else text += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return text;
}

function unescapeId(text: string): string {
  const bytes: number[] = [];
  for (const part of text.match(/\\x[0-9a-fA-F]{2}|[\s\S]/g) ?? []) {
    if (part.length === 4) bytes.push(Number.parseInt(part.slice(2), 16));
    else if (part === "-") bytes.push(0x2f);
    else bytes.push(...Buffer.from(part));
  }
  return Buffer.from(bytes).toString();
}
