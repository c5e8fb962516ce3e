import { Text } from "@mantine/core";
import { type ReactElement } from "react";

import { startCollection } from "../api/datastore-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { tellTask } from "../parts/tell-task.ts";
import { datastoreWords } from "../strings/datastore-words.ts";

/** Starts a garbage collection, after saying what it does. */
export function CollectDialog({
  store,
  onClose,
}: {
  readonly store: string;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  return (
    <ActionDialog
      title={datastoreWords.collectTitle(store)}
      confirmLabel={datastoreWords.collectNow}
      onClose={onClose}
      onConfirm={async () => {
        tellTask(datastoreWords.collectStarted, await startCollection(store));
        await refresh(["tasks"]);
      }}
    >
      <Text size="sm">{datastoreWords.collectText}</Text>
    </ActionDialog>
  );
}
