import { Text } from "@mantine/core";
import { type ReactElement } from "react";

import { removeFactor, setFactorEnabled } from "../api/second-factor-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useOwnPassword } from "../parts/own-password.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { factorWords as words } from "../strings/factor-words.ts";

/** Removes a second factor, or switches it on or off. */
export function FactorActDialog({
  userid,
  id,
  name,
  act,
  onClose,
}: {
  readonly userid: string;
  readonly id: string;
  /** What it is called. */
  readonly name: string;
  readonly act: "remove" | "enable" | "disable";
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const { password, isReady, field } = useOwnPassword();
  const { title, text, confirm } = words.acts[act];
  return (
    <ActionDialog
      title={title(name)}
      tone={act === "enable" ? "usual" : "destructive"}
      confirmLabel={confirm}
      isReady={isReady}
      onClose={onClose}
      onConfirm={async () => {
        const proof = { userid, password };
        if (act === "remove") await removeFactor(proof, id);
        else await setFactorEnabled(proof, id, act === "enable" ? "enabled" : "disabled");
        await refresh(["access"]);
      }}
    >
      <Text size="sm">{text(userid)}</Text>
      {field}
    </ActionDialog>
  );
}
