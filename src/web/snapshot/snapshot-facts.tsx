import { Card, Group, Stack, Text } from "@mantine/core";
import { type ReactElement, type ReactNode } from "react";

import { type SnapshotItem } from "../api/snapshots-api.ts";
import { cryptModeOf } from "../content/snapshot-state.ts";
import { VerifyBadge } from "../content/verify-badge.tsx";
import { sizeText } from "../parts/size-text.ts";
import { contentWords } from "../strings/content-words.ts";
import { snapshotWords as words } from "../strings/snapshot-words.ts";

/** What is known about a snapshot, in one line where there is room. */
export function SnapshotFacts({ snapshot }: { readonly snapshot: SnapshotItem }): ReactElement {
  const { size, owner, comment, fingerprint } = snapshot;
  return (
    <Card withBorder padding="md">
      <Group gap="xl" component="section" aria-label={words.factsLabel}>
        {size !== undefined && <Fact name={words.size}>{sizeText(size)}</Fact>}
        <Fact name={words.verified}>
          <VerifyBadge snapshot={snapshot} />
        </Fact>
        <Fact name={words.encryption}>{encryptionText(snapshot, fingerprint)}</Fact>
        <Fact name={words.owner}>{owner}</Fact>
        {comment !== undefined && <Fact name={words.notes}>{comment}</Fact>}
      </Group>
    </Card>
  );
}

function Fact({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <Stack gap={0}>
      <Text size="xs" c="dimmed">
        {name}
      </Text>
      <Text size="sm" component="div" className="wrap-anywhere">
        {children}
      </Text>
    </Stack>
  );
}

function encryptionText(snapshot: SnapshotItem, fingerprint: string | undefined): string {
  const mode = cryptModeOf(snapshot.files);
  if (mode === "none") return words.encryptionNone;
  if (mode === "sign-only") return words.encryptionSigned;
  return fingerprint === undefined
    ? contentWords.encrypted
    : contentWords.encryptedWith(fingerprint.slice(0, 23));
}
