import { Text, Tooltip } from "@mantine/core";
import { type ReactElement } from "react";

import { agoText, preciseTimeText, timeText } from "./time-text.ts";

/** A moment, as its distance from now or as its date; the other one in a tooltip. */
export function TimeAgo({
  timeSec,
  shown = "distance",
}: {
  readonly timeSec: number;
  readonly shown?: "distance" | "date";
}): ReactElement {
  const label = shown === "distance" ? preciseTimeText(timeSec) : agoText(timeSec);
  return (
    <Tooltip label={label} withArrow openDelay={300}>
      <Text span inherit>
        {shown === "distance" ? agoText(timeSec) : timeText(timeSec)}
      </Text>
    </Tooltip>
  );
}
