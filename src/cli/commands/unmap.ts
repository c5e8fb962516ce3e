import { type Command } from "commander";

import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runCommand } from "../run-command.ts";

/** Adds `amber unmap`: frees a block device that `amber map` made, or lists them. */
export function registerUnmapCommand(program: Command): void {
  const command = program
    .command("unmap")
    .description("free a block device of amber map; without a name, list them")
    .argument("[name]", "image as map calls it, device, or its number");
  addOutputFormatOption(command).action(
    async (name: string | undefined, options: OutputFormatOptions) => {
      await runCommand(async () => {
        const { listMappedImages, unmapImage } = await import("../vm/mapped-images.ts");
        if (name !== undefined) {
          await printResult({ ...(await unmapImage(name)) }, options, () => "");
          return;
        }
        const mapped = await listMappedImages();
        const lines = mapped.map((image) => `${image.device}:\t${image.name}\n`).join("");
        const listing = mapped.map((image) => ({ ...image }));
        await printResult(listing, options, () => (lines === "" ? "Nothing mapped.\n" : lines));
      });
    },
  );
}
