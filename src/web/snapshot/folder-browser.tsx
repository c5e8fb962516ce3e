import { Anchor, Breadcrumbs, Button, Group, Menu, Stack, TextInput } from "@mantine/core";
import { IconDownload, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo, useState } from "react";

import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { goTo } from "../frame/hash-route.ts";
import { Loaded } from "../parts/loaded.tsx";
import { useAttempt } from "../parts/use-attempt.ts";
import { VirtualGrid } from "../parts/virtual-grid.tsx";
import { snapshotWords as words } from "../strings/snapshot-words.ts";
import { type ShownArchive } from "./archive-list.ts";
import { idOfParts, stepsTo } from "./archive-path.ts";
import { archiveHash } from "./archive-table.tsx";
import { folderColumns } from "./folder-columns.tsx";
import { type FolderItem, type FolderSource } from "./folder-source.ts";

/** An archive as a folder: its entries, the way to them, and downloads. */
export function FolderBrowser({
  place,
  archive,
  source,
  folder,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly source: FolderSource;
  /** Identity of the folder that is shown; empty for the root. */
  readonly folder: string;
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
        <FolderDownload source={source} folder={here} />
      </Group>
      <Loaded query={query}>
        {(items) => (
          <FolderGrid key={folder} place={place} archive={archive} source={source} items={items} />
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
  const labels = { zip: words.downloadZip, tar: words.downloadTar };
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <Button variant="default" size="sm" leftSection={<IconDownload size={16} aria-hidden />}>
          {words.downloadFolder}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {source.folderForms.map((form) => (
          <Menu.Item
            key={form}
            onClick={() => attempt(async () => await source.save(folder, form))}
          >
            {labels[form]}
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
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly source: FolderSource;
  readonly items: readonly FolderItem[];
}): ReactElement {
  const [search, setSearch] = useState("");
  const rows = useMemo(() => sorted(items, search), [items, search]);
  const columns = useMemo(
    () => folderColumns(source, (item) => archiveHash(place, archive, item.id)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- a place is made anew with every address
    [source, archive],
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
          if (item.type === "d") goTo(archiveHash(place, archive, item.id));
        }}
        empty={search === "" ? words.emptyFolder : words.nothingFound}
      />
    </>
  );
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
