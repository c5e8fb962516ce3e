import { type FastifyRequest } from "fastify";

import { FrontConnection } from "./front-connection.ts";

/** Address that a request comes from; what headers say of others is not believed. */
export function peerOf(request: FastifyRequest): string {
  return FrontConnection.of(request.raw.socket)?.peerAddress ?? "unknown";
}
