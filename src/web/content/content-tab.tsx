import { Anchor, Breadcrumbs, Group, Stack, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo, useState } from "react";

import {
  type GroupItem,
  groupsQuery,
  namespacesQuery,
  type SnapshotItem,
  snapshotsQuery,
} from "../api/snapshots-api.ts";
import { goTo, hashTo } from "../frame/hash-route.ts";
import { Loaded } from "../parts/loaded.tsx";
import { VirtualGrid } from "../parts/virtual-grid.tsx";
import { contentWords } from "../strings/content-words.ts";
import { contentColumns, snapshotHash } from "./content-columns.tsx";
import { type ContentRow, contentRows, nameOfGroup } from "./content-rows.ts";
import { NamespaceMenu } from "./namespace-menu.tsx";
import { RowMenu } from "./row-menu.tsx";

/** Namespaces, groups and snapshots of a datastore, as a tree. */
export function ContentTab({
  store,
  ns,
}: {
  readonly store: string;
  readonly ns: string;
}): ReactElement {
  const [search, setSearch] = useState("");
  const [wanted] = useDebouncedValue(search, 150);
  const namespaces = useQuery(namespacesQuery(store));
  const groups = useQuery(groupsQuery({ store, ns }));
  const snapshots = useQuery(snapshotsQuery({ store, ns }));
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="sm">
        <NamespacePath store={store} ns={ns} />
        <Group gap="xs">
          <TextInput
            aria-label={contentWords.search}
            placeholder={contentWords.searchHint}
            leftSection={<IconSearch size={16} aria-hidden />}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
            w={260}
          />
          <NamespaceMenu place={{ store, ns }} />
        </Group>
      </Group>
      <Loaded query={groups}>
        {(listedGroups) => (
          <Loaded query={snapshots}>
            {(listedSnapshots) => (
              <ContentGrid
                key={ns}
                store={store}
                ns={ns}
                namespaces={namespaces.data ?? []}
                groups={listedGroups}
                snapshots={listedSnapshots}
                search={wanted}
              />
            )}
          </Loaded>
        )}
      </Loaded>
    </Stack>
  );
}

interface ContentGridProps {
  readonly store: string;
  readonly ns: string;
  readonly namespaces: readonly string[];
  readonly groups: readonly GroupItem[];
  readonly snapshots: readonly SnapshotItem[];
  readonly search: string;
}

function ContentGrid(props: ContentGridProps): ReactElement {
  const { store, ns, namespaces, groups, snapshots, search } = props;
  const [open, setOpen] = useState<ReadonlySet<string>>(() => firstOpen(groups));
  const rows = useMemo(
    () => contentRows({ ns, namespaces, groups, snapshots }, { open, search }),
    [ns, namespaces, groups, snapshots, open, search],
  );
  const columns = useMemo(
    () => contentColumns(store, ns, (row) => <RowMenu row={row} place={{ store, ns }} />),
    [store, ns],
  );
  return (
    <VirtualGrid<ContentRow>
      label={contentWords.gridLabel(store)}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.key}
      level={(row) => (row.kind === "snapshot" ? 1 : 0)}
      expanded={(row) => (row.kind === "group" ? row.isOpen : undefined)}
      onToggle={(row) => setOpen(toggled(open, row.key))}
      onOpen={(row) => openRow(store, ns, row)}
      empty={search === "" ? contentWords.emptyNamespace : contentWords.nothingFound}
    />
  );
}

/** With a single group there is nothing to choose. */
function firstOpen(groups: readonly GroupItem[]): ReadonlySet<string> {
  return new Set(groups.length === 1 ? groups.map(nameOfGroup) : []);
}

function toggled(open: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(open);
  if (!next.delete(key)) next.add(key);
  return next;
}

function openRow(store: string, ns: string, row: ContentRow): void {
  if (row.kind === "namespace") goTo(hashTo(["datastore", store, "content"], { ns: row.ns }));
  if (row.kind === "snapshot") goTo(snapshotHash(store, ns, row.snapshot));
}

function NamespacePath({
  store,
  ns,
}: {
  readonly store: string;
  readonly ns: string;
}): ReactElement {
  const parts = ns === "" ? [] : ns.split("/");
  return (
    <nav aria-label={contentWords.namespacePath}>
      <Breadcrumbs separatorMargin={6}>
        <Anchor href={hashTo(["datastore", store, "content"])} size="sm">
          {contentWords.root}
        </Anchor>
        {parts.map((part, i) => (
          <Anchor
            key={parts.slice(0, i + 1).join("/")}
            href={hashTo(["datastore", store, "content"], { ns: parts.slice(0, i + 1).join("/") })}
            size="sm"
          >
            {part}
          </Anchor>
        ))}
      </Breadcrumbs>
    </nav>
  );
}
