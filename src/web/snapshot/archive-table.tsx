import { Anchor, Button, Group, Table, Text } from "@mantine/core";
import { IconDatabase, IconDownload, IconFile, IconFolder, IconList } from "@tabler/icons-react";
import { type ReactElement } from "react";

import { decodedFileUrl, storedFileUrl } from "../api/snapshots-api.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { hashTo } from "../frame/hash-route.ts";
import { saveFrom } from "../parts/save-from.ts";
import { sizeText } from "../parts/size-text.ts";
import { contentWords } from "../strings/content-words.ts";
import { snapshotWords as words } from "../strings/snapshot-words.ts";
import { type ShownArchive } from "./archive-list.ts";

const icon = { size: 18, stroke: 1.6, "aria-hidden": true, className: "name-icon" } as const;

const icons = {
  tree: <IconFolder {...icon} />,
  image: <IconDatabase {...icon} />,
  blob: <IconFile {...icon} />,
  catalog: <IconList {...icon} />,
  payload: <IconDatabase {...icon} />,
};

/** Archives of a snapshot, each to open or to download. */
export function ArchiveTable({
  place,
  archives,
}: {
  readonly place: SnapshotPlace;
  readonly archives: readonly ShownArchive[];
}): ReactElement {
  return (
    <Table.ScrollContainer minWidth={320} type="native">
      <Table withTableBorder className="plain-table" verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{words.archives}</Table.Th>
            <Table.Th ta="end">{words.size}</Table.Th>
            <Table.Th>
              <span className="hidden-text">{words.columns.actions}</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {archives.map((archive) => (
            <ArchiveRow key={archive.name} place={place} archive={archive} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function ArchiveRow({
  place,
  archive,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
}): ReactElement {
  const { name, shortName, kind, size, cryptMode } = archive;
  const isEncrypted = cryptMode === "encrypt";
  const hash = archiveHash(place, archive);
  return (
    <Table.Tr>
      <Table.Td>
        <Group gap="xs" wrap="nowrap">
          {icons[kind]}
          <div className="wrap-anywhere">
            {kind === "tree" ? (
              <Anchor href={hash} size="sm" fw={600} aria-label={words.openArchive(shortName)}>
                {shortName}
              </Anchor>
            ) : (
              <Text size="sm">{shortName}</Text>
            )}
            <Text size="xs" c="dimmed">
              {words.kinds[kind]}
              {isEncrypted && `, ${contentWords.encrypted}`}
            </Text>
          </div>
        </Group>
      </Table.Td>
      <Table.Td ta="end" className="no-wrap">
        {size !== undefined && sizeText(size)}
      </Table.Td>
      <Table.Td>
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          {kind === "tree" && (
            <Button component="a" href={hash} size="xs">
              {words.open}
            </Button>
          )}
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={16} aria-hidden />}
            aria-label={words.downloadFile(shortName)}
            onClick={() =>
              isEncrypted
                ? saveFrom(storedFileUrl(place, name), name)
                : saveFrom(decodedFileUrl(place, name), shortName)
            }
          >
            {isEncrypted ? words.downloadStored : words.download}
          </Button>
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

/** Address of an archive opened as a folder, or of a folder in it. */
export function archiveHash(place: SnapshotPlace, archive: ShownArchive, folder = ""): string {
  const { store, ns, type, id, timeSec } = place;
  const path = ["datastore", store, "snapshot", type, id, String(timeSec)];
  return hashTo(path, { ns, archive: archive.name, folder });
}
