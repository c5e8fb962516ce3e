import { Anchor, Button, Group, PinInput, Stack, Text, TextInput } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { ApiFailure } from "../api/api-call.ts";
import { proveSecondFactor } from "../api/session-store.ts";
import { ErrorNotice } from "../parts/error-notice.tsx";
import { loginWords } from "../strings/login-words.ts";

/** Second step of a login: a code of an authenticator app, or a recovery key. */
export function SecondFactorForm({
  user,
  challenge,
  kinds,
  onCancel,
}: {
  readonly user: string;
  readonly challenge: string;
  readonly kinds: readonly string[];
  readonly onCancel: () => void;
}): ReactElement {
  const [kind, setKind] = useState<"totp" | "recovery">(
    kinds.includes("totp") ? "totp" : "recovery",
  );
  const [answer, setAnswer] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const canSwitch = kinds.includes("totp") && kinds.includes("recovery");

  async function prove(text: string): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await proveSecondFactor(user, challenge, `${kind}:${text.trim()}`);
    } catch (failure) {
      setError(failure);
      setAnswer("");
      setBusy(false);
    }
  }

  if (!kinds.includes("totp") && !kinds.includes("recovery")) {
    return <Text size="sm">{loginWords.notSupported}</Text>;
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void prove(answer);
      }}
    >
      <Stack gap="sm">
        {kind === "totp" ? (
          <div role="group" aria-label={loginWords.totpLabel}>
            <Text size="sm" fw={500} mb={6}>
              {loginWords.totpLabel}
            </Text>
            <PinInput
              length={6}
              type="number"
              oneTimeCode
              autoFocus
              value={answer}
              onChange={setAnswer}
              onComplete={(code) => void prove(code)}
              getInputProps={(index) => ({
                "aria-label": `${loginWords.totpLabel}, ${index + 1}`,
              })}
            />
          </div>
        ) : (
          <TextInput
            label={loginWords.recoveryLabel}
            description={loginWords.recoveryHint}
            autoFocus
            value={answer}
            onChange={(event) => setAnswer(event.currentTarget.value)}
          />
        )}
        {error !== undefined && <ErrorNotice error={codeError(error)} />}
        <Button type="submit" loading={isBusy} disabled={answer === ""}>
          {loginWords.confirm}
        </Button>
        <Group justify="space-between">
          {canSwitch ? (
            <Anchor
              component="button"
              type="button"
              size="sm"
              onClick={() => {
                setKind(kind === "totp" ? "recovery" : "totp");
                setAnswer("");
              }}
            >
              {kind === "totp" ? loginWords.useRecovery : loginWords.useTotp}
            </Anchor>
          ) : (
            <span />
          )}
          <Anchor component="button" type="button" size="sm" onClick={onCancel}>
            {loginWords.startOver}
          </Anchor>
        </Group>
      </Stack>
    </form>
  );
}

function codeError(error: unknown): unknown {
  const isRefused = error instanceof ApiFailure && error.status === 401;
  return isRefused ? new Error(loginWords.wrongCode) : error;
}
