import { type ConfigFiles } from "../configuration/config-files.ts";
import { ConfigError } from "../configuration/config-error.ts";
import { refused } from "../http/api-error.ts";
import { type Remote } from "../sync/sync-source.ts";

/**
 * Reads another server's address and credentials from `remote.cfg` (spec retention-gc-verify-sync.md §5.1).
 *
 * @throws {ApiError} `API_REFUSED` for an unknown one.
 * @throws {ConfigError} `CONFIG_INVALID` for one that lacks something.
 */
export async function readRemote(files: ConfigFiles, name: string): Promise<Remote> {
  const { sections } = await files.remotes.read();
  const section = sections.find(({ type, id }) => type === "remote" && id === name);
  if (!section) throw refused(`no such remote '${name}'`);
  const { properties } = section;
  const need = (property: string): string => {
    const value = properties.get(property);
    if (value !== undefined) return value;
    throw new ConfigError("CONFIG_INVALID", `remote '${name}' has no '${property}'`);
  };
  const port = properties.get("port");
  return {
    name,
    host: need("host"),
    port: port === undefined ? undefined : Number(port),
    authId: need("auth-id"),
    password: Buffer.from(need("password"), "base64").toString("utf8"),
    fingerprint: properties.get("fingerprint"),
  };
}
