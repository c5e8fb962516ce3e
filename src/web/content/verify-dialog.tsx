import { Checkbox, NumberInput, Text } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { startVerify } from "../api/snapshots-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { tellTask } from "../parts/tell-task.ts";
import { contentWords } from "../strings/content-words.ts";
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
  const [isSkipping, setSkipping] = useState(true);
  const [days, setDays] = useState<number | string>(VERIFY_DAYS);
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
          recent: isSkipping ? "skipped" : "verified again",
          ...(isSkipping ? { outdatedAfterDays: Number(days) } : {}),
        });
        tellTask(contentWords.verifyStarted(name), upid);
        await refresh(["tasks"]);
      }}
    >
      <Text size="sm">{contentWords.verifyText}</Text>
      <Checkbox
        label={contentWords.verifyRecent}
        checked={isSkipping}
        onChange={(event) => setSkipping(event.currentTarget.checked)}
      />
      {isSkipping && (
        <NumberInput
          label={contentWords.verifyDays}
          min={0}
          max={3650}
          allowDecimal={false}
          value={days}
          onChange={setDays}
        />
      )}
    </ActionDialog>
  );
}
