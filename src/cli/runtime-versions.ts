import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { readPackageVersion } from "./program-version.ts";

/** Packages whose version matters when something behaves oddly: native code and what speaks on the wire. */
const packages = ["koffi", "zstd-napi", "@cloudpss/zstd", "fuse-native", "fastify"] as const;

/**
 * Versions of Node.js, of the libraries inside it and of the packages with native code, by name.
 *
 * A package that is not installed or cannot be loaded is `not available`: optional ones are allowed to be missing.
 */
export async function readRuntimeVersions(): Promise<Record<string, string>> {
  const versions: Record<string, string> = {
    node: process.versions.node,
    openssl: process.versions.openssl,
    nghttp2: process.versions["nghttp2"] ?? "not available",
    "codec provider": createNativeProvider().name,
    platform: `${process.platform} ${process.arch}`,
  };
  for (const name of packages) versions[name] = await versionOf(name);
  return versions;
}

async function versionOf(name: string): Promise<string> {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return await readPackageVersion(pathToFileURL(`${folder}/${name}/package.json`));
    } catch {
      continue; // Not installed in this folder; the next one may have it.
    }
  }
  return "not available";
}
