import { type Command } from "commander";

import { addConnectionOptions, type ConnectionOptions, withServer } from "../connection-options.ts";
import { runCommand } from "../context.ts";
import { addOutputFormatOption, type OutputFormatOptions, renderJson } from "../output-format.ts";

/** Adds `amber status`: how full the datastore is. */
export function registerStatusCommand(program: Command): void {
  const command = program.command("status").description("show the space of the datastore");
  addOutputFormatOption(addConnectionOptions(command)).action(
    async (options: ConnectionOptions & OutputFormatOptions) => {
      await runCommand(async (signal) => {
        const data = await withServer(
          options,
          async (server) => await server.callStore("GET", "status", {}, signal),
        );
        process.stdout.write(
          options.outputFormat === "text"
            ? await renderStatus(data)
            : renderJson(data, options.outputFormat),
        );
      });
    },
  );
}

/** Three rows without a header; percentages are of the total. */
async function renderStatus(data: unknown): Promise<string> {
  const { isJsonObject } = await import("../../client/session/server-answer.ts");
  const { renderTable, tableStyle } = await import("../table.ts");
  const sizes = isJsonObject(data) ? data : {};
  const total = Number(sizes["total"] ?? 0);
  const percent = (value: number): string =>
    total === 0 ? "" : `(${Math.round((100 * value) / total)} %)`;
  return renderTable(
    ["total", "used", "avail"] as const,
    [
      { title: "", align: "left", cell: (name) => name },
      {
        title: "",
        align: "right",
        cell: (name) => {
          const value = Number(sizes[name] ?? 0);
          return `${value}  ${percent(value).padStart(7)}`;
        },
      },
    ],
    { ...tableStyle(), hasHeader: false },
  );
}
