import { ApiError } from "../../client/session/api-error.ts";
import { CliError } from "../cli-error.ts";
import { commandLog } from "../log.ts";
import type { MountCommandOptions } from "../mount-options.ts";
import { type OutputFormatOptions, printResult } from "../output-format.ts";
import { programStyle } from "../official/personality.ts";
import { extractPlace, type ExtractFormat } from "./extract-place.ts";
import { fileRestoreItem } from "./file-restore-item.ts";
import { withSnapshotFolder } from "./snapshot-files.ts";
import { withPlace } from "./snapshot-place.ts";

/** Options of `amber file-restore list` and `extract`. */
export interface FileRestoreOptions extends OutputFormatOptions, MountCommandOptions {
  readonly base64?: true;
  readonly format?: ExtractFormat;
}

/** What is looked at. */
export interface FileRestoreSubject {
  readonly snapshot: string;
  /** As it was given. */
  readonly text: string;
}

/** Prints what is at a path of a snapshot. */
export async function listFiles(
  { snapshot, text }: FileRestoreSubject,
  { options, signal }: { readonly options: FileRestoreOptions; readonly signal: AbortSignal },
): Promise<void> {
  const path = pathOf(text, options);
  const list = async (folder: string): Promise<void> => {
    await withPlace(folder, { path, signal }, async (place) => {
      const isFile = place.kind === "entry" && place.entry.kind !== "directory";
      const listed = place.kind === "entries" ? place.entries : [];
      const inside =
        place.kind === "entry" && !isFile ? await place.tree.list(place.entry) : listed;
      const entries = isFile ? [place.entry] : inside;
      const from = place.kind === "entries" ? "command" : "file system";
      const items = entries.map((entry) => fileRestoreItem(isFile ? "" : path, entry, from));
      await printResult(items, options, () => items.map((item) => `${item.text}\n`).join(""));
    });
  };
  try {
    await withSnapshotFolder(snapshot, { options, signal }, list);
  } catch (error) {
    // PVE reads why from the output (spec client-cli.md §3).
    if (programStyle() !== "official" || options.outputFormat === "text") throw error;
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof ApiError ? { code: error.statusCode } : {};
    await printResult({ message, ...code }, options, () => "");
  }
}

/** Extracts what is at a path of a snapshot. */
export async function extractFromSnapshot(
  { snapshot, text, target }: FileRestoreSubject & { readonly target: string },
  { options, signal }: { readonly options: FileRestoreOptions; readonly signal: AbortSignal },
): Promise<void> {
  const path = pathOf(text, options);
  const { format = "plain" } = options;
  await withSnapshotFolder(snapshot, { options, signal }, async (folder) => {
    await withPlace(folder, { path, signal }, async (place) => {
      if (place.kind === "entries") {
        throw new CliError("CLI_USAGE", `Cannot extract "${path}": it is no file or directory`);
      }
      const done = await extractPlace(place, target, format);
      for (const left of done.leftOut) {
        commandLog.line("warn", `Warning: "${left}" is left out: it is no file`);
      }
      if (target !== "-") await printResult({ ...done }, options, () => "");
    });
  });
}

function pathOf(text: string, { base64 }: FileRestoreOptions): string {
  return base64 === true ? Buffer.from(text, "base64").toString() : text;
}
