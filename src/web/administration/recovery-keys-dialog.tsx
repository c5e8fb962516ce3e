import { Text } from "@mantine/core";
import { type ReactElement } from "react";

import { addRecoveryKeys } from "../api/second-factor-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useOwnPassword } from "../parts/own-password.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { showSecret } from "../parts/secret-dialog.tsx";
import { factorWords as words } from "../strings/factor-words.ts";

/** Makes recovery keys for a user, and shows them once. */
export function RecoveryKeysDialog({
  userid,
  onClose,
}: {
  readonly userid: string;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const { password, isReady, field } = useOwnPassword();
  return (
    <ActionDialog
      title={words.addRecovery}
      confirmLabel={words.addRecoveryConfirm}
      isReady={isReady}
      onClose={onClose}
      onConfirm={async () => {
        const keys = await addRecoveryKeys({ userid, password });
        await refresh(["access"]);
        showSecret({
          title: words.keysTitle(userid),
          text: words.keysText,
          label: words.recovery,
          value: keys.join("\n"),
          hint: words.keysHint,
        });
      }}
    >
      <Text size="sm">{words.recoveryText}</Text>
      {field}
    </ActionDialog>
  );
}
