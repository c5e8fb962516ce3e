import { Text } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { startVerify } from "../api/snapshots-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { tellTask } from "../parts/tell-task.ts";
import { contentWords } from "../strings/content-words.ts";
import { RecentFields, type RecentFieldValues } from "./recent-fields.tsx";
import { VERIFY_DAYS } from "./snapshot-state.ts";

/** Starts the verification of a datastore or a namespace with everything in it. */
export function VerifyDialog({
  store,
  ns,
  onClose,
}: {
  readonly store: string;
  readonly ns: string;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const [recent, setRecent] = useState<RecentFieldValues>({ isSkipping: true, days: VERIFY_DAYS });
  const name = ns === "" ? store : `${store}/${ns}`;
  return (
    <ActionDialog
      title={contentWords.verifyTitle(name)}
      confirmLabel={contentWords.verifyStart}
      onClose={onClose}
      onConfirm={async () => {
        const upid = await startVerify({
          store,
          ns,
          recent: recent.isSkipping ? "skipped" : "verified again",
          ...(recent.isSkipping ? { outdatedAfterDays: Number(recent.days) } : {}),
        });
        tellTask(contentWords.verifyStarted(name), upid);
        await refresh(["tasks"]);
      }}
    >
      <Text size="sm">{contentWords.verifyText}</Text>
      <RecentFields value={recent} onChange={setRecent} />
    </ActionDialog>
  );
}
