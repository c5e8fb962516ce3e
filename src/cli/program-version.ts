import { readFile } from "node:fs/promises";

/** Version of this program as its package states it; `unknown` when the package lies. */
export async function readProgramVersion(): Promise<string> {
  return await readPackageVersion(new URL("../../package.json", import.meta.url));
}

/** Version member of one package.json; `unknown` when it has none. */
export async function readPackageVersion(packageUrl: URL): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(packageUrl, "utf8"));
  const version =
    typeof manifest === "object" && manifest !== null && "version" in manifest
      ? manifest.version
      : undefined;
  return typeof version === "string" ? version : "unknown";
}
