import { type ManagerCommand } from "./manager-command.ts";
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
  ...entries({
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
  update("datastore", "config/datastore", "name", datastoreOptions),
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
];

function remoteCommands(): readonly ManagerCommand[] {
  const options = ["host", "port", "auth-id", "password", "fingerprint", "comment"] as const;
  const path = "config/remote";
  const columns = ["name", "host", "auth-id", "fingerprint", "comment"];
  return [
    ...entries({ noun: "remote server", words: "remote", path, id: "name", columns }),
    create("remote", path, "name", options),
    update("remote", path, "name", options),
    remove("remote", path, "name"),
  ];
}

function trafficCommands(): readonly ManagerCommand[] {
  const options = ["network", "users", "timeframe", "comment", ...limits] as const;
  const path = "config/traffic-control";
  const words = "traffic-control";
  const columns = ["name", "network", "users", "timeframe", ...limits, "comment"];
  return [
    ...entries({ noun: "rule", words, path, id: "name", columns }),
    {
      names: "traffic-control traffic",
      description: "list rules with what they let pass at present",
      method: "GET",
      path: "admin/traffic-control",
      result: { columns: ["name", "cur-rate-in", "cur-rate-out", ...limits] },
    },
    create(words, path, "name", options),
    update(words, path, "name", options),
    remove(words, path, "name"),
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
    ...entries({ noun: `${kind} job`, words, path, id: "id", columns }),
    create(words, path, "id", options),
    update(words, path, "id", options),
    remove(words, path, "id"),
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

function entries({
  noun,
  words,
  path,
  id,
  columns,
}: {
  readonly noun: string;
  readonly words: string;
  readonly path: string;
  readonly id: string;
  readonly columns: readonly string[];
}): readonly ManagerCommand[] {
  return [
    {
      names: `${words} list`,
      description: `list every ${noun}`,
      method: "GET",
      path,
      result: { columns },
    },
    {
      names: `${words} show`,
      description: `show one ${noun}`,
      method: "GET",
      path: `${path}/{${id}}`,
      args: [id],
      result: "entry",
    },
  ];
}

function create(
  words: string,
  path: string,
  id: string,
  options: readonly ManagerOption[],
): ManagerCommand {
  const description = "make a new one";
  return {
    names: `${words} create`,
    description,
    method: "POST",
    path,
    args: [id],
    options,
    result: "nothing",
  };
}

function update(
  words: string,
  path: string,
  id: string,
  options: readonly ManagerOption[],
): ManagerCommand {
  return {
    names: `${words} update`,
    description: "change one; what is not given stays",
    method: "PUT",
    path: `${path}/{${id}}`,
    args: [id],
    options: [...options, "delete", "digest"],
    result: "nothing",
  };
}

function remove(words: string, path: string, id: string): ManagerCommand {
  return {
    names: `${words} remove`,
    description: "remove one",
    method: "DELETE",
    path: `${path}/{${id}}`,
    args: [id],
    options: ["digest"],
    result: "nothing",
  };
}
