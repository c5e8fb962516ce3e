import { Alert, Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { type ReactElement } from "react";

import { ApiFailure } from "../api/api-call.ts";
import { frameWords } from "../strings/frame-words.ts";

/** What went wrong, where it happened, with a way to try again if there is one. */
export function ErrorNotice({
  error,
  retry,
}: {
  readonly error: unknown;
  readonly retry?: (() => unknown) | undefined;
}): ReactElement {
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle aria-hidden />} role="alert">
      <Group justify="space-between" gap="sm">
        <Text size="sm" className="wrap-anywhere">
          {errorText(error)}
        </Text>
        {retry && (
          <Button size="xs" variant="default" onClick={() => void retry()}>
            {frameWords.tryAgain}
          </Button>
        )}
      </Group>
    </Alert>
  );
}

/** An error in words: the server's own where it gave some. */
export function errorText(error: unknown): string {
  if (error instanceof ApiFailure) {
    if (error.status === 0) return frameWords.unreachable;
    if (error.status === 403 && error.message === "") return frameWords.forbidden;
    return frameWords.failed(error.message);
  }
  return error instanceof Error ? error.message : String(error);
}
