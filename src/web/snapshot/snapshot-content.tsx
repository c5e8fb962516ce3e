import { Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo, useState } from "react";

import { type SnapshotItem } from "../api/snapshots-api.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { cryptModeOf } from "../content/snapshot-state.ts";
import { Loaded } from "../parts/loaded.tsx";
import { askVault } from "../vault/vault.ts";
import { vaultFolderSource } from "../vault/vault-folder-source.ts";
import { archiveList, type ShownArchive } from "./archive-list.ts";
import { ArchiveTable } from "./archive-table.tsx";
import { ComparePage } from "./compare-page.tsx";
import { FolderBrowser } from "./folder-browser.tsx";
import { ImagePage } from "./image-page.tsx";
import { serverFolderSource } from "./server-folder-source.ts";
import { SnapshotFacts } from "./snapshot-facts.tsx";
import { TrustNotice } from "./trust-notice.tsx";
import { UnlockPanel } from "./unlock-panel.tsx";

/** What a snapshot's content is shown by. */
interface ContentProps {
  readonly place: SnapshotPlace;
  readonly snapshot: SnapshotItem;
  /** Every snapshot of the group. */
  readonly all: readonly SnapshotItem[];
  readonly query: Readonly<Record<string, string>>;
}

/** Facts and archives of a snapshot, or the archive that the address names; an encrypted one after its key was given. */
export function SnapshotContent(props: ContentProps): ReactElement {
  const isEncrypted = cryptModeOf(props.snapshot.files) === "encrypt";
  return isEncrypted ? (
    <EncryptedContent {...props} />
  ) : (
    <OpenContent {...props} isInVault={false} />
  );
}

function EncryptedContent(props: ContentProps): ReactElement {
  const { place, snapshot } = props;
  const [attempts, setAttempts] = useState(0);
  const opened = useQuery({
    queryKey: ["vault", place, attempts],
    queryFn: async () => await askVault("open", { snapshot: place }),
    gcTime: 0,
  });
  return (
    <Loaded query={opened}>
      {({ trust, lacksKey }) =>
        lacksKey === undefined ? (
          <Stack>
            <TrustNotice trust={trust} />
            <OpenContent {...props} isInVault />
          </Stack>
        ) : (
          <Stack>
            <SnapshotFacts snapshot={snapshot} />
            <UnlockPanel wanted={lacksKey} onUnlocked={() => setAttempts(attempts + 1)} />
          </Stack>
        )
      }
    </Loaded>
  );
}

function OpenContent({
  place,
  snapshot,
  all,
  query,
  isInVault,
}: ContentProps & { readonly isInVault: boolean }): ReactElement {
  const archives = useMemo(() => archiveList(snapshot.files), [snapshot.files]);
  const opened = archives.find(({ name }) => name === query["archive"]);
  if (opened?.kind === "image") {
    return <ImagePage place={place} archive={opened} isInVault={isInVault} />;
  }
  if (opened && query["compare"] !== undefined) {
    return <ComparePage place={place} archive={opened} all={all} with={query["compare"]} />;
  }
  if (opened) {
    return <OpenArchive {...{ place, all, query, isInVault }} archive={opened} />;
  }
  return (
    <Stack>
      <SnapshotFacts snapshot={snapshot} />
      <ArchiveTable place={place} archives={archives} isInVault={isInVault} />
    </Stack>
  );
}

function OpenArchive({
  place,
  archive,
  all,
  query,
  isInVault,
}: {
  readonly place: SnapshotPlace;
  readonly archive: ShownArchive;
  readonly all: readonly SnapshotItem[];
  readonly query: Readonly<Record<string, string>>;
  readonly isInVault: boolean;
}): ReactElement {
  const source = useMemo(
    () => (isInVault ? vaultFolderSource : serverFolderSource)(place, archive.name),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- a place is made anew with every address
    [place.store, place.ns, place.type, place.id, place.timeSec, archive.name, isInVault],
  );
  return (
    <FolderBrowser
      place={place}
      archive={archive}
      source={source}
      all={all}
      folder={query["folder"] ?? ""}
      file={query["file"]}
    />
  );
}
