import { type ServerHttp2Session } from "node:http2";

import { type FastifyBaseLogger } from "fastify";

import { type Task } from "../tasks/task.ts";
import { type TransferPace } from "../traffic/traffic-control.ts";
import { LOOK_EVERY_MS, noticeHangUp } from "../../linux/notice-hang-up.ts";
import { SHUTDOWN_REASON } from "./running-sessions.ts";
import { SessionRouter, type SessionRoute } from "./session-router.ts";

/** Milliseconds a client has to take its last answers after it said goodbye. */
const GOODBYE_MS = 10_000;

/** What a task says of a client that keeps to no window. */
const FLOODED_REASON = "connection error: more was sent than the windows allow";

/** How a connection ended. */
export type ConnectionEnd =
  { readonly kind: "closed" } | { readonly kind: "failed"; readonly reason: string };

/** What serving a connection needs. */
export interface ConnectionOptions {
  readonly routes: readonly SessionRoute[];
  readonly task: Task;
  /** Whether every request gets a line in the task log. */
  readonly isDebug: boolean;
  readonly unauthenticatedMs: number;
  readonly pace: TransferPace;
  /** Aborts when the server cuts its sessions. */
  readonly cut: AbortSignal;
  /** Aborts when the client has sent too much that nobody has taken. */
  readonly flooded?: AbortSignal;
  readonly logger: FastifyBaseLogger;
}

/**
 * Answers the requests of a connection until it is gone and no request is being worked on any more.
 *
 * There is no idle timeout: backups pause while a client reads a slow disk, mounts stay open for days. A client that
 * just goes away is normal: the official one does it after every backup (spec backup-protocol.md §4.12).
 */
export async function serveConnection(
  session: ServerHttp2Session,
  options: ConnectionOptions,
): Promise<ConnectionEnd> {
  const { task, logger } = options;
  const working = new Set<Promise<void>>();
  const router = new SessionRouter(options.routes, {
    onRequest: (name) => {
      if (options.isDebug) task.detail(name);
    },
    onFailure: (line) => {
      task.detail(line);
    },
    onUnexpected: (error) => {
      logger.error({ err: error, upid: task.upid }, "request in a session failed");
    },
    unauthenticatedMs: options.unauthenticatedMs,
    pace: options.pace,
  });
  // After a GOAWAY Node stops reading and may never see the connection end: then it is ended here.
  const leave = (): void => {
    if (session.destroyed) return;
    if (working.size === 0) session.destroy();
    else setTimeout(leave, GOODBYE_MS).unref();
  };
  session.on("goaway", () => {
    setTimeout(leave, GOODBYE_MS).unref();
  });
  session.on("stream", (stream, headers) => {
    const work = router.answer(stream, headers);
    working.add(work);
    void work.finally(() => working.delete(work));
  });
  const watch = noticeHangUp(session, LOOK_EVERY_MS);
  const end = await connectionEnd(session, [
    [task.signal, "task aborted"],
    [options.cut, SHUTDOWN_REASON],
    ...(options.flooded ? [[options.flooded, FLOODED_REASON] as const] : []),
  ]);
  watch[Symbol.dispose]();

  while (working.size > 0) await Promise.allSettled(working);
  return end;
}

async function connectionEnd(
  session: ServerHttp2Session,
  causes: readonly (readonly [signal: AbortSignal, reason: string])[],
): Promise<ConnectionEnd> {
  let failure: string | undefined;
  const onAbort = (): void => {
    failure = causes.find(([signal]) => signal.aborted)?.[1];
    // Never while nghttp2 hands out received data (docs/decisions/0006-http2-beside-fastify.md).
    setImmediate(() => {
      session.destroy();
    });
  };
  session.on("error", (error: Error) => {
    failure ??= `connection error: ${error.message}`;
  });
  await new Promise<void>((resolve) => {
    session.once("close", () => {
      resolve();
    });
    if (session.destroyed) resolve();
    for (const [signal] of causes) signal.addEventListener("abort", onAbort);
    if (causes.some(([signal]) => signal.aborted)) onAbort();
  });
  for (const [signal] of causes) signal.removeEventListener("abort", onAbort);
  return failure === undefined ? { kind: "closed" } : { kind: "failed", reason: failure };
}
