import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";

/** One file of the page in all forms it can be sent in. */
export interface PageFile {
  readonly contentType: string;
  readonly plain: Uint8Array;
  /** The same compressed, by name of the content coding; only what was built. */
  readonly compressed: Readonly<Partial<Record<Coding, Uint8Array>>>;
}

/** Content codings that the build makes, the smallest first. */
export const codings = ["br", "gzip"] as const;

/** Name of a content coding. */
export type Coding = (typeof codings)[number];

const suffixes: Readonly<Record<Coding, string>> = { br: ".br", gzip: ".gz" };

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html;charset=UTF-8",
  ".js": "text/javascript;charset=UTF-8",
  ".css": "text/css;charset=UTF-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
};

/**
 * Reads every file of a built page into memory, by its path with `/` in front.
 *
 * A folder that does not exist has no files. Files of kinds that the page does not have are left out.
 */
export async function readPageFiles(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>();
  for (const path of await filesBelow(folder)) {
    const contentType = contentTypes[extname(path)];
    if (contentType === undefined) continue;
    const compressed: Partial<Record<Coding, Uint8Array>> = {};
    for (const coding of codings) {
      const bytes = await readIfPresent(path + suffixes[coding]);
      if (bytes) compressed[coding] = bytes;
    }
    const name = `/${relative(folder, path).split(sep).join("/")}`;
    files.set(name, { contentType, plain: await readFile(path), compressed });
  }
  return files;
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
