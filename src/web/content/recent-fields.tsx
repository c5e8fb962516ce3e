import { Checkbox, NumberInput } from "@mantine/core";
import { type ReactElement } from "react";

import { contentWords } from "../strings/content-words.ts";

/** Whether a verification leaves out what was verified lately, and what lately means. */
export interface RecentFieldValues {
  readonly isSkipping: boolean;
  /** Days; a text while it is being typed, empty for ever. */
  readonly days: number | string;
}

/** Fields of {@link RecentFieldValues}. */
export function RecentFields({
  value,
  onChange,
}: {
  readonly value: RecentFieldValues;
  readonly onChange: (value: RecentFieldValues) => void;
}): ReactElement {
  return (
    <>
      <Checkbox
        label={contentWords.verifyRecent}
        checked={value.isSkipping}
        onChange={(event) => onChange({ ...value, isSkipping: event.currentTarget.checked })}
      />
      {value.isSkipping && (
        <NumberInput
          label={contentWords.verifyDays}
          min={0}
          max={3650}
          allowDecimal={false}
          value={value.days}
          onChange={(days) => onChange({ ...value, days })}
        />
      )}
    </>
  );
}
