import { Badge, Loader } from "@mantine/core";
import { type ReactElement } from "react";

import { taskOutcome } from "../api/task-api.ts";
import { taskWords } from "../strings/task-words.ts";

const colors = {
  running: "blue.8",
  ok: "teal.9",
  warning: "yellow.9",
  error: "red.9",
  unknown: "gray.7",
};

/** How a task ended, or that it runs. */
export function TaskBadge({ status }: { readonly status: string | undefined }): ReactElement {
  const outcome = taskOutcome(status);
  return (
    <Badge
      color={colors[outcome]}
      variant={outcome === "error" ? "filled" : "light"}
      tt="none"
      leftSection={outcome === "running" && <Loader size={10} color="blue" aria-hidden />}
    >
      {taskWords.state[outcome]}
    </Badge>
  );
}
