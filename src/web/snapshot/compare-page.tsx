import { Group, Select, Stack, Text, TextInput } from "@mantine/core";

import { StateBadge } from "../parts/state-badge.tsx";
import { IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo, useState } from "react";

import { type SnapshotItem } from "../api/snapshots-api.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { goTo } from "../frame/hash-route.ts";
import { Loaded } from "../parts/loaded.tsx";
import { sizeText } from "../parts/size-text.ts";
import { timeText } from "../parts/time-text.ts";
import { type GridColumn, VirtualGrid } from "../parts/virtual-grid.tsx";
import { compareWords as words } from "../strings/compare-words.ts";
import { askVault } from "../vault/vault.ts";
import { type ComparedItem } from "../vault/vault-messages.ts";
import { type ShownArchive } from "./archive-list.ts";
import { archiveHash } from "./archive-table.tsx";
import { placesOf } from "./file-history.tsx";

/** Most differences that are shown. */
const ITEMS_MAX = 20_000;

const tones = { added: "good", removed: "bad", changed: "warning" } as const;

const columns: readonly GridColumn<ComparedItem>[] = [
  {
    key: "path",
    title: words.columns.path,
    width: "minmax(0, 1fr)",
    cell: ({ path, type }) => (type === "d" ? `${path}/` : path),
  },
  {
    key: "change",
    title: words.columns.change,
    width: "6rem",
    cell: ({ change }) => <StateBadge tone={tones[change]}>{words.changes[change]}</StateBadge>,
  },
  {
    key: "before",
    title: words.columns.before,
    width: "6rem",
    align: "end",
    shownFrom: "medium",
    cell: ({ sizeBefore }) => (sizeBefore === undefined ? "" : sizeText(sizeBefore)),
  },
  {
    key: "after",
    title: words.columns.after,
    width: "6rem",
    align: "end",
    shownFrom: "medium",
    cell: ({ sizeAfter }) => (sizeAfter === undefined ? "" : sizeText(sizeAfter)),
  },
];

/** What changed in an archive since another snapshot of its group. */
export function ComparePage({
  place,
  archive,
  all,
  with: chosen,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly all: readonly SnapshotItem[];
  /** Time of the other snapshot as it stands in the address. */
  readonly with: string;
}): ReactElement {
  const places = placesOf(place, archive, all);
  const others = places.filter(({ snapshot }) => snapshot.timeSec !== place.timeSec);
  const older = others.find(({ snapshot }) => snapshot.timeSec < place.timeSec) ?? others[0];
  const other = others.find(({ snapshot }) => String(snapshot.timeSec) === chosen) ?? older;
  if (!other) return <Text>{words.noOther}</Text>;
  const own = { snapshot: place, archive: archive.name };
  const [before, after] = other.snapshot.timeSec < place.timeSec ? [other, own] : [own, other];
  return (
    <Stack gap="sm">
      <Group justify="space-between" align="flex-end">
        <Select
          label={words.compareWith}
          allowDeselect={false}
          value={String(other.snapshot.timeSec)}
          data={others.map(({ snapshot }) => ({
            value: String(snapshot.timeSec),
            label: timeText(snapshot.timeSec),
          }))}
          onChange={(time) =>
            goTo(`${archiveHash(place, archive)}&compare=${time ?? ""}`, "replace")
          }
        />
        <Text size="sm" c="dimmed">
          {words.how}
        </Text>
      </Group>
      <Differences before={before} after={after} />
    </Stack>
  );
}

function Differences(request: {
  readonly before: { readonly snapshot: SnapshotPlace; readonly archive: string };
  readonly after: { readonly snapshot: SnapshotPlace; readonly archive: string };
}): ReactElement {
  const query = useQuery({
    queryKey: ["compare", request],
    queryFn: async () => await askVault("compare", { ...request, itemsMax: ITEMS_MAX }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Loaded query={query}>
      {({ items, isComplete }) => <Found items={items} isComplete={isComplete} />}
    </Loaded>
  );
}

function Found({
  items,
  isComplete,
}: {
  readonly items: readonly ComparedItem[];
  readonly isComplete: boolean;
}): ReactElement {
  const [search, setSearch] = useState("");
  const shown = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return items.filter(({ path }) => path.toLowerCase().includes(wanted));
  }, [items, search]);
  const count = (change: ComparedItem["change"]): number =>
    items.filter((item) => item.change === change).length;
  return (
    <>
      <Group justify="space-between">
        <Text size="sm" role="status">
          {isComplete
            ? words.summary(count("added"), count("removed"), count("changed"))
            : words.notAll(ITEMS_MAX)}
        </Text>
        <TextInput
          aria-label={words.search}
          placeholder={words.search}
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      </Group>
      <VirtualGrid<ComparedItem>
        label={words.gridLabel}
        columns={columns}
        rows={shown}
        rowKey={({ id, change }) => `${change} ${id}`}
        empty={words.nothing}
      />
    </>
  );
}
