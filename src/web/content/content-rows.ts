import { type GroupItem, type SnapshotItem } from "../api/snapshots-api.ts";
import { groupName, snapshotName } from "../api/snapshot-place.ts";
import { timeText } from "../parts/time-text.ts";

/** One line of the content of a namespace. */
export type ContentRow =
  | { readonly kind: "namespace"; readonly key: string; readonly ns: string; readonly name: string }
  | {
      readonly kind: "group";
      readonly key: string;
      readonly group: GroupItem;
      /** The newest first. */
      readonly snapshots: readonly SnapshotItem[];
      readonly isOpen: boolean;
    }
  | { readonly kind: "snapshot"; readonly key: string; readonly snapshot: SnapshotItem };

/** What the lines are made of. */
export interface ContentOfNamespace {
  readonly ns: string;
  /** Every namespace of the datastore. */
  readonly namespaces: readonly string[];
  readonly groups: readonly GroupItem[];
  readonly snapshots: readonly SnapshotItem[];
}

/** Lines of a namespace: namespaces directly below, then groups by name, with the snapshots of those that are open. */
export function contentRows(
  content: ContentOfNamespace,
  view: { readonly open: ReadonlySet<string>; readonly search: string },
): readonly ContentRow[] {
  const wanted = view.search.trim().toLowerCase();
  const rows: ContentRow[] = [];
  for (const name of childNamespaces(content)) {
    if (!name.toLowerCase().includes(wanted)) continue;
    const ns = content.ns === "" ? name : `${content.ns}/${name}`;
    rows.push({ kind: "namespace", key: `ns ${ns}`, ns, name });
  }
  const byGroup = snapshotsByGroup(content.snapshots);
  for (const group of [...content.groups].sort(byName)) {
    const name = nameOfGroup(group);
    const all = byGroup.get(name) ?? [];
    const isMatch = wanted === "" || groupText(group).includes(wanted);
    const shown = isMatch ? all : all.filter((each) => snapshotText(each).includes(wanted));
    if (!isMatch && shown.length === 0) continue;
    const isOpen = view.open.has(name) !== (!isMatch && wanted !== "");
    rows.push({ kind: "group", key: name, group, snapshots: all, isOpen });
    if (!isOpen) continue;
    for (const snapshot of shown) {
      rows.push({ kind: "snapshot", key: `${name} ${snapshot["backup-time"]}`, snapshot });
    }
  }
  return rows;
}

/** `host/name` of a listed group or snapshot. */
export function nameOfGroup(item: Pick<GroupItem, "backup-type" | "backup-id">): string {
  return groupName({ type: item["backup-type"], id: item["backup-id"] });
}

/** Name of a listed snapshot. */
export function nameOfSnapshot(item: SnapshotItem): string {
  return snapshotName({
    type: item["backup-type"],
    id: item["backup-id"],
    timeSec: item["backup-time"],
  });
}

/** Listed snapshots by their group, the newest of each first. */
export function snapshotsByGroup(
  snapshots: readonly SnapshotItem[],
): ReadonlyMap<string, readonly SnapshotItem[]> {
  const byGroup = new Map<string, SnapshotItem[]>();
  for (const snapshot of snapshots) {
    const name = nameOfGroup(snapshot);
    const list = byGroup.get(name);
    if (list) list.push(snapshot);
    else byGroup.set(name, [snapshot]);
  }
  for (const list of byGroup.values()) list.sort((a, b) => b["backup-time"] - a["backup-time"]);
  return byGroup;
}

function childNamespaces({ ns, namespaces }: ContentOfNamespace): readonly string[] {
  const prefix = ns === "" ? "" : `${ns}/`;
  return namespaces
    .filter((each) => each !== "" && each.startsWith(prefix))
    .map((each) => each.slice(prefix.length))
    .filter((name) => name !== "" && !name.includes("/"))
    .sort();
}

/** Made once: for every comparison anew it would take longer than all the rest. */
const order = new Intl.Collator("en", { numeric: true });

function byName(a: GroupItem, b: GroupItem): number {
  return order.compare(nameOfGroup(a), nameOfGroup(b));
}

function groupText(group: GroupItem): string {
  return `${nameOfGroup(group)} ${group.owner} ${group.comment ?? ""}`.toLowerCase();
}

function snapshotText(snapshot: SnapshotItem): string {
  const name = nameOfSnapshot(snapshot);
  return `${name} ${timeText(snapshot["backup-time"])} ${snapshot.comment ?? ""}`.toLowerCase();
}
