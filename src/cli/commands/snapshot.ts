import { Argument, type Command } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
  withServer,
} from "../connection-options.ts";
import { runCommand } from "../run-command.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { registerUploadLogCommand } from "./upload-log.ts";

type SnapshotOptions = ConnectionOptions & NamespaceOption;
type SnapshotResultOptions = SnapshotOptions & OutputFormatOptions;

const SNAPSHOT = "snapshot, as type/id/time, or type/id for the newest of a group";

/** Adds `amber snapshot …`: looking at snapshots, their notes and their protection, and removing them. */
export function registerSnapshotCommand(program: Command): void {
  const snapshot = program.command("snapshot").description("list and manage snapshots");
  addListCommand(snapshot);
  addFilesCommand(snapshot);
  addForgetCommand(snapshot);
  registerUploadLogCommand(snapshot);
  addNotesCommands(snapshot);
  addProtectedCommands(snapshot);
}

function addListCommand(parent: Command): void {
  const command = parent
    .command("list")
    .description("list snapshots")
    .argument("[group]", "only those of one group, as type/id");
  addResultOptions(command).action(
    async (group: string | undefined, options: SnapshotResultOptions) => {
      await runCommand(async (signal) => {
        const { groupParameters, namespaceParameter } =
          await import("../../client/session/list-datastore.ts");
        const { parseBackupGroup } = await import("../../format/snapshot/snapshot-id.ts");
        const parameters = {
          ...namespaceParameter(await chooseNamespace(options)),
          ...(group === undefined ? {} : groupParameters(parseBackupGroup(group))),
        };
        const data = await withServer(
          options,
          async (server) => await server.callStore("GET", "snapshots", parameters, signal),
        );
        const { snapshotTable } = await import("../listing-table.ts");
        const { tableStyle } = await import("../table.ts");
        await printResult(data, options, (value) => snapshotTable(value, tableStyle()));
      });
    },
  );
}

function addFilesCommand(parent: Command): void {
  const command = parent
    .command("files")
    .description("list the files of a snapshot")
    .argument("<snapshot>", SNAPSHOT);
  addResultOptions(command).action(async (snapshot: string, options: SnapshotResultOptions) => {
    await callForSnapshot(snapshot, options, "GET", "files", {}, async (data) => {
      const { fileTable } = await import("../listing-table.ts");
      const { tableStyle } = await import("../table.ts");
      await printResult(data, options, (value) => fileTable(value, tableStyle()));
    });
  });
}

function addForgetCommand(parent: Command): void {
  const command = parent
    .command("forget")
    .description("remove a snapshot")
    .argument("<snapshot>", "snapshot, as type/id/time");
  addNamespaceOption(addConnectionOptions(command)).action(
    async (snapshot: string, options: SnapshotOptions) => {
      // The newest snapshot of a group is never removed by a short name: that would be a mistake more often than not.
      const { parseSnapshotId } = await import("../../format/snapshot/snapshot-id.ts");
      await runCommand(async (signal) => {
        parseSnapshotId(snapshot);
        await call(snapshot, options, { method: "DELETE", path: "snapshots" }, signal);
      });
    },
  );
}

function addNotesCommands(parent: Command): void {
  const notes = parent.command("notes").description("show and change the notes of a snapshot");
  const show = notes
    .command("show")
    .description("print the notes")
    .argument("<snapshot>", SNAPSHOT);
  addResultOptions(show).action(async (snapshot: string, options: SnapshotResultOptions) => {
    await callForSnapshot(snapshot, options, "GET", "notes", {}, async (data) => {
      await printResult(data, options, (text) => `${typeof text === "string" ? text : ""}\n`);
    });
  });
  const update = notes
    .command("update")
    .description("replace the notes")
    .argument("<snapshot>", SNAPSHOT)
    .argument("<notes>", "the new text");
  addNamespaceOption(addConnectionOptions(update)).action(
    async (snapshot: string, text: string, options: SnapshotOptions) => {
      await callForSnapshot(snapshot, options, "PUT", "notes", { notes: text });
    },
  );
}

function addProtectedCommands(parent: Command): void {
  const protection = parent
    .command("protected")
    .description("show and change whether a snapshot can be removed");
  const show = protection
    .command("show")
    .description("print true or false")
    .argument("<snapshot>", SNAPSHOT);
  addResultOptions(show).action(async (snapshot: string, options: SnapshotResultOptions) => {
    await callForSnapshot(snapshot, options, "GET", "protected", {}, async (data) => {
      await printResult(data, options, (flag) => `${String(flag)}\n`);
    });
  });
  const update = protection
    .command("update")
    .description("protect a snapshot or end its protection")
    .argument("<snapshot>", SNAPSHOT)
    .addArgument(new Argument("<protected>", "the new state").choices(["true", "false"]));
  addNamespaceOption(addConnectionOptions(update)).action(
    async (snapshot: string, flag: string, options: SnapshotOptions) => {
      await callForSnapshot(snapshot, options, "PUT", "protected", { protected: flag === "true" });
    },
  );
}

function addResultOptions(command: Command): Command {
  return addOutputFormatOption(addNamespaceOption(addConnectionOptions(command)));
}

type Method = "GET" | "PUT" | "DELETE";

/** Makes one API call about a snapshot, as a whole command. */
async function callForSnapshot(
  snapshot: string,
  options: SnapshotOptions,
  method: Method,
  path: string,
  parameters: Readonly<Record<string, string | boolean>>,
  use: (data: unknown) => Promise<void> | void = () => undefined,
): Promise<void> {
  await runCommand(async (signal) => {
    await use(await call(snapshot, options, { method, path, parameters }, signal));
  });
}

async function call(
  text: string,
  options: SnapshotOptions,
  request: {
    readonly method: Method;
    readonly path: string;
    readonly parameters?: Readonly<Record<string, string | boolean>>;
  },
  signal: AbortSignal,
): Promise<unknown> {
  const { findSnapshot } = await import("../snapshot-argument.ts");
  const { snapshotParameters } = await import("../../client/session/session-snapshot.ts");
  const namespace = await chooseNamespace(options);
  return await withServer(options, async (server) => {
    const snapshot = await findSnapshot(server, namespace, text, signal);
    const parameters = { ...snapshotParameters({ ...snapshot, namespace }), ...request.parameters };
    return await server.callStore(request.method, request.path, parameters, signal);
  });
}
