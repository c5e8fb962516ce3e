import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type AccessControl, datastorePath } from "../auth/access-control.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { isToken, tokenNameOf, userOf } from "../auth/auth-id.ts";
import { refused } from "../http/api-error.ts";
import { datastoreName, nodeName, offByDefault } from "../http/parameter-schema.ts";
import { decidedInside } from "../http/permission.ts";
import { addRoute, RawReply, WithAttributes } from "../http/route.ts";
import { type TaskEntry, type TaskRegistry } from "../tasks/task-registry.ts";
import { UPID_LENGTH_MIN } from "../tasks/upid.ts";

/** What the task routes work on. */
export interface TaskRouteOptions {
  readonly tasks: TaskRegistry;
  readonly access: AccessControl;
}

const node = nodeName;
const upid = Type.String({ minLength: UPID_LENGTH_MIN, maxLength: 512 });

const taskReader = decidedInside(
  "Who started the task or whose token did, Sys.Audit on `/system/tasks`, or what the job of the task needs.",
);

/** Tasks and log lines of one page unless asked otherwise (spec rest-api.md §9). */
const PAGE_SIZE = 50;

const firstLine = Type.Optional(Type.Integer({ minimum: 0, default: 0 }));

const pageSize = Type.Optional(Type.Integer({ minimum: 0, default: PAGE_SIZE }));

const listEntry = Type.Object({
  upid: Type.String(),
  node: Type.String(),
  pid: Type.Integer(),
  pstart: Type.Integer(),
  starttime: Type.Integer(),
  worker_type: Type.String(),
  worker_id: Type.Optional(Type.String()),
  user: Type.String(),
  endtime: Type.Optional(Type.Integer()),
  status: Type.Optional(Type.String()),
});

const listParameters = Type.Object({
  node,
  start: firstLine,
  limit: pageSize,
  running: offByDefault,
  errors: offByDefault,
  store: Type.Optional(datastoreName),
  typefilter: Type.Optional(Type.String()),
  userfilter: Type.Optional(Type.String()),
  since: Type.Optional(Type.Integer()),
  until: Type.Optional(Type.Integer()),
  statusfilter: Type.Optional(Type.Array(Type.Enum(["ok", "warning", "error", "unknown"]))),
});

/** `/nodes/{node}/tasks` (spec rest-api.md §9). Every node name means this server. */
export function addTaskRoutes(api: FastifyInstance, options: TaskRouteOptions): void {
  const { tasks, access } = options;
  addRoute(api, {
    method: "GET",
    path: "/nodes/:node/tasks",
    description: "Tasks, running ones first, each newest first.",
    permit: decidedInside("Every login for its own tasks; Sys.Audit on `/system/tasks` for all."),
    parameters: listParameters,
    reply: Type.Array(listEntry),
    handle: (parameters, { caller }) => {
      const { start = 0, limit = PAGE_SIZE } = parameters;
      const seesAll = access.hasAny(caller, "/system/tasks", ["Sys.Audit"]);
      const wanted: Static<typeof listEntry>[] = [];
      let skipped = 0;
      for (const entry of tasks.list()) {
        const isVisible = seesAll || isOwnTask(caller, entry) || mayRunJob(access, caller, entry);
        if (!isVisible) continue;
        if (!matches(entry, parameters)) continue;
        if (skipped < start) skipped += 1;
        else if (limit === 0 || wanted.length < limit) wanted.push(listReply(entry));
        else break;
      }
      const isFull = limit !== 0 && wanted.length === limit;
      return new WithAttributes(wanted, { total: start + wanted.length + (isFull ? 1 : 0) });
    },
  });
  addOneTaskRoutes(api, options);
}

function addOneTaskRoutes(api: FastifyInstance, { tasks, access }: TaskRouteOptions): void {
  const find = (caller: AuthId, name: string): TaskEntry => {
    const entry = tasks.find(name);
    if (!entry) throw refused("no such task");
    const isVisible =
      isOwnTask(caller, entry) ||
      access.hasAny(caller, "/system/tasks", ["Sys.Audit"]) ||
      mayRunJob(access, caller, entry);
    if (!isVisible) throw refused("task access not allowed");
    return entry;
  };
  addRoute(api, {
    method: "GET",
    path: "/nodes/:node/tasks/:upid/status",
    description: "State of a task.",
    permit: taskReader,
    parameters: Type.Object({ node, upid }),
    reply: Type.Object({
      upid: Type.String(),
      node: Type.String(),
      pid: Type.Integer(),
      pstart: Type.Integer(),
      starttime: Type.Integer(),
      type: Type.String(),
      id: Type.Optional(Type.String()),
      user: Type.String(),
      tokenid: Type.Optional(Type.String()),
      status: Type.String(),
      exitstatus: Type.Optional(Type.String()),
      endtime: Type.Optional(Type.Integer()),
    }),
    handle: (parameters, { caller }) => {
      const { parts, end, upid: name } = find(caller, parameters.upid);
      const tokenid = tokenNameOf(parts.authId);
      return {
        upid: name,
        node: parts.node,
        pid: parts.pid,
        pstart: parts.processStart,
        starttime: parts.startSec,
        type: parts.type,
        id: parts.id,
        user: userOf(parts.authId),
        ...(tokenid === undefined ? {} : { tokenid }),
        ...(end
          ? { status: "stopped", exitstatus: end.status, endtime: end.endSec }
          : { status: "running" }),
      };
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/nodes/:node/tasks/:upid/log",
    description: "Log of a task, by lines or as a whole.",
    permit: taskReader,
    jsonType: "bare",
    parameters: Type.Object({
      node,
      upid,
      start: firstLine,
      limit: pageSize,
      "test-status": offByDefault,
      download: offByDefault,
    }),
    reply: Type.Array(Type.Object({ n: Type.Integer(), t: Type.String() })),
    handle: async (parameters, { caller }) => {
      const entry = find(caller, parameters.upid);
      if (parameters.download === true) return await downloadLog(tasks, entry);
      const { start = 0, limit = PAGE_SIZE } = parameters;
      const page = await tasks.readLog(entry, start, limit);
      return new WithAttributes([...page.lines], {
        total: page.total,
        success: 1,
        // Looked up before the file was read, so that a client that stops on "inactive" has the last line.
        ...(parameters["test-status"] === true ? { active: entry.end === undefined } : {}),
      });
    },
  });
  addRoute(api, {
    method: "DELETE",
    path: "/nodes/:node/tasks/:upid",
    description: "Asks a running task to stop.",
    permit: decidedInside("Who started the task, or Sys.Modify on `/system/tasks`."),
    parameters: Type.Object({ node, upid }),
    reply: Type.Null(),
    handle: (parameters, { caller }) => {
      const entry = tasks.find(parameters.upid);
      if (!entry) throw refused("no such task");
      if (entry.parts.authId !== caller) {
        access.require(caller, "/system/tasks", ["Sys.Modify"]);
      }
      tasks.requestStop(entry.upid);
      return null;
    },
  });
}

async function downloadLog(tasks: TaskRegistry, entry: TaskEntry): Promise<RawReply> {
  const { node: name, type, startSec } = entry.parts;
  const time = new Date(startSec * 1000).toISOString().replace(/\.000Z$/, "Z");
  return new RawReply(Buffer.from(await tasks.readLogText(entry)), {
    "content-type": "text/plain",
    "content-disposition": `attachment; filename=task-${name}-${type}-${time}.log`,
  });
}

/** Whether a caller may read a task because it, or its token, started it (spec auth.md §9.8). */
function isOwnTask(caller: AuthId, { parts }: TaskEntry): boolean {
  return parts.authId === caller || (isToken(parts.authId) && userOf(parts.authId) === caller);
}

/** Whether a caller may read the task of a job because it could have started that job itself (spec auth.md §9.8). */
function mayRunJob(access: AccessControl, caller: AuthId, { parts }: TaskEntry): boolean {
  const [first = "", second = "", third = "", namespace = ""] = parts.id.split(":");
  switch (parts.type) {
    case "verificationjob":
      return access.hasAny(caller, datastorePath(first, ""), ["Datastore.Verify"]);
    case "garbage_collection":
      return access.hasAny(caller, datastorePath(first, ""), ["Datastore.Modify"]);
    case "prunejob":
      return access.hasAny(caller, datastorePath(first, second), ["Datastore.Modify"]);
    case "syncjob": {
      // remote or -, store there, store here, namespace here, job.
      const source =
        first === "-"
          ? access.hasAny(caller, datastorePath(second, ""), ["Datastore.Backup", "Datastore.Read"])
          : access.hasAny(caller, `/remote/${first}/${second}`, ["Remote.Read"]);
      return source && access.hasAny(caller, datastorePath(third, namespace), ["Datastore.Backup"]);
    }
    default:
      return false;
  }
}

/** Whether a task works on a datastore; the jobs that synchronise name it third. */
function isAbout(store: string, { type, id }: TaskEntry["parts"]): boolean {
  const parts = id.split(":");
  return parts[0] === store || (type === "syncjob" && parts[2] === store);
}

function matches(entry: TaskEntry, filter: Static<typeof listParameters>): boolean {
  const { parts, end } = entry;
  const status = end?.status ?? "";
  if (filter.running === true && end) return false;
  if (filter.errors === true && (!end || status === "OK")) return false;
  if (filter.since !== undefined && parts.startSec < filter.since) return false;
  if (filter.until !== undefined && parts.startSec > filter.until) return false;
  if (filter.typefilter !== undefined && !parts.type.includes(filter.typefilter)) return false;
  if (filter.userfilter !== undefined && !parts.authId.includes(filter.userfilter)) return false;
  if (filter.store !== undefined && !isAbout(filter.store, parts)) return false;
  return (
    filter.statusfilter === undefined ||
    (end !== undefined && filter.statusfilter.includes(kindOf(status)))
  );
}

function kindOf(status: string): "ok" | "warning" | "error" | "unknown" {
  if (status === "OK") return "ok";
  if (status === "unknown") return "unknown";
  return status.startsWith("WARNINGS") ? "warning" : "error";
}

function listReply({ upid: name, parts, end }: TaskEntry): Static<typeof listEntry> {
  return {
    upid: name,
    node: "localhost",
    pid: parts.pid,
    pstart: parts.processStart,
    starttime: parts.startSec,
    worker_type: parts.type,
    ...(parts.id === "" ? {} : { worker_id: parts.id }),
    user: parts.authId,
    ...(end ? { endtime: end.endSec, status: end.status } : {}),
  };
}
