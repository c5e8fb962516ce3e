import { ActionIcon, Menu } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import { type ReactElement } from "react";

import {
  groupName,
  type GroupPlace,
  type NamespacePlace,
  snapshotName,
  type SnapshotPlace,
} from "../api/snapshot-place.ts";
import { contentWords } from "../strings/content-words.ts";
import { type ContentRow } from "./content-rows.ts";
import { GroupMenuItems } from "./group-menu-items.tsx";
import { SnapshotMenuItems } from "./snapshot-menu-items.tsx";

/** What can be done with one line of the content. */
export function RowMenu({
  row,
  place,
}: {
  readonly row: ContentRow;
  readonly place: NamespacePlace;
}): ReactElement | undefined {
  if (row.kind === "namespace") return undefined;
  const item = row.kind === "group" ? row.group : row.snapshot;
  const group: GroupPlace = { ...place, type: item["backup-type"], id: item["backup-id"] };
  const snapshot: SnapshotPlace | undefined =
    row.kind === "snapshot" ? { ...group, timeSec: row.snapshot["backup-time"] } : undefined;
  const name = snapshot ? snapshotName(snapshot) : groupName(group);
  return (
    <Menu position="bottom-end" shadow="md" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={contentWords.menu(name)}>
          <IconDots size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {row.kind === "snapshot" && snapshot ? (
          <SnapshotMenuItems place={snapshot} snapshot={row.snapshot} />
        ) : row.kind === "group" ? (
          <GroupMenuItems place={group} group={row.group} snapshotCount={row.snapshots.length} />
        ) : undefined}
      </Menu.Dropdown>
    </Menu>
  );
}
