import { bindLibc, type LibcFunction } from "./libc.ts";
import { scratchMemory } from "./scratch-memory.ts";
import { lastSystemError } from "./system-error.ts";

/** Numbers that name file systems in `statfs(2)` (linux/magic.h). */
export const FILE_SYSTEM = {
  btrfs: 0x9123683e,
  ext4: 0xef53,
  fuse: 0x65735546,
  msdos: 0x4d44,
  tmpfs: 0x01021994,
  xfs: 0x58465342,
  zfs: 0x2fc12fc1,
} as const;

/** File systems that are windows into the kernel and never content (linux/magic.h). */
const VIRTUAL: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x1cd1, // devpts
  0x73636673, // securityfs
  0x62656570, // configfs
  0xf97cff8c, // selinuxfs
  0x6e736673, // nsfs
  0x6165676c, // pstore
  0xcafe4a11, // bpf
  0x42494e4d, // binfmt_misc
  0x19800202, // mqueue
  0xde5e81e4, // efivarfs
  0x65735543, // fusectl
  0x0187, // autofs
  0x67596969, // rpc_pipefs
  0x6e667364, // nfsd
  0x958458f6, // hugetlbfs
]);

let fstatfs: LibcFunction | undefined;

/** The `statfs` number of the file system an open file lies on; see {@link FILE_SYSTEM}. */
export function fileSystemTypeOf(fd: number): number {
  fstatfs ??= bindLibc("int fstatfs(int fd, uintptr_t result)");
  const { view, resultAddress } = scratchMemory();
  if (fstatfs(fd, resultAddress) !== 0) throw lastSystemError("fstatfs");
  return view.getUint32(0, true);
}

/** Whether a file system has no content of its own to back up: proc, sysfs, cgroups and their kind. */
export function isVirtualFileSystem(type: number): boolean {
  return VIRTUAL.has(type);
}
