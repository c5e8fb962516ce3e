import { Text, TextInput } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { forgetGroup, forgetSnapshot } from "../api/snapshots-api.ts";
import {
  type GroupPlace,
  groupName,
  type SnapshotPlace,
  snapshotName,
} from "../api/snapshot-place.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { tell } from "../parts/notices.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { contentWords } from "../strings/content-words.ts";

/** Removes a snapshot, or a whole group, whose name has to be typed then. */
export function ForgetDialog({
  place,
  snapshotCount,
  onClose,
  onDone,
}: {
  readonly place: GroupPlace | SnapshotPlace;
  readonly snapshotCount?: number;
  readonly onClose: () => void;
  readonly onDone?: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const [typed, setTyped] = useState("");
  const isSnapshot = "timeSec" in place;
  const name = isSnapshot ? snapshotName(place) : groupName(place);
  return (
    <ActionDialog
      title={contentWords.forgetTitle(name)}
      tone="destructive"
      confirmLabel={contentWords.forgetConfirm(name)}
      isReady={isSnapshot || typed === name}
      size="lg"
      onClose={onClose}
      onConfirm={async () => {
        await (isSnapshot ? forgetSnapshot(place) : forgetGroup(place));
        tell({ text: contentWords.forgotten(name) });
        onDone?.();
        await refresh(["content", place.store]);
      }}
    >
      <Text size="sm">
        {isSnapshot
          ? contentWords.forgetSnapshotText
          : contentWords.forgetGroupText(snapshotCount ?? 0)}
      </Text>
      {!isSnapshot && (
        <TextInput
          label={contentWords.typeName(name)}
          data-autofocus
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
    </ActionDialog>
  );
}
