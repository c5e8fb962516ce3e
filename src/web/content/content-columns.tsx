import { Anchor, Text, Tooltip } from "@mantine/core";
import {
  IconChevronDown,
  IconChevronRight,
  IconCloudComputing,
  IconDeviceDesktop,
  IconFolder,
  IconLock,
  IconPackage,
  IconShieldLock,
} from "@tabler/icons-react";
import { type ReactElement, type ReactNode } from "react";

import { type SnapshotItem } from "../api/snapshots-api.ts";
import { hashTo } from "../frame/hash-route.ts";
import { sizeText } from "../parts/size-text.ts";
import { TimeAgo } from "../parts/time-ago.tsx";
import { type GridColumn } from "../parts/virtual-grid.tsx";
import { contentWords } from "../strings/content-words.ts";
import { type ContentRow, nameOfGroup } from "./content-rows.ts";
import { cryptModeOf } from "./snapshot-state.ts";
import { GroupVerifyBadge, VerifyBadge } from "./verify-badge.tsx";

const icon = { size: 18, stroke: 1.6, "aria-hidden": true, className: "name-icon" } as const;

const typeIcons = {
  host: <IconDeviceDesktop {...icon} />,
  vm: <IconCloudComputing {...icon} />,
  ct: <IconPackage {...icon} />,
};

/** Columns of the content of a datastore. */
export function contentColumns(
  store: string,
  ns: string,
  actions: (row: ContentRow) => ReactNode,
): readonly GridColumn<ContentRow>[] {
  const words = contentWords.columns;
  return [
    {
      key: "name",
      title: words.name,
      width: "minmax(0, 3fr)",
      cell: (row) => <Name row={row} store={store} ns={ns} />,
    },
    {
      key: "comment",
      title: words.comment,
      width: "minmax(0, 2fr)",
      shownFrom: "medium",
      cell: (row) => (row.kind === "namespace" ? "" : commentOf(row)),
    },
    { key: "time", title: words.time, width: "8rem", shownFrom: "medium", cell: timeCell },
    {
      key: "verified",
      title: words.verified,
      width: "9.5rem",
      shownFrom: "medium",
      cell: verifiedCell,
    },
    {
      key: "size",
      title: words.size,
      width: "6rem",
      align: "end",
      shownFrom: "wide",
      cell: sizeCell,
    },
    { key: "owner", title: words.owner, width: "11rem", shownFrom: "wide", cell: ownerCell },
    { key: "actions", title: "", width: "2.4rem", align: "end", cell: actions },
  ];
}

/** Address of a snapshot's page. */
export function snapshotHash(store: string, ns: string, snapshot: SnapshotItem): string {
  const { "backup-type": type, "backup-id": id, "backup-time": time } = snapshot;
  return hashTo(["datastore", store, "snapshot", type, id, String(time)], { ns });
}

function Name({
  row,
  store,
  ns,
}: {
  readonly row: ContentRow;
  readonly store: string;
  readonly ns: string;
}): ReactElement {
  switch (row.kind) {
    case "namespace":
      return (
        <span className="grid-name">
          <span className="name-icon" />
          <IconFolder {...icon} />
          <Anchor href={hashTo(["datastore", store, "content"], { ns: row.ns })} size="sm" fw={500}>
            {row.name}
          </Anchor>
        </span>
      );
    case "group":
      return (
        <span className="grid-name">
          {row.isOpen ? <IconChevronDown {...icon} /> : <IconChevronRight {...icon} />}
          {typeIcons[row.group["backup-type"]]}
          <Text span fw={600} size="sm" truncate>
            {nameOfGroup(row.group)}
          </Text>
          <Text span size="xs" c="dimmed" className="grid-count">
            {contentWords.snapshots(row.snapshots.length)}
          </Text>
        </span>
      );
    case "snapshot":
      return (
        <span className="grid-name grid-indent">
          <Anchor href={snapshotHash(store, ns, row.snapshot)} size="sm">
            <TimeAgo timeSec={row.snapshot["backup-time"]} shown="date" />
          </Anchor>
          <Marks snapshot={row.snapshot} />
        </span>
      );
  }
}

function Marks({ snapshot }: { readonly snapshot: SnapshotItem }): ReactElement {
  const mode = cryptModeOf(snapshot.files);
  const lockText =
    snapshot.fingerprint === undefined
      ? contentWords.encrypted
      : contentWords.encryptedWith(snapshot.fingerprint.slice(0, 23));
  return (
    <>
      {mode === "encrypt" && (
        <Tooltip label={lockText} withArrow>
          <IconLock
            size={16}
            className="name-icon"
            role="img"
            aria-label={contentWords.encrypted}
          />
        </Tooltip>
      )}
      {snapshot.protected && (
        <Tooltip label={contentWords.protected} withArrow>
          <IconShieldLock
            size={16}
            className="name-icon"
            role="img"
            aria-label={contentWords.protected}
          />
        </Tooltip>
      )}
    </>
  );
}

function commentOf(row: Exclude<ContentRow, { kind: "namespace" }>): string {
  if (row.kind === "snapshot") return row.snapshot.comment ?? "";
  return row.group.comment ?? row.snapshots[0]?.comment ?? "";
}

function timeCell(row: ContentRow): ReactNode {
  if (row.kind === "namespace") return "";
  const time = row.kind === "group" ? row.group["last-backup"] : row.snapshot["backup-time"];
  return <TimeAgo timeSec={time} />;
}

function verifiedCell(row: ContentRow): ReactNode {
  if (row.kind === "namespace") return "";
  if (row.kind === "snapshot") return <VerifyBadge snapshot={row.snapshot} />;
  return <GroupVerifyBadge snapshots={row.snapshots} />;
}

function sizeCell(row: ContentRow): ReactNode {
  if (row.kind === "namespace") return "";
  const snapshot = row.kind === "group" ? row.snapshots[0] : row.snapshot;
  return snapshot?.size === undefined ? contentWords.unfinished : sizeText(snapshot.size);
}

function ownerCell(row: ContentRow): ReactNode {
  if (row.kind === "namespace") return "";
  return row.kind === "group" ? row.group.owner : row.snapshot.owner;
}
