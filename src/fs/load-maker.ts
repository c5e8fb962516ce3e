import { type MakeFileSystem } from "./file-system.ts";

/**
 * Loads the module that a `FileSystemRecipe` names, in this thread.
 *
 * @throws {TypeError} When the module does not export `makeFileSystem`: our mistake.
 */
export async function loadMaker(moduleUrl: string): Promise<MakeFileSystem> {
  const module: unknown = await import(moduleUrl);
  if (!hasMakeFileSystem(module)) {
    throw new TypeError(`${moduleUrl} does not export makeFileSystem`);
  }
  return module.makeFileSystem;
}

function hasMakeFileSystem(module: unknown): module is {
  readonly makeFileSystem: MakeFileSystem;
} {
  return (
    typeof module === "object" &&
    module !== null &&
    "makeFileSystem" in module &&
    typeof module.makeFileSystem === "function"
  );
}
