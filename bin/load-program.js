import { readFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { dirname } from "node:path";
import { Script } from "node:vm";

/** Where the code that V8 made of a bundle is kept, if it was kept. */
export const codeFileOf = (path) => `${path}.code`;

/**
 * Loads a bundle in the form of CommonJS.
 *
 * Code that V8 made of it earlier spares compiling it again, which is a third of the start of a command. V8 drops what another version or
 * other flags of it have made, and compiles.
 *
 * @param path Absolute. What is not ASCII stands in its comments alone (esbuild escapes the rest), so it can be read as Latin-1, which
 *   V8 takes as it is.
 * @returns What the bundle exports, and the script, for `createCachedData`.
 */
export function loadProgram(path) {
  const script = new Script(Module.wrap(readFileSync(path, "latin1")), {
    filename: path,
    cachedData: keptCode(path),
  });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(path), module, path, dirname(path));
  return { exports: module.exports, script };
}

function keptCode(path) {
  try {
    return readFileSync(codeFileOf(path));
  } catch {
    return undefined;
  }
}
