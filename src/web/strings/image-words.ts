/** Words about images of disks and the partitions in them. */
export const imageWords = {
  open: (name: string) => `Partitions of ${name}`,
  label: (name: string) => `Partitions of ${name}`,
  whole: "Whole image",
  wholeHint: "The disk byte by byte, as it was backed up.",
  columns: { partition: "Partition", holds: "Holds", start: "Starts at", size: "Size" },
  number: (number: number) => (number === 0 ? "no table" : String(number)),
  kinds: {
    ext: "ext2/3/4",
    xfs: "XFS",
    btrfs: "Btrfs",
    ntfs: "NTFS",
    fat: "FAT",
    exfat: "exFAT",
    iso9660: "ISO 9660",
    swap: "swap",
    luks: "encrypted (LUKS)",
    lvm: "physical volume (LVM)",
    unknown: "unknown",
  },
  noTable: "There is no partition table: the disk is one volume.",
  downloadPartition: (number: number) => `Download partition ${number}`,
  fileName: (image: string, number: number) => `${image.replace(/\.img$/, "")}-part${number}.img`,
  filesTitle: "Single files",
  filesHint:
    "Files inside are read on another machine, without root and without downloading the image:",
  command: (snapshot: string, image: string, ns: string) =>
    `amber file-restore list ${snapshot} /${image}/part${ns === "" ? "" : ` --ns ${ns}`}`,
} as const;
