import { Anchor, TextInput } from "@mantine/core";

import { StateBadge } from "../parts/state-badge.tsx";
import { IconSearch } from "@tabler/icons-react";
import { type ReactElement, useMemo, useState } from "react";

import { snapshotHash } from "../content/content-columns.tsx";
import { goTo } from "../frame/hash-route.ts";
import { TimeAgo } from "../parts/time-ago.tsx";
import { durationText } from "../parts/time-text.ts";
import { type GridColumn, VirtualGrid } from "../parts/virtual-grid.tsx";
import { contentWords } from "../strings/content-words.ts";
import { dashboardWords as words } from "../strings/dashboard-words.ts";
import { type GroupHealth } from "./group-health.ts";

const columns: readonly GridColumn<GroupHealth>[] = [
  {
    key: "group",
    title: words.groupColumns.group,
    width: "minmax(0, 2fr)",
    cell: (group) => (
      <Anchor href={hashOf(group)} size="sm" fw={500}>
        {group.name}
      </Anchor>
    ),
  },
  {
    key: "place",
    title: words.groupColumns.place,
    width: "minmax(0, 1fr)",
    shownFrom: "medium",
    cell: ({ store, ns }) => (ns === "" ? store : `${store}/${ns}`),
  },
  {
    key: "last",
    title: words.groupColumns.last,
    width: "9rem",
    cell: ({ lastSec, isLate }) =>
      isLate ? (
        <StateBadge tone="bad">
          <TimeAgo timeSec={lastSec} />
        </StateBadge>
      ) : (
        <TimeAgo timeSec={lastSec} />
      ),
  },
  {
    key: "usual",
    title: words.groupColumns.usual,
    width: "7rem",
    shownFrom: "wide",
    cell: ({ usualSec }) => (usualSec === undefined ? "–" : durationText(usualSec)),
  },
  {
    key: "verified",
    title: words.groupColumns.verified,
    width: "8rem",
    shownFrom: "medium",
    cell: verifiedCell,
  },
  {
    key: "count",
    title: words.groupColumns.count,
    width: "6rem",
    align: "end",
    shownFrom: "medium",
    cell: ({ count }) => count,
  },
];

/** One line for every group of every datastore and namespace, those that are late first. */
export function GroupTable({ groups }: { readonly groups: readonly GroupHealth[] }): ReactElement {
  const [search, setSearch] = useState("");
  const rows = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return groups
      .filter(({ name, store, ns }) => `${name} ${store}/${ns}`.toLowerCase().includes(wanted))
      .sort((a, b) => Number(b.isLate) - Number(a.isLate) || b.lastSec - a.lastSec);
  }, [groups, search]);
  return (
    <>
      {groups.length > 8 && (
        <TextInput
          mb="xs"
          maw={320}
          aria-label={words.searchGroups}
          placeholder={words.searchGroups}
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      <VirtualGrid<GroupHealth>
        label={words.groupsLabel}
        columns={columns}
        rows={rows}
        rowKey={({ store, ns, name }) => `${store} ${ns} ${name}`}
        onOpen={(group) => goTo(hashOf(group))}
        empty={contentWords.nothingFound}
      />
    </>
  );
}

function hashOf({ store, ns, newest }: GroupHealth): string {
  return snapshotHash(store, ns, newest);
}

function verifiedCell({ failed, unverified, count }: GroupHealth): ReactElement | string {
  if (failed > 0) {
    return <StateBadge tone="bad">{contentWords.verify.someFailed(failed)}</StateBadge>;
  }
  if (unverified === count) return contentWords.verify.none;
  if (unverified > 0) return contentWords.verify.someUnverified(unverified);
  return <StateBadge tone="good">{contentWords.verify.ok}</StateBadge>;
}
