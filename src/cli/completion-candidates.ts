import { type Argument, type Command, type Option } from "commander";

import { cachedAnswer } from "./completion-cache.ts";
import type { BackupServer } from "../client/session/backup-server.ts";
import type { ConnectionOptions, NamespaceOption } from "./connection-options.ts";

/** What a word stands for that only the server knows. */
type Kind = "snapshots" | "groups" | "namespaces" | "archives";

/** Arguments and options whose values are asked of the server, by name. */
const kinds: Readonly<Record<string, Kind>> = {
  snapshot: "snapshots",
  "group-or-snapshot": "snapshots",
  group: "groups",
  namespace: "namespaces",
  "--ns": "namespaces",
  archive: "archives",
};

/** How long somebody who pressed the tab key waits at most, in milliseconds. */
const TIMEOUT_MS = 1500;

/**
 * Offers what the server has for the word under the cursor: snapshots, groups, namespaces or archives.
 *
 * Asks nobody for a password and runs no command for one: without a secret in the environment or a ticket of `amber login`,
 * or when the server does not answer in time, there is nothing to offer.
 *
 * @param words What stands on the command line behind the program's name, the last one being typed.
 */
export async function addServerCandidates(
  program: Command,
  words: readonly string[],
): Promise<void> {
  const place = findPlace(program, words.slice(0, -1));
  const kind = place && kinds[place.name];
  if (!kind) return;
  try {
    const candidates = await candidatesOf(kind, place.options, place.operands);
    if (candidates.length > 0) place.target.choices(candidates);
  } catch {
    // Whoever types does not want to read about it; running the command tells why.
  }
}

interface Place {
  /** Name of the argument, or the long option. */
  readonly name: string;
  readonly target: Argument | Option;
  readonly options: ConnectionOptions & NamespaceOption;
  readonly operands: readonly string[];
}

/** The argument or option that the next word will be the value of. */
function findPlace(program: Command, words: readonly string[]): Place | undefined {
  let command = program;
  const operands: string[] = [];
  const options: Record<string, string> = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word.startsWith("--")) {
      const [name = "", value] = word.split("=", 2);
      const option = command.options.find(({ long }) => long === name);
      if (option?.required !== true) continue;
      if (value === undefined && i === words.length - 1) {
        return { name, target: option, options, operands };
      }
      options[option.attributeName()] = value ?? words[++i] ?? "";
      continue;
    }
    const child = command.commands.find((each) => each.name() === word);
    if (child) command = child;
    else operands.push(word);
  }
  const target = command.registeredArguments[operands.length];
  return target && { name: target.name(), target, options, operands };
}

async function candidatesOf(
  kind: Kind,
  options: ConnectionOptions & NamespaceOption,
  operands: readonly string[],
): Promise<readonly string[]> {
  const { connectOptions } = await import("./connection-options.ts");
  const { connectServer } = await import("../client/session/connect-server.ts");
  const { printRepository } = await import("../client/session/repository.ts");
  const { repository, config, clock } = await connectOptions(options);
  const { value, file, credentialFile } = config.password;
  const password = Object.fromEntries(
    Object.entries({ value, file, credentialFile }).filter(([, source]) => source !== undefined),
  );
  const namespace = options.ns ?? config.namespace ?? "";
  const subject = kind === "archives" ? (operands[0] ?? "") : "";
  const key = [printRepository(repository), kind, namespace, subject].join(" ");
  return await cachedAnswer(key, clock.nowMs(), async () => {
    const server = await connectServer({ repository, config: { ...config, password }, clock });
    try {
      return await ask(server, kind, { namespace, subject });
    } finally {
      server[Symbol.dispose]();
    }
  });
}

async function ask(
  server: BackupServer,
  kind: Kind,
  { namespace: text, subject }: { readonly namespace: string; readonly subject: string },
): Promise<readonly string[]> {
  const { listGroups, listSnapshots, namespaceNames } =
    await import("../client/session/list-datastore.ts");
  const { parseNamespace } = await import("../format/snapshot/namespace.ts");
  const { backupGroupText, parseBackupGroup, snapshotIdText } =
    await import("../format/snapshot/snapshot-id.ts");
  const { shortArchiveName, parseArchiveName } = await import("../format/snapshot/archive-name.ts");
  const namespace = parseNamespace(text);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  switch (kind) {
    case "namespaces":
      return namespaceNames(await server.callStore("GET", "namespace", {}, signal)).filter(
        (name) => name !== "",
      );
    case "groups":
      return (await listGroups(server, namespace, signal)).map(({ group }) =>
        backupGroupText(group),
      );
    case "snapshots": {
      const listed = await listSnapshots(server, namespace, { signal });
      const groups = [...new Set(listed.map(({ snapshot }) => backupGroupText(snapshot)))];
      return [...groups, ...listed.map(({ snapshot }) => snapshotIdText(snapshot))];
    }
    case "archives": {
      const group = parseBackupGroup(subject.split("/").slice(0, 2).join("/"));
      const listed = await listSnapshots(server, namespace, { group, signal });
      const chosen = listed.findLast(({ snapshot }) =>
        [snapshotIdText(snapshot), backupGroupText(snapshot)].includes(subject),
      );
      return (chosen?.files ?? []).map(({ filename }) =>
        shortArchiveName(parseArchiveName(filename)),
      );
    }
  }
}
