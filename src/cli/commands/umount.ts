import { resolve } from "node:path";

import { type Command } from "commander";

import { CliError } from "../cli-error.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runCommand } from "../run-command.ts";

/** Adds `amber umount`: ends a mount. */
export function registerUmountCommand(program: Command): void {
  const command = program
    .command("umount")
    .description("end a mount")
    .argument("<directory>", "where it is mounted")
    .option("--lazy", "also when programs use it: they get errors from then on");
  addOutputFormatOption(command).action(
    async (directory: string, options: OutputFormatOptions & { readonly lazy?: true }) => {
      await runCommand(async () => {
        const mountPoint = await unmount(directory, options.lazy === true ? "lazy" : "plain");
        await printResult({ "mount-point": mountPoint }, options, () => "");
      });
    },
  );
}

async function unmount(directory: string, mode: "plain" | "lazy"): Promise<string> {
  const { resolveMountPoint } = await import("../../fs/mount-point.ts");
  const { FUSE_MOUNT_TYPE } = await import("../../fs/fuse-device.ts");
  const { unmountPath } = await import("../../fs/unmount-path.ts");
  const { mountedAt } = await import("../../linux/mount-table.ts");
  const mountPoint = await resolveMountPoint(resolve(directory)).catch((cause: unknown) => {
    throw new CliError("CLI_NOT_FOUND", `Cannot unmount "${directory}"`, { cause });
  });
  const mounted = mountedAt(mountPoint);
  if (mounted?.type !== FUSE_MOUNT_TYPE) {
    throw new CliError("CLI_NOT_FOUND", `Cannot unmount "${directory}": nothing of ours is there`);
  }
  try {
    await unmountPath(mountPoint, mode);
    return mountPoint;
  } catch (cause) {
    const hint = mode === "plain" ? " (if it is in use, --lazy unmounts it all the same)" : "";
    throw new CliError("CLI_REFUSED", `Cannot unmount "${directory}"${hint}`, { cause });
  }
}
