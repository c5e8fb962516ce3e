import { PasswordInput, TextInput, type TextInputProps } from "@mantine/core";
import { type ReactElement } from "react";

import { accessWords } from "../strings/access-words.ts";

/** What a {@link TextField} shows besides its text. */
export type TextFieldProps = Omit<TextInputProps, "value" | "onChange"> & {
  readonly value: string;
  readonly onText: (text: string) => void;
};

/** A field of one line that gives its text. */
export function TextField({ onText, ...props }: TextFieldProps): ReactElement {
  return <TextInput {...props} onChange={(event) => onText(event.currentTarget.value)} />;
}

/** A field for a password that somebody gets. */
export function NewPasswordField({
  value,
  onText,
}: {
  readonly value: string;
  readonly onText: (text: string) => void;
}): ReactElement {
  return (
    <PasswordInput
      label={accessWords.password}
      description={accessWords.passwordHint}
      autoComplete="new-password"
      value={value}
      onChange={(event) => onText(event.currentTarget.value)}
    />
  );
}
