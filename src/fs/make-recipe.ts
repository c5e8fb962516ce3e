import {
  type FileSystem,
  type FileSystemHost,
  type FileSystemRecipe,
  type MakeFileSystem,
} from "./file-system.ts";

/**
 * Makes the file system of a recipe in this thread.
 *
 * @throws {TypeError} When the module does not export `makeFileSystem`: our mistake.
 */
export async function makeRecipe(
  recipe: FileSystemRecipe,
  host: FileSystemHost,
): Promise<FileSystem> {
  const module: unknown = await import(recipe.moduleUrl);
  if (!hasMakeFileSystem(module)) {
    throw new TypeError(`${recipe.moduleUrl} does not export makeFileSystem`);
  }
  return module.makeFileSystem(recipe.argument, host);
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
