import { Anchor, Button, Group, Table, Text } from "@mantine/core";
import { IconDatabase, IconDownload, IconFile, IconFolder, IconList } from "@tabler/icons-react";
import { type ReactElement } from "react";

import { decodedFileUrl, storedFileUrl } from "../api/snapshots-api.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { hashTo } from "../frame/hash-route.ts";
import { saveFrom } from "../parts/save-from.ts";
import { saveStream } from "../parts/save-stream.ts";
import { sizeText } from "../parts/size-text.ts";
import { useAttempt } from "../parts/use-attempt.ts";
import { contentWords } from "../strings/content-words.ts";
import { snapshotWords as words } from "../strings/snapshot-words.ts";
import { wholePieces } from "../vault/vault-folder-source.ts";
import { type ShownArchive } from "./archive-list.ts";

/** Encrypted for the master key: no key of the vault opens it (docs/encryption.md). */
const WRAPPED_KEY = "rsa-encrypted.key.blob";

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
            <ArchiveRow key={archive.name} {...{ place, archive, isInVault }} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
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
            onClick={() => attempt(async () => await saveArchive(place, archive, isInVault))}
          >
            {words.download}
          </Button>
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

/** Whole archives, decrypted here where the vault has the key, else decoded by the server. */
async function saveArchive(
  place: SnapshotPlace,
  { name, shortName, size, cryptMode }: ShownArchive,
  isInVault: boolean,
): Promise<void> {
  if (isInVault && cryptMode === "encrypt" && name !== WRAPPED_KEY) {
    await saveStream(wholePieces({ snapshot: place, archive: name }), shortName, size);
  } else if (name === WRAPPED_KEY) saveFrom(storedFileUrl(place, name), name);
  else saveFrom(decodedFileUrl(place, name), shortName);
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
