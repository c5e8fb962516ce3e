import { Text } from "@mantine/core";
import { type ReactElement } from "react";

import { setProtection } from "../api/snapshots-api.ts";
import { type SnapshotPlace, snapshotName } from "../api/snapshot-place.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { contentWords } from "../strings/content-words.ts";

/** Ends the protection of a snapshot, after asking. */
export function UnprotectDialog({
  place,
  onClose,
}: {
  readonly place: SnapshotPlace;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  return (
    <ActionDialog
      title={contentWords.unprotectTitle(snapshotName(place))}
      tone="destructive"
      confirmLabel={contentWords.unprotectConfirm}
      onClose={onClose}
      onConfirm={async () => {
        await setProtection(place, "removable");
        await refresh(["content", place.store]);
      }}
    >
      <Text size="sm">{contentWords.unprotectText}</Text>
    </ActionDialog>
  );
}
