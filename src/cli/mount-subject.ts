import { FormatError } from "../format/format-error.ts";
import { archiveNameOf, shortArchiveName } from "../format/snapshot/archive-name.ts";
import { type Namespace, parseNamespace } from "../format/snapshot/namespace.ts";
import { backupTypes, parseBackupGroup } from "../format/snapshot/snapshot-id.ts";
import { parseTimeText } from "../format/snapshot/time-text.ts";
import { type MountRoot } from "../fs/datastore-tree.ts";
import { type DatastoreView } from "../fs/datastore-view.ts";
import { type GroupKey, groupPath } from "../fs/fs-need.ts";
import { CliError } from "./cli-error.ts";

/** Word in the place of a time that means the newest finished snapshot. */
const LATEST = "latest";

/** Texts by which fstab says that there is no more to say. */
const wholeWords: ReadonlySet<string> = new Set(["", "/", "none", "amber"]);

/** What the arguments of a mount say about the thing to be mounted. */
export interface MountSubject {
  /** Empty for everything. */
  readonly text: string;
  /** Archive that was named apart from the snapshot. */
  readonly archive?: string | undefined;
}

/**
 * Understands what a user wants to mount: `[ns/<component>/…]<type>/<id>[/<time>[/<archive>]]`, as the mount itself shows
 * it, or the components of a namespace; nothing means everything.
 *
 * An archive of a group, without a time, is that of the newest snapshot.
 *
 * @param base Namespace in which the text is to be understood.
 * @param view Asked for the newest snapshot, where the text says `latest` or nothing.
 * @throws {FormatError} for words that are no names; {@link CliError} `CLI_NOT_FOUND` for a group without snapshots.
 */
export async function parseMountSubject(
  { text, archive: named }: MountSubject,
  base: Namespace,
  view: DatastoreView,
): Promise<MountRoot> {
  const words = wholeWords.has(text) ? [] : text.split("/").filter((word) => word !== "");
  const components: string[] = base === "" ? [] : [base];
  while (words[0] === "ns") {
    if (words[1] !== undefined) components.push(words[1]);
    words.splice(0, 2);
  }
  const [type = "", id, time, ...rest] = words;
  if (id === undefined || !backupTypes.some((known) => known === type)) {
    if (named !== undefined) {
      throw new CliError("CLI_USAGE", `Cannot mount archive "${named}" of "${text}": no snapshot`);
    }
    const namespace = parseNamespace([...components, ...words].join("/"));
    return { kind: "namespace", namespace };
  }
  const group: GroupKey = {
    namespace: parseNamespace(components.join("/")),
    ...parseBackupGroup(`${type}/${id}`),
  };
  if (time === undefined && named === undefined) return { kind: "group", group };
  const timeSec =
    time === undefined || time === LATEST ? await newestTime(view, group) : parseTimeText(time);
  const snapshot = { ...group, timeSec };
  const [archive, ...more] = named === undefined ? rest : [...rest, named];
  if (archive === undefined) return { kind: "snapshot", snapshot };
  if (more.length > 0) {
    throw new FormatError("FORMAT_INVALID", "what to mount", `"${text}" goes into an archive`);
  }
  return { kind: "archive", snapshot, name: shownArchiveName(archive) };
}

/** Name of an archive as the mount shows it: of `root`, `root.pxar`, `root.mpxar` and `root.pxar.didx` it is `root.pxar`. */
export function shownArchiveName(text: string): string {
  const name = text.includes(".") ? text : `${text}.pxar`;
  return shortArchiveName(archiveNameOf(name)).replace(/\.[mp]pxar$/, ".pxar");
}

async function newestTime(view: DatastoreView, group: GroupKey): Promise<number> {
  const listed = await view.listSnapshots(group);
  const times = listed.filter(({ isFinished }) => isFinished).map(({ timeSec }) => timeSec);
  if (times.length > 0) return Math.max(...times);
  throw new CliError(
    "CLI_NOT_FOUND",
    `Cannot find a snapshot of "${groupPath(group)}": the group has no finished one`,
  );
}
