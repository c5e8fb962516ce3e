import { readFile } from "node:fs/promises";

import { isJsonObject, parseJson } from "../../format/manifest/parse-json.ts";
import { replacePrivateFile } from "../session/private-file.ts";
import { type SnapshotImage } from "./snapshot-images.ts";
import { VmError } from "./vm-error.ts";

type Origin = Pick<SnapshotImage, "snapshot" | "archive" | "csum" | "size">;

/**
 * Notes beside an overlay which image it is of, in `NAME.qcow2.origin`: an overlay that is whole does not say so itself.
 *
 * To be called before the overlay is made, so that none is ever without it.
 */
export async function writeOverlayOrigin(path: string, image: Origin): Promise<void> {
  const { snapshot, archive, csum, size } = image;
  const content = JSON.stringify({ snapshot, archive, csum, size });
  await replacePrivateFile(originPathOf(path), `${content}\n`, String(process.pid));
}

/**
 * Checks that an overlay is of this image of this snapshot.
 *
 * @throws {VmError} `VM_OVERLAY_OTHER`, naming both, or that nothing says what it is of.
 */
export async function checkOverlayOrigin(path: string, image: Origin): Promise<void> {
  const other = (detail: string, cause?: unknown): VmError => {
    const action = `restore "${image.archive}" of "${image.snapshot}" to "${path}"`;
    return new VmError("VM_OVERLAY_OTHER", action, { detail, cause });
  };
  const originPath = originPathOf(path);
  const text = await readFile(originPath, "utf8").catch((cause: unknown) => {
    throw other(`what the file is of is not known, since "${originPath}" cannot be read`, cause);
  });
  const found = parseOrigin(text);
  if (!found) throw other(`what the file is of is not known, since "${originPath}" is damaged`);
  const { snapshot, archive, csum, size } = found;
  if (snapshot !== image.snapshot || archive !== image.archive) {
    throw other(`the file is of "${archive}" of "${snapshot}"`);
  }
  if (csum !== image.csum || size !== image.size) {
    throw other(
      `the file is of other content (${csum}) than this snapshot has now (${image.csum})`,
    );
  }
}

function originPathOf(path: string): string {
  return `${path}.origin`;
}

function parseOrigin(text: string): Record<keyof Origin, string | number> | undefined {
  try {
    const value = parseJson(text, "origin of an overlay");
    if (!isJsonObject(value)) return undefined;
    const { snapshot, archive, csum, size } = value;
    if (typeof snapshot !== "string" || typeof archive !== "string") return undefined;
    if (typeof csum !== "string" || typeof size !== "number") return undefined;
    return { snapshot, archive, csum, size };
  } catch {
    return undefined;
  }
}
