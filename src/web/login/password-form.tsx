import { Button, PasswordInput, Select, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, type SyntheticEvent, useState } from "react";

import { ApiFailure } from "../api/api-call.ts";
import { realmsQuery } from "../api/realms-api.ts";
import { lastUser, logIn } from "../api/session-store.ts";
import { ErrorNotice } from "../parts/error-notice.tsx";
import { loginWords } from "../strings/login-words.ts";

/** First step of a login: name, realm and password. */
export function PasswordForm({
  onSecondFactor,
}: {
  readonly onSecondFactor: (half: {
    readonly user: string;
    readonly challenge: string;
    readonly kinds: readonly string[];
  }) => void;
}): ReactElement {
  const [lastName, lastRealm] = splitUser(lastUser());
  const realms = useQuery(realmsQuery);
  const [name, setName] = useState(lastName);
  const [chosenRealm, setRealm] = useState(lastRealm);
  const [password, setPassword] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const list = realms.data ?? [];
  const realm =
    chosenRealm ?? (list.find((each) => each.default === true) ?? list[0])?.realm ?? "pbs";

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const user = name.includes("@") ? name : `${name}@${realm}`;
    try {
      const step = await logIn(user, password);
      if (step.kind === "second-factor") onSecondFactor({ user, ...step });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          label={loginWords.user}
          autoComplete="username"
          required
          autoFocus={lastName === ""}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordInput
          label={loginWords.password}
          autoComplete="current-password"
          required
          autoFocus={lastName !== ""}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Select
          label={loginWords.realm}
          allowDeselect={false}
          value={realm}
          onChange={(value) => setRealm(value ?? undefined)}
          data={list.map((each) => ({
            value: each.realm,
            label: loginWords.realmName(each.realm, each.comment),
          }))}
        />
        {error !== undefined && <ErrorNotice error={loginError(error)} />}
        <Button type="submit" loading={isBusy} mt="xs" size="md">
          {loginWords.logIn}
        </Button>
      </Stack>
    </form>
  );
}

function splitUser(user: string | undefined): readonly [string, string | undefined] {
  const at = user?.lastIndexOf("@") ?? -1;
  if (user === undefined || at < 0) return ["", undefined];
  return [user.slice(0, at), user.slice(at + 1)];
}

function loginError(error: unknown): unknown {
  const isRefused = error instanceof ApiFailure && error.status === 401;
  return isRefused ? new Error(loginWords.wrong) : error;
}
