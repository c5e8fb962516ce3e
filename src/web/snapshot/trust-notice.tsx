import { Alert } from "@mantine/core";
import { IconAlertTriangle, IconShieldCheck } from "@tabler/icons-react";
import { type ReactElement } from "react";

import { vaultWords } from "../strings/vault-words.ts";

/** What the signature of an opened snapshot says. */
export function TrustNotice({
  trust,
}: {
  readonly trust: "signed" | "unsigned" | "unchecked";
}): ReactElement {
  const isSigned = trust === "signed";
  return (
    <Alert
      variant="light"
      color={isSigned ? "teal" : "yellow"}
      p="xs"
      icon={isSigned ? <IconShieldCheck aria-hidden /> : <IconAlertTriangle aria-hidden />}
    >
      {isSigned ? vaultWords.signed : vaultWords.unsigned}
    </Alert>
  );
}
