import { once } from "node:events";
import { resolve } from "node:path";

import { DEFAULT_RECONNECT } from "../../client/session/reader-session.ts";
import { NbdServer } from "../../client/vm/nbd-server.ts";
import { shortArchiveName } from "../../format/snapshot/archive-name.ts";
import { commandLog } from "../log.ts";
import { type OutputFormatOptions, printResult } from "../output-format.ts";
import { describeFailure, type ExitCode, exitCodes, Interrupted } from "../run-command.ts";
import { type SnapshotImagesOptions, withSnapshotImages } from "./with-snapshot-images.ts";

/** Everything `amber nbd-export` can be told. */
export interface NbdExportOptions extends OutputFormatOptions, SnapshotImagesOptions {
  readonly socket: string;
}

/** Serves an image of a snapshot until it is interrupted, which is the way in which this ends well. */
export async function runNbdExport(
  { snapshot, archive }: { readonly snapshot: string; readonly archive: string },
  { options, signal }: { readonly options: NbdExportOptions; readonly signal: AbortSignal },
): Promise<ExitCode> {
  const wanted = { snapshot, images: [archive], reconnect: DEFAULT_RECONNECT };
  return await withSnapshotImages(wanted, { options, signal }, async ({ images }) => {
    const path = resolve(options.socket);
    const exports = images.map((image) => image.toExport(shortArchiveName(image.archive)));
    await using server = await NbdServer.listen({
      path,
      exports,
      onError: (error) => {
        commandLog.line("error", describeFailure(error));
      },
    });
    for (const { name, size } of exports) {
      const uri = `nbd+unix:///${encodeURIComponent(name)}?socket=${encodeURI(server.path)}`;
      await printResult({ uri, size }, options, () => `${uri}\n`);
    }
    if (!signal.aborted) await once(signal, "abort");
    if (!(signal.reason instanceof Interrupted)) signal.throwIfAborted();
    return exitCodes.ok;
  });
}
