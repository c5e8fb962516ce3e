import { Anchor, Text } from "@mantine/core";
import { type ReactElement } from "react";

import { type SnapshotItem } from "../api/snapshots-api.ts";
import { hashTo } from "../frame/hash-route.ts";
import { StateBadge } from "../parts/state-badge.tsx";
import { nowSec } from "../parts/time-text.ts";
import { contentWords } from "../strings/content-words.ts";
import { verifyStateOf } from "./snapshot-state.ts";

const words = contentWords.verify;

/** State of one snapshot's verification; leads to the log of the task. */
export function VerifyBadge({ snapshot }: { readonly snapshot: SnapshotItem }): ReactElement {
  const state = verifyStateOf(snapshot, nowSec());
  if (state.kind === "none") {
    return (
      <Text span size="sm" c="dimmed">
        {words.none}
      </Text>
    );
  }
  const looks = {
    ok: { tone: "good", text: words.ok },
    old: { tone: "warning", text: words.old(state.kind === "old" ? state.ageDays : 0) },
    failed: { tone: "bad", text: words.failed },
  } as const;
  const look = looks[state.kind];
  return (
    <Anchor href={hashTo(["tasks", state.upid])} underline="never">
      <StateBadge tone={look.tone}>{look.text}</StateBadge>
    </Anchor>
  );
}

/** The same for all snapshots of a group: what is worst about them. */
export function GroupVerifyBadge({
  snapshots,
}: {
  readonly snapshots: readonly SnapshotItem[];
}): ReactElement {
  const now = nowSec();
  const kinds = snapshots.map((snapshot) => verifyStateOf(snapshot, now).kind);
  const failed = kinds.filter((kind) => kind === "failed").length;
  const unverified = kinds.filter((kind) => kind === "none").length;
  if (failed > 0) {
    return <StateBadge tone="bad">{words.someFailed(failed)}</StateBadge>;
  }
  if (unverified > 0 && unverified === kinds.length) {
    return (
      <Text span size="sm" c="dimmed">
        {words.none}
      </Text>
    );
  }
  if (unverified > 0) {
    return (
      <Text span size="sm" c="dimmed">
        {words.someUnverified(unverified)}
      </Text>
    );
  }
  return <StateBadge tone="good">{words.ok}</StateBadge>;
}
