import { type Command } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
} from "../connection-options.ts";
import { addCryptOptions, type CryptOptions } from "../crypt-options.ts";
import { programStyle } from "../official/personality.ts";
import { renderJson } from "../output-format.ts";
import { runOnServer } from "../run-on-server.ts";

type UploadLogOptions = ConnectionOptions & NamespaceOption & CryptOptions;

/** Adds `upload-log`, to the program and to `amber snapshot`: stores the log of a backup with its snapshot. */
export function registerUploadLogCommand(parent: Command): void {
  const command = parent
    .command("upload-log")
    .description("store the log of a backup with its snapshot, encrypted if there is a key")
    .argument("<snapshot>", "snapshot, as type/id/time")
    .argument("<logfile>", "file of at most 16 MiB; /dev/stdin is the standard input");
  addCryptOptions(addNamespaceOption(addConnectionOptions(command))).action(
    async (text: string, logFile: string, options: UploadLogOptions) => {
      await runOnServer(options, async (server, signal) => {
        const { readSmallFile } = await import("../../client/backup/read-small-file.ts");
        const { snapshotParameters } = await import("../../client/session/session-snapshot.ts");
        const { encodeBlob } = await import("../../format/chunk/data-blob.ts");
        const { createNativeProvider } = await import("../../format/crypto/native-provider.ts");
        const { parseSnapshotId } = await import("../../format/snapshot/snapshot-id.ts");
        const { chooseBackupCrypt } = await import("../choose-crypt.ts");
        const snapshot = parseSnapshotId(text);
        const namespace = await chooseNamespace(options);
        const { mode, key } = await chooseBackupCrypt(options);
        const plain = await readSmallFile(logFile, signal);
        const blob = encodeBlob(createNativeProvider(), plain, {
          compress: true,
          key: mode === "encrypt" ? key?.key : undefined,
        });
        const parameters = snapshotParameters({ ...snapshot, namespace });
        await server.uploadToStore("upload-backup-log", parameters, blob, signal);
        // The official client prints the whole answer here.
        if (programStyle() === "official") {
          process.stdout.write(`Result: ${renderJson({ data: null }, "json-pretty")}`);
        }
      });
    },
  );
}
