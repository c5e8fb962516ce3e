import { createHash } from "node:crypto";
import fs from "node:fs";

import { listAttributesAt, readAttributeAt } from "../../src/linux/extended-attributes.ts";
import { flagsOf } from "../../src/linux/inode-flags.ts";
import { closeDescriptor, openForReading } from "../../src/linux/open-at.ts";
import { atPath } from "./odd-tree.ts";

/** One line about everything that a backup keeps of an entry, by its path in Latin-1. */
export type TreeDescription = ReadonlyMap<string, string>;

/** Inode flags that archives hold, as chattr has them. */
const FLAGS = 0x208104fc;

/**
 * Describes a tree completely, but for what no archive holds: inode numbers, access and change times.
 *
 * Without attributes, neither extended ones nor flags are described, which is a good deal faster.
 */
export function describeTree(root: string, { withAttributes = true } = {}): TreeDescription {
  const lines = new Map<string, string>();
  const firstNames = new Map<bigint, string>();
  const visit = (path: Buffer, name: string): void => {
    const status = fs.lstatSync(path, { bigint: true });
    const parts = describeEntry(path, status);
    const isFile = status.isFile();
    if (isFile) {
      const first = firstNames.get(status.ino);
      if (first === undefined) firstNames.set(status.ino, name);
      else parts.push(`same as ${first}`);
    }
    if (withAttributes) parts.push(...attributesOf(path, isFile || status.isDirectory()));
    lines.set(name, parts.join("; "));
    if (!status.isDirectory()) return;
    for (const child of fs
      .readdirSync(path, { encoding: "buffer" })
      .sort((a, b) => Buffer.compare(a, b))) {
      visit(Buffer.concat([path, Buffer.from("/"), child]), `${name}/${child.toString("latin1")}`);
    }
  };
  visit(Buffer.from(root), "");
  return lines;
}

/** The parts of an entry's line that need no look at its attributes or at other entries. */
export function describeEntry(path: Buffer, status: fs.BigIntStats): string[] {
  const parts = [
    `mode ${status.mode.toString(8)} owner ${status.uid}:${status.gid} mtime ${status.mtimeNs}`,
  ];
  if (status.isFile()) {
    const digest = createHash("sha256").update(fs.readFileSync(path)).digest("hex");
    parts.push(`size ${status.size} ${digest}`);
  }
  if (status.isSymbolicLink()) {
    parts.push(`to ${fs.readlinkSync(path, { encoding: "latin1" })}`);
  }
  if (status.isBlockDevice() || status.isCharacterDevice()) parts.push(`rdev ${status.rdev}`);
  return parts;
}

function attributesOf(path: Buffer, hasFlags: boolean): string[] {
  return atPath(path, (fd, name) => {
    const parts: string[] = [];
    for (const attribute of [...listAttributesAt(fd, name)].sort()) {
      const value = readAttributeAt(fd, name, attribute);
      parts.push(`${attribute}=${value === undefined ? "" : Buffer.from(value).toString("hex")}`);
    }
    if (hasFlags) {
      const open = openForReading(fd, name);
      parts.push(`flags ${(flagsOf(open).chattr & FLAGS).toString(16)}`);
      closeDescriptor(open);
    }
    return parts;
  });
}
