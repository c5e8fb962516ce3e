import { type Command } from "commander";

import { addConnectionOptions, type ConnectionOptions } from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions } from "../output-format.ts";
import { runOnServer } from "../run-on-server.ts";

/** Adds `amber garbage-collect`: frees the space of chunks that no snapshot uses. */
export function registerGarbageCollectCommand(program: Command): void {
  const command = program
    .command("garbage-collect")
    .description("free the space of what no snapshot uses any more");
  addOutputFormatOption(addConnectionOptions(command)).action(
    async (options: ConnectionOptions & OutputFormatOptions) => {
      await runOnServer(options, async (server, signal) => {
        const { startTask } = await import("../start-task.ts");
        await startTask(server, { path: "gc", parameters: {} }, { ...options, signal });
      });
    },
  );
}
