import { type PxarNode } from "../../format/pxar/node.ts";
import { timeText } from "../../format/snapshot/time-text.ts";
import { type ShellPath, shellPathBytes, shownPath } from "./shell-path.ts";

/** What an archive holds of an entry, as lines that end in a line end. */
export function entryStatus(path: ShellPath, node: PxarNode): string {
  const lines = [` Path: ${shownPath(shellPathBytes(path))}`, ` Type: ${node.kind}`];
  if (node.kind === "hardlink") {
    lines.push(` Link: ${shownPath(Buffer.concat([Buffer.from("/"), node.targetPath]))}`);
    return joined(lines);
  }
  if (node.kind === "file") lines.push(` Size: ${node.size}`);
  if (node.kind === "symlink") lines.push(` Link: ${shownPath(node.target)}`);
  if (node.kind === "block-device" || node.kind === "character-device") {
    lines.push(` Node: ${node.major},${node.minor}`);
  }
  const { mode, uid, gid, mtimeSec, mtimeNanos, xattrs, acl, fcaps } = node.metadata;
  lines.push(
    ` Mode: ${(mode & 0o7777).toString(8).padStart(4, "0")}`,
    `Owner: ${uid}:${gid}`,
    `MTime: ${timeText(mtimeSec).replace("Z", `.${String(mtimeNanos).padStart(9, "0")}Z`)}`,
  );
  if (xattrs.length > 0)
    lines.push(`Attrs: ${xattrs.map(({ name }) => shownPath(name)).join(" ")}`);
  if (acl !== undefined) lines.push("  ACL: yes");
  if (fcaps !== undefined) lines.push("FCaps: yes");
  return joined(lines);
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
