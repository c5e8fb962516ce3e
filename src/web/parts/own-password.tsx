import { PasswordInput } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { ownUser } from "../api/session-store.ts";
import { accessWords } from "../strings/access-words.ts";

/** The one user whom the server does not ask again. */
const SUPERUSER = "root@pam";

/** The person's own password, asked for before something that a stolen login must not do. */
export interface OwnPassword {
  /** To be sent along; `undefined` where the server does not ask. */
  readonly password: string | undefined;
  readonly isReady: boolean;
  /** The field to show, if there is anything to ask. */
  readonly field: ReactElement | undefined;
}

/** Asks for the person's own password once more, where the server wants it. */
export function useOwnPassword(): OwnPassword {
  const [text, setText] = useState("");
  if (ownUser() === SUPERUSER) return { password: undefined, isReady: true, field: undefined };
  const field = (
    <PasswordInput
      label={accessWords.ownPassword}
      autoComplete="current-password"
      data-autofocus
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
    />
  );
  return { password: text, isReady: text !== "", field };
}
