import { NumberInput, SimpleGrid } from "@mantine/core";
import { type ReactElement } from "react";

import { keepPeriods, type Retention } from "../api/prune-api.ts";
import { pruneWords } from "../strings/prune-words.ts";

/** How many snapshots of each period to keep. */
export function KeepFields({
  value,
  onChange,
}: {
  readonly value: Retention;
  readonly onChange: (value: Retention) => void;
}): ReactElement {
  return (
    <SimpleGrid cols={{ base: 2, xs: 3, sm: 6 }} spacing="xs">
      {keepPeriods.map((period) => (
        <NumberInput
          key={period}
          label={pruneWords.periods[period]}
          min={1}
          max={100_000}
          allowDecimal={false}
          value={value[period] ?? ""}
          onChange={(count) => {
            const others = Object.entries(value).filter(([name]) => name !== period);
            const kept = typeof count === "number" ? [[period, count] as const] : [];
            onChange(Object.fromEntries([...others, ...kept]));
          }}
        />
      ))}
    </SimpleGrid>
  );
}
