import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { type AccessControl } from "../auth/access-control.ts";
import { type ConfigFiles } from "../configuration/config-files.ts";
import { sectionValues, type SectionValues } from "../configuration/section-entry.ts";
import { refused } from "../http/api-error.ts";
import { singleLineComment, userIdSchema } from "../http/parameter-schema.ts";
import { needs } from "../http/permission.ts";
import { addRoute, WithAttributes } from "../http/route.ts";
import { byteSize } from "../http/text-format.ts";
import { FormatError } from "../../format/format-error.ts";
import { parseClientNetwork } from "../traffic/client-network.ts";
import { parseDailyWindow } from "../traffic/daily-window.ts";
import { type TrafficControl } from "../traffic/traffic-control.ts";
import { addConfigEntryRoutes } from "./config-entry-routes.ts";

const properties = {
  network: Type.Array(Type.String({ maxLength: 64 }), {
    description: "Networks that the rule is about, as address/bits.",
  }),
  users: Type.Array(userIdSchema, {
    description: "Users that the rule is about; all when absent.",
  }),
  timeframe: Type.Array(Type.String({ maxLength: 128 }), {
    description: "When the rule holds, for example `mon..fri 8-17:30`; always when absent.",
  }),
  "rate-in": byteSize("Bytes a second that may come in."),
  "burst-in": byteSize("Bytes that may come in at once after a pause."),
  "rate-out": byteSize("Bytes a second that may go out."),
  "burst-out": byteSize("Bytes that may go out at once after a pause."),
  comment: singleLineComment,
};

/** `/config/traffic-control` and `/admin/traffic-control` (spec rest-api.md §6, §7). */
export function addTrafficRoutes(
  api: FastifyInstance,
  {
    files,
    access,
    traffic,
  }: {
    readonly files: ConfigFiles;
    readonly access: AccessControl;
    readonly traffic: TrafficControl;
  },
): void {
  const read = needs("/", "Sys.Audit");
  const change = needs("/", "Sys.Modify");
  addConfigEntryRoutes(api, {
    path: "/config/traffic-control",
    idName: "name",
    section: "rule",
    file: files.trafficRules,
    noun: "traffic control rule",
    properties,
    required: ["network"],
    permits: { read, create: change, change },
    isVisible: (caller) => access.hasAny(caller, "/", ["Sys.Audit"]),
    requireChange: () => undefined,
    check: (_name, values) => {
      requireParsed(values);
    },
  });
  const stored = Type.Object(properties);
  addRoute(api, {
    method: "GET",
    path: "/admin/traffic-control",
    description: "Rules of traffic control with what they let pass at present.",
    permit: read,
    parameters: Type.Object({}),
    reply: Type.Array(
      Type.Object({
        name: Type.String(),
        network: Type.Optional(Type.Array(Type.String())),
        users: Type.Optional(Type.Array(Type.String())),
        timeframe: Type.Optional(Type.Array(Type.String())),
        "rate-in": Type.Optional(Type.String()),
        "burst-in": Type.Optional(Type.String()),
        "rate-out": Type.Optional(Type.String()),
        "burst-out": Type.Optional(Type.String()),
        comment: Type.Optional(Type.String()),
        "cur-rate-in": Type.Integer({ description: "Bytes a second that come in." }),
        "cur-rate-out": Type.Integer({ description: "Bytes a second that go out." }),
      }),
    ),
    handle: async () => {
      const { sections, digest } = await files.trafficRules.read();
      const rules = sections
        .filter(({ type }) => type === "rule")
        .map((section) => ({
          name: section.id,
          ...sectionValues(section, stored),
          "cur-rate-in": traffic.rateOf(section.id, "in"),
          "cur-rate-out": traffic.rateOf(section.id, "out"),
        }));
      return new WithAttributes(rules, { digest });
    },
  });
}

/** Refuses networks and time frames that the rule could not be applied with. */
function requireParsed(values: SectionValues): void {
  const list = (name: string): readonly string[] => {
    const value = values[name];
    return typeof value === "object" ? value : [];
  };
  try {
    list("network").forEach(parseClientNetwork);
    list("timeframe").forEach(parseDailyWindow);
  } catch (cause) {
    if (cause instanceof FormatError) throw refused(cause.message, { cause });
    throw cause;
  }
}
