import { Center, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { type LeaveReason } from "../api/session-store.ts";
import { frameWords } from "../strings/frame-words.ts";
import { loginWords } from "../strings/login-words.ts";
import { AmberMark } from "../parts/amber-mark.tsx";
import { PasswordForm } from "./password-form.tsx";
import { SecondFactorForm } from "./second-factor-form.tsx";

/** A login whose password was right and whose second proof is missing. */
interface HalfLogin {
  readonly user: string;
  readonly challenge: string;
  readonly kinds: readonly string[];
}

/** Asks who is there. */
export function LoginPage({ reason }: { readonly reason: LeaveReason | undefined }): ReactElement {
  const [half, setHalf] = useState<HalfLogin>();
  return (
    <Center component="main" mih="100dvh" p="md" className="login">
      <Paper withBorder shadow="md" p="xl" w="100%" maw={400} radius="lg">
        <Stack>
          <Group gap="sm" wrap="nowrap">
            <AmberMark size={44} />
            <div>
              <Title order={1} size="h3">
                {half ? loginWords.secondTitle : loginWords.title}
              </Title>
              <Text size="sm" c="dimmed">
                {frameWords.tagline}
              </Text>
            </div>
          </Group>
          {reason !== undefined && !half && (
            <Text size="sm" role="status">
              {loginWords.left[reason]}
            </Text>
          )}
          {half ? (
            <SecondFactorForm {...half} onCancel={() => setHalf(undefined)} />
          ) : (
            <PasswordForm onSecondFactor={setHalf} />
          )}
        </Stack>
      </Paper>
    </Center>
  );
}
