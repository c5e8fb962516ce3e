import { Progress } from "@mantine/core";
import { type ReactElement } from "react";

import { percentText } from "../parts/size-text.ts";

/** How full something is; warns by colour from 80 % on. */
export function UsageBar({
  used,
  total,
  label,
}: {
  readonly used: number;
  readonly total: number;
  readonly label: string;
}): ReactElement {
  const share = total > 0 ? used / total : 0;
  const color = share >= 0.9 ? "red.7" : share >= 0.8 ? "yellow.7" : "amber.5";
  return (
    <Progress.Root size="lg" radius="xl">
      <Progress.Section
        value={Math.min(100, share * 100)}
        color={color}
        aria-label={`${label}: ${percentText(share)}`}
      />
    </Progress.Root>
  );
}
