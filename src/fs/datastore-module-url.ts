import { extname } from "node:path";

/**
 * The module that makes the file system of a datastore in the thread of a transport (`make-file-system.ts`); the built program has it
 * inside (`bundled-maker.ts`). Loads nothing.
 */
export function datastoreModuleUrl(): string {
  return new URL(`./make-file-system${extname(import.meta.url)}`, import.meta.url).href;
}
