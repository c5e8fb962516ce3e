import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { type AccessControl } from "../auth/access-control.ts";
import { type ConfigFiles } from "../configuration/config-files.ts";
import { refused } from "../http/api-error.ts";
import { authIdSchema, singleLineComment } from "../http/parameter-schema.ts";
import { decidedInside, needs } from "../http/permission.ts";
import { addConfigEntryRoutes } from "./config-entry-routes.ts";

/** What the routes of remotes work on. */
export interface RemoteConfigOptions {
  readonly files: ConfigFiles;
  readonly access: AccessControl;
}

/** `/config/remote`: other servers, with the credentials for them, which are never shown (spec rest-api.md §7). */
export function addRemoteConfigRoutes(
  api: FastifyInstance,
  { files, access }: RemoteConfigOptions,
): void {
  addConfigEntryRoutes(api, {
    path: "/config/remote",
    idName: "name",
    section: "remote",
    file: files.remotes,
    noun: "remote",
    properties: {
      host: Type.String({
        pattern: "^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9._:-]+)$",
        maxLength: 255,
        description: "Name or address of the other server.",
      }),
      port: Type.Integer({ minimum: 1, maximum: 65_535, description: "Port; 8007 unless given." }),
      "auth-id": authIdSchema,
      password: Type.String({
        minLength: 1,
        maxLength: 1024,
        description: "Password or secret of a token; it is stored and never shown.",
      }),
      fingerprint: Type.String({
        pattern: "^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){31}$",
        description: "SHA-256 of the other server's certificate.",
      }),
      comment: singleLineComment,
    },
    required: ["host", "auth-id", "password"],
    secret: ["password"],
    encode: (name, value) =>
      name === "password" && typeof value === "string"
        ? Buffer.from(value).toString("base64")
        : value,
    permits: {
      read: decidedInside("Remote.Audit on `/remote/{name}`; lists are filtered."),
      create: needs("/remote", "Remote.Modify"),
      change: needs("/remote/{name}", "Remote.Modify"),
    },
    isVisible: (caller, name) => access.hasAny(caller, `/remote/${name}`, ["Remote.Audit"]),
    requireChange: () => undefined,
    checkRemoval: async (name) => {
      const { sections } = await files.syncJobs.read();
      const user = sections.find(({ properties }) => properties.get("remote") === name);
      if (!user) return;
      const store = user.properties.get("store") ?? "";
      throw refused(`remote '${name}' is used by sync job '${user.id}' (datastore '${store}')`);
    },
  });
}
