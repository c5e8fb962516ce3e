import { type Command } from "commander";

import { runCommand } from "../run-command.ts";
import { addOutputFormatOption, type OutputFormatOptions, renderJson } from "../output-format.ts";
import { readProgramVersion } from "../program-version.ts";

/** Adds `amber version`: this program's version, and with `--verbose` what it runs on. */
export function registerVersionCommand(program: Command): void {
  const command = program
    .command("version")
    .description("print the version of this program and of what it runs on")
    .option("--verbose", "also print Node.js, native bindings and libraries");
  addOutputFormatOption(command).action(
    async (options: OutputFormatOptions & { readonly verbose?: boolean }) => {
      await runCommand(async () => {
        const version = await readProgramVersion();
        const facts: Record<string, string> = { client: version };
        if (options.verbose === true) {
          const { readRuntimeVersions } = await import("../runtime-versions.ts");
          Object.assign(facts, await readRuntimeVersions());
        }
        if (options.outputFormat !== "text") {
          process.stdout.write(renderJson(facts, options.outputFormat));
          return;
        }
        process.stdout.write(`client version: ${version}\n`);
        for (const [name, value] of Object.entries(facts).slice(1)) {
          process.stdout.write(`${name}: ${value}\n`);
        }
      });
    },
  );
}
