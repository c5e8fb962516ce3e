import { Anchor, Breadcrumbs, Button, Group, Menu, Stack, TextInput } from "@mantine/core";
import { IconArrowsDiff, IconDownload, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo, useState } from "react";

import { type SnapshotItem } from "../api/snapshots-api.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { goTo } from "../frame/hash-route.ts";
import { Loaded } from "../parts/loaded.tsx";
import { useAttempt } from "../parts/use-attempt.ts";
import { VirtualGrid } from "../parts/virtual-grid.tsx";
import { compareWords } from "../strings/compare-words.ts";
import { snapshotWords as words } from "../strings/snapshot-words.ts";
import { type ShownArchive } from "./archive-list.ts";
import { idOfParts, stepsTo } from "./archive-path.ts";
import { archiveHash } from "./archive-table.tsx";
import { FileHistory } from "./file-history.tsx";
import { folderColumns } from "./folder-columns.tsx";
import { folderForms, type FolderItem, type FolderSource } from "./folder-source.ts";
import { PreviewPanel } from "./preview-panel.tsx";

/** An archive as a folder: its entries, the way to them, and downloads. */
export function FolderBrowser({
  place,
  archive,
  source,
  all,
  folder,
  file,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly source: FolderSource;
  /** Every snapshot of the group. */
  readonly all: readonly SnapshotItem[];
  /** Identity of the folder that is shown; empty for the root. */
  readonly folder: string;
  /** Identity of the file that is shown beside it. */
  readonly file: string | undefined;
}): ReactElement {
  const query = useQuery({
    queryKey: ["folder", source.key, folder],
    queryFn: async () => await source.list(folder),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const steps = folder === "" ? [] : stepsTo(folder);
  const here: FolderItem = {
    id: folder === "" ? idOfParts([archive.name]) : folder,
    name: steps.at(-1)?.name ?? archive.shortName,
    type: "d",
  };
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="sm">
        <nav aria-label={words.path}>
          <Breadcrumbs separatorMargin={6} className="crumbs">
            <Anchor href={archiveHash(place, archive)} size="sm" fw={600}>
              {archive.shortName}
            </Anchor>
            {steps.map(({ id, name }) => (
              <Anchor key={id} href={archiveHash(place, archive, id)} size="sm">
                {name}
              </Anchor>
            ))}
          </Breadcrumbs>
        </nav>
        <Group gap="xs">
          <Button
            component="a"
            href={`${archiveHash(place, archive)}&compare=`}
            variant="default"
            leftSection={<IconArrowsDiff size={16} aria-hidden />}
          >
            {compareWords.compare}
          </Button>
          <FolderDownload source={source} folder={here} />
        </Group>
      </Group>
      <Loaded query={query}>
        {(items) => (
          <>
            <FolderGrid key={folder} {...{ place, archive, source, items, folder }} />
            <ShownFile {...{ place, archive, source, all, folder }} item={itemNamed(items, file)} />
          </>
        )}
      </Loaded>
    </Stack>
  );
}

function FolderDownload({
  source,
  folder,
}: {
  readonly source: FolderSource;
  readonly folder: FolderItem;
}): ReactElement {
  const attempt = useAttempt();
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <Button variant="default" size="sm" leftSection={<IconDownload size={16} aria-hidden />}>
          {words.downloadFolder}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {folderForms.map((form) => (
          <Menu.Item
            key={form}
            onClick={() => attempt(async () => await source.save(folder, form))}
          >
            {words.downloadAs(source.folderEndings[form])}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function FolderGrid({
  place,
  archive,
  source,
  items,
  folder,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly source: FolderSource;
  readonly items: readonly FolderItem[];
  readonly folder: string;
}): ReactElement {
  const [search, setSearch] = useState("");
  const hashOf = (item: FolderItem): string =>
    item.type === "d"
      ? archiveHash(place, archive, item.id)
      : archiveHash(place, archive, folder, item.id);
  const rows = useMemo(() => sorted(items, search), [items, search]);
  const columns = useMemo(
    () => folderColumns(source, (item) => hashOf(item)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- a place is made anew with every address
    [source, archive, folder],
  );
  return (
    <>
      <Group justify="space-between">
        <span className="dimmed">{words.entries(items.length)}</span>
        <TextInput
          aria-label={words.filter}
          placeholder={words.filter}
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      </Group>
      <VirtualGrid<FolderItem>
        label={words.folderLabel(archive.shortName)}
        columns={columns}
        rows={rows}
        rowKey={(item) => item.id}
        onOpen={(item) => {
          if (canOpen(item)) goTo(hashOf(item));
        }}
        empty={search === "" ? words.emptyFolder : words.nothingFound}
      />
    </>
  );
}

function ShownFile({
  place,
  archive,
  source,
  all,
  folder,
  item,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly source: FolderSource;
  readonly all: readonly SnapshotItem[];
  readonly folder: string;
  readonly item: FolderItem | undefined;
}): ReactElement | undefined {
  if (!item) return undefined;
  return (
    <PreviewPanel
      key={item.id}
      source={source}
      item={item}
      history={<FileHistory place={place} archive={archive} item={item} all={all} />}
      onClose={() => goTo(archiveHash(place, archive, folder))}
    />
  );
}

function itemNamed(items: readonly FolderItem[], id: string | undefined): FolderItem | undefined {
  return id === undefined ? undefined : items.find((item) => item.id === id && canOpen(item));
}

/** Folders are entered, files shown. */
function canOpen({ type }: FolderItem): boolean {
  return type === "d" || type === "f" || type === "h";
}

/** Folders first, then by name as people count. */
function sorted(items: readonly FolderItem[], search: string): readonly FolderItem[] {
  const wanted = search.trim().toLowerCase();
  const order = new Intl.Collator("en", { numeric: true });
  return items
    .filter(({ name }) => name.toLowerCase().includes(wanted))
    .sort(
      (a, b) => Number(b.type === "d") - Number(a.type === "d") || order.compare(a.name, b.name),
    );
}
