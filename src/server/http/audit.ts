import { type FastifyRequest } from "fastify";

import { type ErrorReply } from "./error-reply.ts";
import { peerOf } from "./peer-of.ts";

/** One thing that somebody did, or tried. */
export interface AuditEntry {
  /** User or token; what it claimed to be, when it could not prove it. */
  readonly who: string;
  /** Address of the connection. */
  readonly from: string;
  /** Method and path of the API, parameters as `{name}`. */
  readonly what: string;
  /** Parameters that say what it was about; never a secret. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly outcome: "done" | "refused" | "not authenticated";
  /** HTTP status of a refusal. */
  readonly status?: number;
}

/** Keeps what was done. */
export type Audit = (entry: AuditEntry) => void;

/** Parameters whose text says what a call is about. All others are left out, so that no secret is kept that somebody forgot to name. */
const NAMING = new Set([
  "auth-id",
  "backup-id",
  "backup-type",
  "file-name",
  "filepath",
  "id",
  "name",
  "new-owner",
  "node",
  "ns",
  "parent",
  "path",
  "remote",
  "remote-ns",
  "remote-store",
  "role",
  "schedule",
  "store",
  "target-ns",
  "token-name",
  "type",
  "upid",
  "userid",
  "username",
]);

/** Longest text that is kept; names are shorter. */
const TEXT_CHARACTERS_MAX = 512;

/** The parameters of a call that may be kept: numbers, switches, and texts that only name things. */
export function auditedParameters(
  parameters: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(parameters).filter(
      ([name, value]) =>
        typeof value === "number" ||
        typeof value === "boolean" ||
        (NAMING.has(name) && typeof value === "string" && value.length <= TEXT_CHARACTERS_MAX),
    ),
  );
}

/** What is kept of a request that nobody could be found behind. */
export function unauthenticatedEntry(
  request: FastifyRequest,
  { status }: Pick<ErrorReply, "status">,
): AuditEntry {
  const token = /^PBSAPIToken[= ]([^:\s]{3,64}):/.exec(request.headers.authorization ?? "");
  const [path = ""] = request.originalUrl.split("?");
  return {
    who: token?.[1] ?? "",
    from: peerOf(request),
    what: `${request.method} ${path.replace(/^\/+api2\/(json|extjs)/, "").slice(0, 200)}`,
    parameters: {},
    outcome: "not authenticated",
    status,
  };
}
