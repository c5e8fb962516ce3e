import { Button, Menu } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { groupSnapshotsQuery, type SnapshotItem } from "../api/snapshots-api.ts";
import {
  groupName,
  isBackupType,
  type SnapshotPlace,
  snapshotName,
} from "../api/snapshot-place.ts";
import { SnapshotMenuItems } from "../content/snapshot-menu-items.tsx";
import { goTo, hashTo } from "../frame/hash-route.ts";
import { Loaded } from "../parts/loaded.tsx";
import { type Crumb, PageHead } from "../parts/page-head.tsx";
import { TimeAgo } from "../parts/time-ago.tsx";
import { timeText } from "../parts/time-text.ts";
import { contentWords } from "../strings/content-words.ts";
import { snapshotWords } from "../strings/snapshot-words.ts";
import { SnapshotContent } from "./snapshot-content.tsx";

/** One snapshot: what is known about it, and its archives as folders. */
export function SnapshotPage({
  store,
  path,
  query,
}: {
  readonly store: string;
  /** Type, name and time of the snapshot. */
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}): ReactElement {
  const [type = "", id = "", time = ""] = path;
  if (!isBackupType(type) || id === "" || !/^\d+$/.test(time)) {
    return <PageHead title={snapshotWords.notFound} />;
  }
  const place = { store, ns: query["ns"] ?? "", type, id, timeSec: Number(time) };
  return <KnownSnapshot place={place} query={query} />;
}

function KnownSnapshot({
  place,
  query,
}: {
  readonly place: SnapshotPlace;
  readonly query: Readonly<Record<string, string>>;
}): ReactElement {
  const snapshots = useQuery(groupSnapshotsQuery(place));
  return (
    <Loaded query={snapshots}>
      {(all) => {
        const snapshot = all.find((each) => each["backup-time"] === place.timeSec);
        return (
          <>
            <PageHead
              title={`${groupName(place)}, ${timeText(place.timeSec)}`}
              subtitle={<TimeAgo timeSec={place.timeSec} />}
              crumbs={crumbsOf(place)}
              actions={snapshot && <Actions place={place} snapshot={snapshot} />}
            />
            {snapshot ? (
              <SnapshotContent place={place} snapshot={snapshot} all={all} query={query} />
            ) : (
              snapshotWords.notFound
            )}
          </>
        );
      }}
    </Loaded>
  );
}

function Actions({
  place,
  snapshot,
}: {
  readonly place: SnapshotPlace;
  readonly snapshot: SnapshotItem;
}): ReactElement {
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <Button variant="default" px={9} aria-label={contentWords.menu(snapshotName(place))}>
          <IconDots size={18} aria-hidden />
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <SnapshotMenuItems
          place={place}
          snapshot={snapshot}
          onForgotten={() => goTo(contentHash(place))}
        />
      </Menu.Dropdown>
    </Menu>
  );
}

function crumbsOf(place: SnapshotPlace): readonly Crumb[] {
  return [
    { label: place.store, to: hashTo(["datastore", place.store]) },
    { label: place.ns === "" ? contentWords.root : place.ns, to: contentHash(place) },
  ];
}

function contentHash({ store, ns }: SnapshotPlace): string {
  return hashTo(["datastore", store, "content"], { ns });
}
