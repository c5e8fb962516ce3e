import { type ManagerCommand } from "./manager-command.ts";
import { createCommand, entryCommands, removeCommand, updateCommand } from "./entry-commands.ts";
import { type ManagerOption } from "./manager-options.ts";

const keep = [
  "keep-last",
  "keep-hourly",
  "keep-daily",
  "keep-weekly",
  "keep-monthly",
  "keep-yearly",
] as const;

const datastoreOptions = [
  "comment",
  "gc-schedule",
  "maintenance-mode",
  "notification-mode",
  "notify",
  "notify-user",
  "tuning",
  "verify-new",
] as const;

const limits = ["rate-in", "burst-in", "rate-out", "burst-out"] as const;

const syncOptions = [
  "store",
  "ns",
  "remote",
  "remote-store",
  "remote-ns",
  "owner",
  "remove-vanished",
  "max-depth",
  "schedule",
  "group-filter",
  "transfer-last",
  "comment",
  ...limits,
] as const;

/** `datastore …`, `garbage-collection …`, `verify`, `pull` (spec client-cli.md §6). */
export const storeCommands: readonly ManagerCommand[] = [
  ...entryCommands({
    noun: "datastore",
    words: "datastore",
    path: "config/datastore",
    id: "name",
    columns: ["name", "path", "comment"],
  }),
  {
    names: "datastore create",
    description: "serve the datastore in a folder, which is made when it is missing or empty",
    method: "POST",
    path: "config/datastore",
    args: ["name", "path"],
    options: datastoreOptions,
    result: "task",
  },
  updateCommand("datastore", "config/datastore", "name", datastoreOptions),
  {
    names: "datastore remove",
    description: "serve a datastore no more; its content stays unless asked otherwise",
    method: "DELETE",
    path: "config/datastore/{name}",
    args: ["name"],
    options: ["keep-job-configs", "destroy-data", "digest"],
    result: "task",
  },
  {
    names: "garbage-collection status",
    description: "show what the last collection of a datastore came to",
    method: "GET",
    path: "admin/datastore/{store}/gc",
    args: ["store"],
    result: "entry",
  },
  {
    names: "garbage-collection start",
    description: "free the space of what no snapshot of a datastore uses",
    method: "POST",
    path: "admin/datastore/{store}/gc",
    args: ["store"],
    result: "task",
  },
  {
    names: "garbage-collection list",
    description: "list the last collection of every datastore",
    method: "GET",
    path: "admin/gc",
    result: {
      columns: ["store", "last-run-endtime", "last-run-state", "duration", "next-run", "schedule"],
    },
  },
  {
    names: "verify",
    description: "verify the snapshots of a datastore",
    method: "POST",
    path: "admin/datastore/{store}/verify",
    args: ["store"],
    options: ["ignore-verified", "outdated-after", "ns", "max-depth"],
    result: "task",
  },
  {
    names: "pull",
    description: "pull the snapshots of another server's datastore",
    method: "POST",
    path: "pull",
    args: ["remote", "remote-store", "store"],
    options: [
      "ns",
      "remote-ns",
      "remove-vanished",
      "max-depth",
      "group-filter",
      "transfer-last",
      ...limits,
    ],
    result: "task",
  },
  ...remoteCommands(),
  ...trafficCommands(),
  ...jobCommands("prune", ["store", "ns", "max-depth", "schedule", "disable", "comment", ...keep]),
  ...jobCommands("verify", [
    "store",
    "ns",
    "max-depth",
    "schedule",
    "ignore-verified",
    "outdated-after",
    "comment",
  ]),
  ...jobCommands("sync", syncOptions),
  ...overdueCommands(),
];

function remoteCommands(): readonly ManagerCommand[] {
  const options = ["host", "port", "auth-id", "password", "fingerprint", "comment"] as const;
  const path = "config/remote";
  const columns = ["name", "host", "auth-id", "fingerprint", "comment"];
  return [
    ...entryCommands({ noun: "remote server", words: "remote", path, id: "name", columns }),
    createCommand("remote", path, "name", options),
    updateCommand("remote", path, "name", options),
    removeCommand("remote", path, "name"),
  ];
}

function trafficCommands(): readonly ManagerCommand[] {
  const options = ["network", "users", "timeframe", "comment", ...limits] as const;
  const path = "config/traffic-control";
  const words = "traffic-control";
  const columns = ["name", "network", "users", "timeframe", ...limits, "comment"];
  return [
    ...entryCommands({ noun: "rule", words, path, id: "name", columns }),
    {
      names: "traffic-control traffic",
      description: "list rules with what they let pass at present",
      method: "GET",
      path: "admin/traffic-control",
      result: { columns: ["name", "cur-rate-in", "cur-rate-out", ...limits] },
    },
    createCommand(words, path, "name", options),
    updateCommand(words, path, "name", options),
    removeCommand(words, path, "name"),
  ];
}

function jobCommands(
  kind: "prune" | "verify" | "sync",
  options: readonly ManagerOption[],
): readonly ManagerCommand[] {
  const words = `${kind}-job`;
  const path = `config/${kind}`;
  const columns = ["id", "store", "ns", "schedule", "comment"];
  if (kind === "sync") columns.splice(3, 0, "remote", "remote-store");
  return [
    ...entryCommands({ noun: `${kind} job`, words, path, id: "id", columns }),
    createCommand(words, path, "id", options),
    updateCommand(words, path, "id", options),
    removeCommand(words, path, "id"),
    {
      names: `${words} run`,
      description: "run a job now",
      method: "POST",
      path: `admin/${kind}/{id}/run`,
      args: ["id"],
      result: "task",
    },
  ];
}

function overdueCommands(): readonly ManagerCommand[] {
  const options = [
    "hours",
    "store",
    "ns",
    "max-depth",
    "group-filter",
    "disable",
    "comment",
  ] as const;
  const path = "amber/overdue-rules";
  const words = "overdue-rule";
  const columns = ["name", "hours", "store", "ns", "group-filter", "disable", "comment"];
  return [
    {
      names: "overdue",
      description: "list watched groups and whether their newest backup is too old",
      method: "GET",
      path: "amber/overdue",
      options: ["store"],
      result: {
        columns: [
          "store",
          "ns",
          "backup-type",
          "backup-id",
          "last-backup",
          "hours",
          "overdue",
          "rule",
        ],
      },
    },
    ...entryCommands({ noun: "rule", words, path, id: "name", columns }),
    createCommand(words, path, "name", options),
    updateCommand(words, path, "name", options),
    removeCommand(words, path, "name"),
  ];
}
