import { Button, Group, Stack } from "@mantine/core";
import { type ReactElement, type ReactNode, type SyntheticEvent, useState } from "react";

import { frameWords } from "../strings/frame-words.ts";
import { ErrorNotice } from "./error-notice.tsx";
import { tell } from "./notices.tsx";

/** Settings on a page, with the button that saves them; its error stands above it. */
export function SettingsForm({
  width,
  mayChange,
  savedText,
  onSave,
  children,
}: {
  /** Pixels at most. */
  readonly width: number;
  /** Those who may not change anything get no button. */
  readonly mayChange: boolean;
  /** What is said when it is done. */
  readonly savedText: string;
  readonly onSave: () => Promise<void>;
  readonly children: ReactNode;
}): ReactElement {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  async function save(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await onSave();
      tell({ text: savedText });
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }
  return (
    <form onSubmit={save}>
      <Stack maw={width}>
        {children}
        {error !== undefined && <ErrorNotice error={error} />}
        {mayChange && (
          <Group>
            <Button type="submit" loading={isBusy}>
              {frameWords.save}
            </Button>
          </Group>
        )}
      </Stack>
    </form>
  );
}
