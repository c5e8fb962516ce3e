import { Textarea, type TextareaProps } from "@mantine/core";
import { type ReactElement } from "react";

/** What a {@link LinesField} shows besides its text. */
export type LinesFieldProps = Omit<TextareaProps, "value" | "onChange"> & {
  readonly value: string;
  readonly onText: (text: string) => void;
};

/** A field of several lines, which grows with them. */
export function LinesField({ onText, ...props }: LinesFieldProps): ReactElement {
  return (
    <Textarea
      autosize
      minRows={2}
      maxRows={12}
      {...props}
      onChange={(event) => onText(event.currentTarget.value)}
    />
  );
}
