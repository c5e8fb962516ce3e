import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { type NodeConfig } from "../configuration/node-config.ts";
import { sectionValues } from "../configuration/section-entry.ts";
import { requireConfigDigest } from "../http/config-digest.ts";
import { nodeName, optionalConfigDigest } from "../http/parameter-schema.ts";
import { needs } from "../http/permission.ts";
import { addRoute, WithAttributes } from "../http/route.ts";

/** What the routes of the settings of the server work on. */
export interface NodeConfigRouteOptions {
  readonly nodeConfig: NodeConfig;
}

const LINE = { pattern: "^[^\\n\\r]*$", maxLength: 4096 } as const;

const acmeDomain = Type.Optional(
  Type.String({ ...LINE, description: "Domain for a certificate; stored and not used." }),
);

const settings = {
  acme: Type.Optional(Type.String({ ...LINE, description: "Stored and not used." })),
  acmedomain0: acmeDomain,
  acmedomain1: acmeDomain,
  acmedomain2: acmeDomain,
  acmedomain3: acmeDomain,
  acmedomain4: acmeDomain,
  "http-proxy": Type.Optional(Type.String({ ...LINE, description: "Stored and not used." })),
  "email-from": Type.Optional(
    Type.String({ ...LINE, minLength: 2, description: "Sender of mails." }),
  ),
  "ciphers-tls-1.2": Type.Optional(
    Type.String({ ...LINE, description: "Stored; TLS 1.2 is never spoken." }),
  ),
  "ciphers-tls-1.3": Type.Optional(Type.String({ ...LINE, description: "Stored and not used." })),
  "default-lang": Type.Optional(
    Type.String({ pattern: "^[a-z]{2}(_[A-Z]{2})?$", description: "Language of web pages." }),
  ),
  description: Type.Optional(
    Type.String({ maxLength: 65_536, description: "Notes about this server." }),
  ),
  "task-log-max-days": Type.Optional(
    Type.Integer({ minimum: 0, description: "Days after which logs of tasks are removed." }),
  ),
  "consent-text": Type.Optional(
    Type.String({ maxLength: 65_536, description: "What people agree to when they log in." }),
  ),
};

/** `/nodes/{node}/config`: settings of this server as a whole, in `node.cfg` (spec rest-api.md §9). */
export function addNodeConfigRoutes(
  api: FastifyInstance,
  { nodeConfig }: NodeConfigRouteOptions,
): void {
  const stored = Type.Object(settings);
  addRoute(api, {
    method: "GET",
    path: "/nodes/:node/config",
    description: "Settings of this server as a whole.",
    permit: needs("/system", "Sys.Audit"),
    parameters: Type.Object({ node: nodeName }),
    reply: stored,
    handle: async () => {
      const { values, digest } = await nodeConfig.read();
      const section = { type: "node", id: "localhost", properties: values };
      return new WithAttributes(sectionValues(section, stored), { digest });
    },
  });
  addRoute(api, {
    method: "PUT",
    path: "/nodes/:node/config",
    description: "Changes settings of this server; what is not given stays.",
    permit: needs("/system", "Sys.Modify"),
    parameters: Type.Object({
      node: nodeName,
      ...settings,
      delete: Type.Optional(
        Type.Array(Type.Enum(Object.keys(settings)), {
          description: "Properties to set back to their default.",
        }),
      ),
      digest: optionalConfigDigest,
    }),
    reply: Type.Null(),
    handle: async ({ node: _node, delete: removed = [], digest: given, ...values }) => {
      await nodeConfig.update(values, removed, ({ digest }) => {
        requireConfigDigest(digest, given);
      });
      return null;
    },
  });
}
