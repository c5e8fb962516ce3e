import { Stack } from "@mantine/core";
import { type ReactElement, useMemo } from "react";

import { type SnapshotItem } from "../api/snapshots-api.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { archiveList } from "./archive-list.ts";
import { ArchiveTable } from "./archive-table.tsx";
import { FolderBrowser } from "./folder-browser.tsx";
import { serverFolderSource } from "./server-folder-source.ts";
import { SnapshotFacts } from "./snapshot-facts.tsx";

/** Facts and archives of a snapshot, or the archive that the address names, opened as a folder. */
export function SnapshotContent({
  place,
  snapshot,
  query,
}: {
  readonly place: SnapshotPlace;
  readonly snapshot: SnapshotItem;
  readonly all: readonly SnapshotItem[];
  readonly query: Readonly<Record<string, string>>;
}): ReactElement {
  const archives = useMemo(() => archiveList(snapshot.files), [snapshot.files]);
  const opened = archives.find(({ name }) => name === query["archive"]);
  const source = useMemo(
    () => (opened ? serverFolderSource(place, opened.name) : undefined),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- a place is made anew with every address
    [place.store, place.ns, place.type, place.id, place.timeSec, opened?.name],
  );
  if (opened && source) {
    return (
      <FolderBrowser
        place={place}
        archive={opened}
        source={source}
        folder={query["folder"] ?? ""}
      />
    );
  }
  return (
    <Stack>
      <SnapshotFacts snapshot={snapshot} />
      <ArchiveTable place={place} archives={archives} />
    </Stack>
  );
}
