import { Anchor, Breadcrumbs, Button, Card, Group, Stack, Table, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { type SnapshotPlace, snapshotName } from "../api/snapshot-place.ts";
import { CopyField } from "../parts/copy-field.tsx";
import { type EntryColumn, EntryTable } from "../parts/entry-table.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { saveStream } from "../parts/save-stream.ts";
import { sizeText } from "../parts/size-text.ts";
import { useAttempt } from "../parts/use-attempt.ts";
import { imageWords as words } from "../strings/image-words.ts";
import { snapshotWords } from "../strings/snapshot-words.ts";
import { askVault } from "../vault/vault.ts";
import { rangePieces } from "../vault/vault-folder-source.ts";
import { type VaultVolume } from "../vault/vault-messages.ts";
import { type ShownArchive } from "./archive-list.ts";
import { snapshotHash } from "./archive-table.tsx";
import { saveArchive } from "./save-archive.ts";

/** An image of a disk: the partitions in it, each to download, and the whole. */
export function ImagePage({
  place,
  archive,
  isInVault,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  /** Whether content is decrypted in this page. */
  readonly isInVault: boolean;
}): ReactElement {
  const attempt = useAttempt();
  const { name, shortName, size } = archive;
  const volumes = useQuery({
    queryKey: ["vault", "volumes", place, name],
    queryFn: async () => await askVault("volumes", { snapshot: place, archive: name }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Stack>
      <Group justify="space-between" gap="sm">
        <div>
          <Breadcrumbs separatorMargin={6} className="crumbs">
            <Anchor href={snapshotHash(place)} size="sm">
              {snapshotWords.archives}
            </Anchor>
            <Text size="sm" fw={600}>
              {shortName}
            </Text>
          </Breadcrumbs>
          <Text size="sm" c="dimmed">
            {size !== undefined && `${sizeText(size)}. `}
            {words.wholeHint}
          </Text>
        </div>
        <Button
          variant="default"
          leftSection={<IconDownload size={16} aria-hidden />}
          onClick={() => attempt(async () => await saveArchive(place, archive, isInVault))}
        >
          {snapshotWords.downloadFile(shortName)}
        </Button>
      </Group>
      <Loaded query={volumes}>
        {(found) => <VolumeTable place={place} archive={archive} volumes={found} />}
      </Loaded>
      <Card withBorder padding="md">
        <Text fw={600} component="h2" m={0} size="sm">
          {words.filesTitle}
        </Text>
        <Text size="sm" c="dimmed" mb="xs">
          {words.filesHint}
        </Text>
        <CopyField value={words.command(snapshotName(place), name, place.ns)} />
      </Card>
    </Stack>
  );
}

const columns: readonly EntryColumn[] = [
  { title: words.columns.partition },
  { title: words.columns.holds },
  { title: words.columns.start, ta: "end", visibleFrom: "sm" },
  { title: words.columns.size, ta: "end" },
];

function VolumeTable({
  place,
  archive,
  volumes,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly volumes: readonly VaultVolume[];
}): ReactElement {
  const attempt = useAttempt();
  async function save({ number, offset, size }: VaultVolume): Promise<void> {
    const part = { snapshot: place, archive: archive.name };
    const fileName = words.fileName(archive.shortName, number);
    await saveStream(rangePieces(part, { offset, size }), fileName, size);
  }
  return (
    <EntryTable columns={columns} aria-label={words.label(archive.shortName)}>
      {volumes.map((volume) => (
        <Table.Tr key={volume.number}>
          <Table.Td>{words.number(volume.number)}</Table.Td>
          <Table.Td>{words.kinds[volume.kind]}</Table.Td>
          <Table.Td ta="end" visibleFrom="sm" className="no-wrap">
            {sizeText(volume.offset)}
          </Table.Td>
          <Table.Td ta="end" className="no-wrap">
            {sizeText(volume.size)}
          </Table.Td>
          <Table.Td ta="end">
            {volume.number > 0 && (
              <Button
                size="xs"
                variant="default"
                leftSection={<IconDownload size={16} aria-hidden />}
                aria-label={words.downloadPartition(volume.number)}
                onClick={() => attempt(async () => await save(volume))}
              >
                {snapshotWords.download}
              </Button>
            )}
          </Table.Td>
        </Table.Tr>
      ))}
    </EntryTable>
  );
}
