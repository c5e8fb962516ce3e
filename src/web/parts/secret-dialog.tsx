import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { type ReactElement } from "react";

import { accessWords as words } from "../strings/access-words.ts";
import { CopyField } from "./copy-field.tsx";
import { showDialog } from "./dialog-host.tsx";

/** A secret that the server gives once. */
export interface ShownSecret {
  readonly title: string;
  readonly text: string;
  readonly label: string;
  readonly value: string;
  /** What to do next. */
  readonly hint: string;
}

/** Shows a secret after the dialog that asked for it has closed; only its button closes it. */
export function showSecret(secret: ShownSecret): void {
  setTimeout(() =>
    showDialog((close) => <SecretDialog secret={secret} onClose={close} />, "until closed"),
  );
}

function SecretDialog({
  secret: { title, text, label, value, hint },
  onClose,
}: {
  readonly secret: ShownSecret;
  readonly onClose: () => void;
}): ReactElement {
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
    >
      <Stack>
        <Alert color="yellow">{text}</Alert>
        <CopyField label={label} value={value} />
        <Text size="sm" c="dimmed">
          {hint}
        </Text>
        <Group justify="flex-end">
          <Button onClick={onClose}>{words.secretDone}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
