import { Anchor, Button, Table, Text } from "@mantine/core";

import { StateBadge } from "../parts/state-badge.tsx";
import { IconHistory } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import { type SnapshotItem } from "../api/snapshots-api.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { hashTo } from "../frame/hash-route.ts";
import { Loaded } from "../parts/loaded.tsx";
import { sizeText } from "../parts/size-text.ts";
import { timeText } from "../parts/time-text.ts";
import { previewWords as words } from "../strings/preview-words.ts";
import { askVault } from "../vault/vault.ts";
import { type ArchivePlaceOfVault, type FileVersion } from "../vault/vault-messages.ts";
import { archiveList, type ShownArchive } from "./archive-list.ts";
import { parentOf } from "./archive-path.ts";
import { type FolderItem } from "./folder-source.ts";

/** The same file in every snapshot of the group, found when it is asked for. */
export function FileHistory(props: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly item: FolderItem;
  /** Every snapshot of the group. */
  readonly all: readonly SnapshotItem[];
}): ReactElement {
  const [isWanted, setWanted] = useState(false);
  if (isWanted) return <Versions {...props} />;
  return (
    <Button
      variant="default"
      leftSection={<IconHistory size={16} aria-hidden />}
      onClick={() => setWanted(true)}
    >
      {words.history}
    </Button>
  );
}

function Versions({
  place,
  archive,
  item,
  all,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly item: FolderItem;
  readonly all: readonly SnapshotItem[];
}): ReactElement {
  const places = placesOf(place, archive, all);
  const query = useQuery({
    queryKey: ["history", places, item.id],
    queryFn: async () => await askVault("history", { places, id: item.id }),
  });
  return (
    <Loaded query={query}>
      {(versions) => (
        <Table aria-label={words.historyOf(item.name)}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{words.columns.snapshot}</Table.Th>
              <Table.Th ta="end">{words.columns.size}</Table.Th>
              <Table.Th>{words.columns.modified}</Table.Th>
              <Table.Td />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {versions.map((version) => (
              <Version key={version.snapshot.timeSec} version={version} />
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Loaded>
  );
}

function Version({ version }: { readonly version: FileVersion }): ReactElement {
  const { snapshot, state, size, mtimeSec, isNew, id } = version;
  const { store, ns, type, id: name, timeSec } = snapshot;
  const path = ["datastore", store, "snapshot", type, name, String(timeSec)];
  const archive = atob(id).split("/")[0] ?? "";
  return (
    <Table.Tr>
      <Table.Td>
        {state === "there" ? (
          <Anchor href={hashTo(path, { ns, archive, folder: parentOf(id), file: id })} size="sm">
            {timeText(timeSec)}
          </Anchor>
        ) : (
          <Text size="sm">{timeText(timeSec)}</Text>
        )}
      </Table.Td>
      <Table.Td ta="end" className="no-wrap">
        {size !== undefined && sizeText(size)}
      </Table.Td>
      <Table.Td>{mtimeSec !== undefined && timeText(mtimeSec)}</Table.Td>
      <Table.Td>
        {state === "there" ? (
          isNew && <StateBadge tone="warning">{words.changed}</StateBadge>
        ) : (
          <Text size="sm" c="dimmed">
            {state === "absent" ? words.absent : words.unreadable}
          </Text>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

/** The archive of that name in every snapshot of the group that has it, the newest first. */
export function placesOf(
  place: SnapshotPlace,
  { shortName }: ShownArchive,
  all: readonly SnapshotItem[],
): readonly ArchivePlaceOfVault[] {
  return [...all]
    .sort((a, b) => b["backup-time"] - a["backup-time"])
    .flatMap((snapshot) => {
      const found = archiveList(snapshot.files).find((each) => each.shortName === shortName);
      if (!found) return [];
      const { store, ns, type, id } = place;
      const timeSec = snapshot["backup-time"];
      return [{ snapshot: { store, ns, type, id, timeSec }, archive: found.name }];
    });
}
