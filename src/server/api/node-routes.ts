import { createHash } from "node:crypto";

import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type Clock } from "../../format/clock.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { nodeName } from "../http/parameter-schema.ts";
import { historyConsolidation, historyTimeframe } from "../http/history-parameters.ts";
import { anyLogin, needs } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { readMachineStatus } from "../node/machine-status.ts";
import { type MetricHistory } from "../node/metric-history.ts";
import { type MetricRecorder, NODE_SOURCE } from "../node/metric-recorder.ts";
import { isTimeZone, type ServerZone } from "../node/server-zone.ts";
import { type InstalledCertificate } from "../tls/installed-certificate.ts";
import { addCertificateRoutes } from "./certificate-routes.ts";

/** What the routes of this machine work on. */
export interface NodeRouteOptions {
  readonly clock: Clock;
  readonly history: MetricHistory;
  readonly recorder: MetricRecorder;
  readonly certificate: InstalledCertificate;
  readonly serverZone: ServerZone;
}

const space = Type.Object({ total: Type.Number(), used: Type.Number(), avail: Type.Number() });
const memory = Type.Object({ total: Type.Number(), used: Type.Number(), free: Type.Number() });

const statusReply = Type.Object({
  cpu: Type.Number({ description: "Busy part of the processors, 0 to 1." }),
  wait: Type.Number({ description: "Part of the processors that waits for disks, 0 to 1." }),
  loadavg: Type.Array(Type.Number()),
  uptime: Type.Number({ description: "Seconds." }),
  memory,
  swap: memory,
  root: space,
  cpuinfo: Type.Object({ model: Type.String(), sockets: Type.Integer(), cpus: Type.Integer() }),
  kversion: Type.String(),
  "current-kernel": Type.Object({
    sysname: Type.String(),
    release: Type.String(),
    version: Type.String(),
    machine: Type.String(),
  }),
  "boot-info": Type.Object({ mode: Type.String(), secureboot: Type.Optional(Type.Boolean()) }),
  info: Type.Object({ fingerprint: Type.String() }),
});

/** Rows of a history: `time`, and whatever was measured in that step (spec rest-api.md §5.7, §9). */
export const historyReply = Type.Array(Type.Record(Type.String(), Type.Number()));

/** `/nodes/{node}` but its tasks (spec rest-api.md §9). Every node name means this server. */
export function addNodeRoutes(api: FastifyInstance, options: NodeRouteOptions): void {
  const { clock, history } = options;
  addRoute(api, {
    method: "GET",
    path: "/nodes",
    description: "The one node there is.",
    permit: anyLogin,
    parameters: Type.Object({}),
    reply: Type.Array(Type.Object({ node: Type.String() })),
    handle: () => [{ node: "localhost" }],
  });
  addStatusRoute(api, options);
  addRoute(api, {
    method: "GET",
    path: "/nodes/:node/rrd",
    description: "History of the machine: processors, memory, network, disk.",
    permit: needs("/system/status", "Sys.Audit"),
    parameters: Type.Object({
      node: nodeName,
      timeframe: historyTimeframe,
      cf: historyConsolidation,
    }),
    reply: historyReply,
    handle: async ({ timeframe, cf }) => [
      ...(await history.read(NODE_SOURCE, clock.nowSec(), { timeframe, consolidation: cf })),
    ],
  });
  addTimeRoutes(api, options);
  addSubscriptionRoutes(api, options.certificate);
  addCertificateRoutes(api, options);
}

function addStatusRoute(api: FastifyInstance, { recorder, certificate }: NodeRouteOptions): void {
  addRoute(api, {
    method: "GET",
    path: "/nodes/:node/status",
    description: "Load, memory, disk and kernel of the machine.",
    permit: needs("/system/status", "Sys.Audit"),
    parameters: Type.Object({ node: nodeName }),
    reply: statusReply,
    handle: async (): Promise<Static<typeof statusReply>> => {
      const { kernel, boot, loadavg, ...status } = await readMachineStatus();
      return {
        ...status,
        ...(await recorder.processorLoad()),
        loadavg: [...loadavg],
        "current-kernel": kernel,
        "boot-info": boot.mode === "efi" ? boot : { mode: boot.mode },
        info: { fingerprint: certificate.fingerprint },
      };
    },
  });
}

function addSubscriptionRoutes(api: FastifyInstance, certificate: InstalledCertificate): void {
  const path = "/nodes/:node/subscription";
  const permit = needs("/system", "Sys.Modify");
  const parameters = Type.Object({ node: nodeName });
  addRoute(api, {
    method: "GET",
    path,
    description: "Says that there is no subscription: this server needs none.",
    permit: anyLogin,
    parameters,
    reply: Type.Object({
      status: Type.String(),
      message: Type.String(),
      serverid: Type.String(),
      url: Type.String({ description: "What the message is about." }),
    }),
    handle: () => ({
      status: "notfound",
      message: "There is no subscription key: this server is free software and needs none.",
      serverid: createHash("md5")
        .update(certificate.current.certificatePem)
        .digest("hex")
        .toUpperCase(),
      url: "https://www.gnu.org/licenses/agpl-3.0.html",
    }),
  });
  addRoute(api, {
    method: "POST",
    path,
    description: "Checks the subscription, of which there is none.",
    permit,
    parameters: Type.Object({
      node: nodeName,
      force: Type.Optional(Type.Boolean({ default: false, description: "Makes no difference." })),
    }),
    reply: Type.Null(),
    handle: () => null,
  });
  addRoute(api, {
    method: "PUT",
    path,
    description: "Refuses a subscription key: this server needs none and asks nobody about it.",
    permit,
    parameters: Type.Object({
      node: nodeName,
      key: Type.String({ minLength: 1, maxLength: 32, description: "Key of a subscription." }),
    }),
    reply: Type.Null(),
    handle: () => {
      throw refused("this server is free software: there is nothing that a subscription key opens");
    },
  });
  addRoute(api, {
    method: "DELETE",
    path,
    description: "Removes the subscription key, of which there is none.",
    permit,
    parameters,
    reply: Type.Null(),
    handle: () => null,
  });
}

function addTimeRoutes(
  api: FastifyInstance,
  { clock, serverZone }: Pick<NodeRouteOptions, "clock" | "serverZone">,
): void {
  addRoute(api, {
    method: "GET",
    path: "/nodes/:node/time",
    description: "Time and time zone of the machine.",
    permit: anyLogin,
    parameters: Type.Object({ node: nodeName }),
    reply: Type.Object({
      timezone: Type.String(),
      time: Type.Integer({ description: "Seconds since the epoch." }),
      localtime: Type.Integer({ description: "The same with the offset of the zone added." }),
    }),
    handle: () => {
      const time = clock.nowSec();
      const offsetSec = -new Date(time * 1000).getTimezoneOffset() * 60;
      const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      return { timezone, time, localtime: time + offsetSec };
    },
  });
  addRoute(api, {
    method: "PUT",
    path: "/nodes/:node/time",
    description: "Sets the time zone of this server; that of the system stays.",
    permit: needs("/system/time", "Sys.Modify"),
    parameters: Type.Object({
      node: nodeName,
      timezone: Type.String({ maxLength: 64, description: "Name of the zone." }),
    }),
    reply: Type.Null(),
    handle: async ({ timezone }) => {
      if (!isTimeZone(timezone)) {
        const problem = `No such timezone: '${timezone}'`;
        throw new ApiError(
          "API_PARAMETERS",
          `parameter verification failed - 'timezone': ${problem}`,
          { parameters: { timezone: problem } },
        );
      }
      await serverZone.set(timezone);
      return null;
    },
  });
}
