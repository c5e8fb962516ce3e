import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { parseNamespace } from "../../format/snapshot/namespace.ts";
import { type AccessControl, datastorePath } from "../auth/access-control.ts";
import { type ConfigFiles } from "../configuration/config-files.ts";
import { type Datastores } from "../datastores.ts";
import { datastoreName, namespaceSchema, singleLineComment } from "../http/parameter-schema.ts";
import { decidedInside, needs } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { type OverdueCheck } from "../overdue/overdue-check.ts";
import { parseGroupFilter } from "../sync/group-filter.ts";
import { addConfigEntryRoutes } from "./config-entry-routes.ts";
import { GROUP_FILTER_PATTERN } from "./job-config-routes.ts";

const watchedGroup = Type.Object({
  store: Type.String(),
  ns: Type.String(),
  "backup-type": Type.String(),
  "backup-id": Type.String(),
  rule: Type.String({ description: "Name of the rule that counts for the group." }),
  hours: Type.Number({ description: "How old the newest backup may be." }),
  "last-backup": Type.Optional(
    Type.Integer({ description: "Time of the newest finished backup; absent when there is none." }),
  ),
  overdue: Type.Boolean({ description: "Whether that is too long ago." }),
});

/** `/amber/overdue`: which groups have no backup for too long, and the rules about that. */
export function addOverdueRoutes(
  api: FastifyInstance,
  options: {
    readonly files: ConfigFiles;
    readonly access: AccessControl;
    readonly datastores: Datastores;
    readonly overdue: OverdueCheck;
  },
): void {
  const { files, access, datastores, overdue } = options;
  const change = needs("/datastore", "Datastore.Modify");
  addRoute(api, {
    method: "GET",
    path: "/amber/overdue",
    description: "Groups that are watched, and whether their newest backup is too old.",
    permit: decidedInside("Datastore.Audit on the namespace of the group; filtered."),
    parameters: Type.Object({ store: Type.Optional(datastoreName) }),
    reply: Type.Array(watchedGroup),
    handle: async ({ store }, { caller }) => {
      const shown: Static<typeof watchedGroup>[] = [];
      for (const { entry } of datastores.all()) {
        const { name } = entry;
        if (store !== undefined && name !== store) continue;
        if (!access.hasAnyBelow(caller, datastorePath(name, ""), ["Datastore.Audit"])) continue;
        for (const each of await overdue.watched(name)) {
          const path = datastorePath(name, each.namespace);
          if (!access.hasAny(caller, path, ["Datastore.Audit"])) continue;
          shown.push({
            store: name,
            ns: each.namespace,
            "backup-type": each.group.type,
            "backup-id": each.group.id,
            rule: each.rule,
            hours: each.ageMaxSec / 3600,
            ...(each.lastSuccessSec === undefined ? {} : { "last-backup": each.lastSuccessSec }),
            overdue: each.isOverdue,
          });
        }
      }
      return shown;
    },
  });
  addConfigEntryRoutes(api, {
    path: "/amber/overdue-rules",
    idName: "name",
    section: "rule",
    file: files.overdueRules,
    noun: "rule about overdue backups",
    properties: {
      store: Type.String({ ...datastoreName, description: "Datastore; all when absent." }),
      ns: namespaceSchema,
      "max-depth": Type.Integer({
        minimum: 0,
        maximum: 7,
        description: "How many levels of namespaces below are included; all when absent.",
      }),
      "group-filter": Type.Array(Type.String({ pattern: GROUP_FILTER_PATTERN, maxLength: 512 }), {
        description: "Which groups are included; all when absent.",
      }),
      hours: Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        description: "How old the newest backup may be; 0 for groups that are not watched.",
      }),
      disable: Type.Boolean({ description: "Whether the rule is off." }),
      comment: singleLineComment,
    },
    required: ["hours"],
    permits: { read: needs("/datastore", "Datastore.Audit"), create: change, change },
    isVisible: () => true,
    requireChange: () => undefined,
    check: (_name, values) => {
      const filter = values["group-filter"];
      if (typeof filter === "object") parseGroupFilter(filter); // It throws for what is no regular expression.
      if (typeof values["ns"] === "string") parseNamespace(values["ns"]);
    },
  });
}
