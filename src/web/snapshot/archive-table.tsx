import { Anchor, Button, Group, Table, Text } from "@mantine/core";
import { IconDatabase, IconDownload, IconFile, IconFolder, IconList } from "@tabler/icons-react";
import { type ReactElement } from "react";

import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { hashTo } from "../frame/hash-route.ts";
import { EntryTable } from "../parts/entry-table.tsx";
import { sizeText } from "../parts/size-text.ts";
import { useAttempt } from "../parts/use-attempt.ts";
import { contentWords } from "../strings/content-words.ts";
import { imageWords } from "../strings/image-words.ts";
import { snapshotWords as words } from "../strings/snapshot-words.ts";
import { type ShownArchive } from "./archive-list.ts";
import { saveArchive } from "./save-archive.ts";

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
  isInVault,
}: {
  readonly place: SnapshotPlace;
  readonly archives: readonly ShownArchive[];
  /** Whether content is decrypted in this page. */
  readonly isInVault: boolean;
}): ReactElement {
  return (
    <EntryTable
      columns={[{ title: words.archives }, { title: words.size, ta: "end" }]}
      verticalSpacing="sm"
    >
      {archives.map((archive) => (
        <ArchiveRow key={archive.name} {...{ place, archive, isInVault }} />
      ))}
    </EntryTable>
  );
}

function ArchiveRow({
  place,
  archive,
  isInVault,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly isInVault: boolean;
}): ReactElement {
  const attempt = useAttempt();
  const { shortName, kind, size, cryptMode } = archive;
  const isEncrypted = cryptMode === "encrypt";
  const hash = archiveHash(place, archive);
  const opened = openLabel(archive);
  return (
    <Table.Tr>
      <Table.Td>
        <Group gap="xs" wrap="nowrap">
          {icons[kind]}
          <div className="wrap-anywhere">
            {opened !== undefined ? (
              <Anchor href={hash} size="sm" fw={600} aria-label={opened}>
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
          {opened !== undefined && (
            <Button component="a" href={hash} size="xs">
              {words.open}
            </Button>
          )}
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={16} aria-hidden />}
            aria-label={words.downloadFile(shortName)}
            onClick={() => attempt(async () => await saveArchive(place, archive, isInVault))}
          >
            {words.download}
          </Button>
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

/** What opening an archive is called, of those that can be opened. */
function openLabel({ kind, shortName }: ShownArchive): string | undefined {
  if (kind === "tree") return words.openArchive(shortName);
  return kind === "image" ? imageWords.open(shortName) : undefined;
}

/** Address of a snapshot. */
export function snapshotHash({ store, ns, type, id, timeSec }: SnapshotPlace): string {
  return hashTo(["datastore", store, "snapshot", type, id, String(timeSec)], { ns });
}

/** Address of an archive opened as a folder, of a folder in it, or of a file shown beside its folder. */
export function archiveHash(
  place: SnapshotPlace,
  archive: ShownArchive,
  folder = "",
  file = "",
): string {
  const { store, ns, type, id, timeSec } = place;
  const path = ["datastore", store, "snapshot", type, id, String(timeSec)];
  return hashTo(path, { ns, archive: archive.name, folder, file });
}
