/** The steps with a tree of many files and one big file. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { onMount, type Record, withServer } from "./step-samples.ts";
import { nextSecond, sh, timed } from "./timed-run.ts";
import { type Places, type Tool } from "./tool.ts";

const SUBTREE = "drivers/gpu";

/** Takes a tool through them. */
export async function measureTree(tool: Tool, { work }: Places, record: Record): Promise<void> {
  record(
    "first backup",
    withServer(tool, () => tool.backup()),
  );
  await nextSecond();
  record(
    "unchanged backup",
    withServer(tool, () => tool.backup()),
  );
  const target = join(work, "restored");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  record(
    "restore",
    withServer(tool, () => tool.restore(target)),
  );
  rmSync(target, { recursive: true, force: true });
  sh("sync");
  tool.backupBig();
  const mounted = await tool.mount();
  const use = (command: string, args: readonly string[]): ReturnType<typeof timed> =>
    onMount(tool, mounted, () => timed(command, args));
  try {
    record("mount, find -ls", use("bash", ["-c", `find '${mounted.tree}/' -ls > /dev/null`]));
    record("mount, cp -a drivers/gpu", use("cp", ["-a", join(mounted.tree, SUBTREE), target]));
    rmSync(target, { recursive: true, force: true });
    record("mount, read 1 GiB file", use("dd", [`if=${mounted.big}`, "of=/dev/null", "bs=1M"]));
  } finally {
    await mounted.unmount();
  }
}
