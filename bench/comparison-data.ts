/** What is backed up in the comparison, and the programs that do it, from Debian. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { makeDiskImage } from "./disk-image.ts";
import { sh } from "./timed-run.ts";
import { type Places, type StepGroup } from "./tool.ts";

/** Installs what is missing; unpacks the Linux tree, makes the big file and the image below `data`, once, as far as the groups need them; warms the page cache. */
export function prepareData(
  { data, tree, big, image, work }: Places & { readonly data: string },
  groups: readonly StepGroup[],
): void {
  mkdirSync(work, { recursive: true });
  const missing = ["restic", "borg", "casync", "rsync", "fusermount3"].filter(
    (program) => spawnSync("which", [program]).status !== 0,
  );
  if (
    missing.length > 0 ||
    !existsSync("/usr/bin/time") ||
    !existsSync("/usr/src/linux-source-6.1.tar.xz")
  ) {
    sh(
      "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq restic borgbackup casync rsync fuse3 time xz-utils linux-source-6.1 >/dev/null",
    );
  }
  if (groups.includes("tree")) {
    if (!existsSync(tree)) sh(`tar xJf /usr/src/linux-source-6.1.tar.xz -C '${data}'`);
    makeBigFile(big);
    sh(
      `find '${tree}' -type f -print0 | xargs -0 cat > /dev/null; cat '${big}/big.bin' > /dev/null`,
    );
  }
  if (groups.includes("image")) {
    const path = join(image, "disk.img");
    mkdirSync(image, { recursive: true });
    if (!existsSync(path)) makeDiskImage(path);
    sh(`cat '${path}' > /dev/null`);
  }
  sh("sync");
}

function makeBigFile(big: string): void {
  if (existsSync(join(big, "big.bin"))) return;
  mkdirSync(big, { recursive: true });
  // Half of it is what disks are full of, half does not compress.
  sh(
    `{ tar c /usr/lib /usr/bin 2>/dev/null | head -c 536870912; openssl enc -aes-128-ctr -pass pass:amber -pbkdf2 </dev/zero 2>/dev/null | head -c 536870912; } > '${big}/big.bin'; truncate -s 1G '${big}/big.bin'`,
  );
}
