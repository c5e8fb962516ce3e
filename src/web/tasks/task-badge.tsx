import { type ReactElement } from "react";

import { taskOutcome } from "../api/task-api.ts";
import { StateBadge, type Tone } from "../parts/state-badge.tsx";
import { taskWords } from "../strings/task-words.ts";

const tones: Readonly<Record<ReturnType<typeof taskOutcome>, Tone>> = {
  running: "busy",
  ok: "good",
  warning: "warning",
  error: "bad",
  unknown: "neutral",
};

/** How a task ended, or that it runs. */
export function TaskBadge({ status }: { readonly status: string | undefined }): ReactElement {
  const outcome = taskOutcome(status);
  return <StateBadge tone={tones[outcome]}>{taskWords.state[outcome]}</StateBadge>;
}
