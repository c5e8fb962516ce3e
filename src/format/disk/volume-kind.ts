import { type ReadDisk } from "./partition-table.ts";

/** What a partition, or a disk without partitions, holds. */
export type VolumeKind =
  | "ext"
  | "xfs"
  | "btrfs"
  | "ntfs"
  | "fat"
  | "exfat"
  | "iso9660"
  | "swap"
  | "luks"
  | "lvm"
  | "unknown";

/** Where a kind writes its mark. */
interface Mark {
  readonly kind: VolumeKind;
  readonly offset: number;
  /** One character a byte. */
  readonly text: string;
}

/** Marks of file systems and containers, as blkid(8) and file(1) look for them. */
const marks: readonly Mark[] = [
  { kind: "luks", offset: 0, text: "LUKS\xba\xbe" },
  { kind: "xfs", offset: 0, text: "XFSB" },
  { kind: "ntfs", offset: 3, text: "NTFS    " },
  { kind: "exfat", offset: 3, text: "EXFAT   " },
  { kind: "fat", offset: 54, text: "FAT" },
  { kind: "fat", offset: 82, text: "FAT32   " },
  { kind: "lvm", offset: 512, text: "LABELONE" },
  { kind: "ext", offset: 1080, text: "\x53\xef" },
  { kind: "swap", offset: 4086, text: "SWAPSPACE2" },
  { kind: "iso9660", offset: 32_769, text: "CD001" },
  { kind: "btrfs", offset: 65_600, text: "_BHRfS_M" },
];

/** Bytes from the start that hold every mark. */
const HEAD_BYTES = Math.max(...marks.map(({ offset, text }) => offset + text.length));

/**
 * Tells what a volume holds by the mark that its kind writes.
 *
 * @param read Reads bytes of the volume, from its own start; fewer only at its end.
 */
export async function readVolumeKind(read: ReadDisk): Promise<VolumeKind> {
  const head = await read(0, HEAD_BYTES);
  return marks.find((mark) => isMarked(head, mark))?.kind ?? "unknown";
}

function isMarked(head: Uint8Array, { offset, text }: Mark): boolean {
  for (let i = 0; i < text.length; i++) {
    if (head[offset + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}
