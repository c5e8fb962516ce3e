import { Badge, Loader } from "@mantine/core";
import { type ReactElement, type ReactNode } from "react";

/** What a state means for the person. */
export type Tone = "good" | "bad" | "warning" | "busy" | "neutral";

/** A state in a word or two; its colours stand out in light and dark, and never say it alone. */
export function StateBadge({
  tone,
  children,
}: {
  readonly tone: Tone;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <Badge
      tt="none"
      radius="sm"
      className={`state state-${tone}`}
      leftSection={tone === "busy" && <Loader size={10} color="currentColor" aria-hidden />}
    >
      {children}
    </Badge>
  );
}
