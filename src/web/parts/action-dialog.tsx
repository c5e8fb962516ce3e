import { Button, type ButtonProps, Group, Modal, Stack } from "@mantine/core";
import { type ReactElement, type ReactNode, type SyntheticEvent, useState } from "react";

import { frameWords } from "../strings/frame-words.ts";
import { ErrorNotice } from "./error-notice.tsx";

/** What an {@link ActionDialog} asks, and what it does on yes. */
export interface ActionDialogProps {
  readonly title: string;
  readonly children?: ReactNode;
  /** What the button says: the act itself, never just "OK". */
  readonly confirmLabel: string;
  /** Destructive acts look so. */
  readonly tone?: "usual" | "destructive";
  readonly isReady?: boolean;
  readonly size?: string;
  /** Does it; the dialog stays open with the error when that fails. */
  readonly onConfirm: () => Promise<unknown>;
  readonly onClose: () => void;
}

/** A dialog with one act: shows that it is under way, and its error where it happened. */
export function ActionDialog(props: ActionDialogProps): ReactElement {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const {
    title,
    children,
    confirmLabel,
    tone = "usual",
    isReady = true,
    onConfirm,
    onClose,
  } = props;
  async function confirm(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }
  const colour: ButtonProps = tone === "destructive" ? { color: "red.8" } : {};
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      size={props.size ?? "md"}
      closeButtonProps={{ "aria-label": frameWords.close }}
    >
      <form onSubmit={confirm}>
        <Stack>
          {children}
          {error !== undefined && <ErrorNotice error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {frameWords.cancel}
            </Button>
            <Button type="submit" {...colour} loading={isBusy} disabled={!isReady}>
              {confirmLabel}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
