import { type MakeFileSystem } from "./file-system.ts";
import { makeFileSystem } from "./make-file-system.ts";

/** Takes the place of `load-maker.ts` in the built program, which knows one file system and has it in the same file as its classes. */
export async function loadMaker(): Promise<MakeFileSystem> {
  return await Promise.resolve(makeFileSystem);
}
