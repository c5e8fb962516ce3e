import { readFileSync, renameSync, writeFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { dirname } from "node:path";
import { Script } from "node:vm";
import { crc32 } from "node:zlib";

/** Behind the code in its file: CRC-32 of the bundle and then the code, little-endian. */
const SUM_BYTES = 4;

/**
 * Loads a bundle in the form of CommonJS.
 *
 * Code that V8 made of it earlier, and that was kept in the file `PATH.code`, spares compiling it again, which is a third of the start of
 * a command. V8 drops what another version or other flags of it have made, and compiles; damage it does not look for, and of a bundle it
 * compares the length alone: with one wrong bit one start in four crashed. Hence the checksum.
 *
 * @param path Absolute. What is not ASCII stands in its comments alone (esbuild escapes the rest), so it can be read as Latin-1, which
 *   V8 takes as it is.
 * @returns What the bundle exports, whether V8 has taken kept code, and how to keep what it has compiled by then: that replaces the
 *   file in one step.
 */
export function loadProgram(path) {
  const bundle = readFileSync(path);
  const script = new Script(Module.wrap(bundle.latin1Slice()), {
    filename: path,
    cachedData: keptCode(path, bundle),
  });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(path), module, path, dirname(path));
  const keepCode = () => {
    const code = script.createCachedData();
    const sum = Buffer.alloc(SUM_BYTES);
    sum.writeUInt32LE(sumOf(bundle, code));
    writeFileSync(`${codeFileOf(path)}.new`, Buffer.concat([code, sum]));
    renameSync(`${codeFileOf(path)}.new`, codeFileOf(path));
  };
  return { exports: module.exports, isAhead: script.cachedDataRejected === false, keepCode };
}

const codeFileOf = (path) => `${path}.code`;

const sumOf = (bundle, code) => crc32(code, crc32(bundle));

/** The kept code if it is there, whole, and made of this very bundle. */
function keptCode(path, bundle) {
  let kept;
  try {
    kept = readFileSync(codeFileOf(path));
  } catch {
    return undefined;
  }
  if (kept.length <= SUM_BYTES) return undefined;
  const code = kept.subarray(0, -SUM_BYTES);
  return kept.readUInt32LE(code.length) === sumOf(bundle, code) ? code : undefined;
}
