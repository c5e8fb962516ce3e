import { Anchor, Card, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { type ReactElement } from "react";

import { type DatastoreUsage } from "../api/datastore-api.ts";
import { deduplicationOf } from "../datastore/deduplication.ts";
import { fullText } from "../datastore/full-text.ts";
import { UsageBar } from "../datastore/usage-bar.tsx";
import { hashTo } from "../frame/hash-route.ts";
import { sizeText } from "../parts/size-text.ts";
import { agoText } from "../parts/time-text.ts";
import { upidStartSec } from "../content/snapshot-state.ts";
import { dashboardWords as words } from "../strings/dashboard-words.ts";
import { datastoreWords } from "../strings/datastore-words.ts";
import { frameWords } from "../strings/frame-words.ts";
import { type GroupHealth } from "./group-health.ts";

/** Every datastore: how full, until when, how well its chunks are shared, when it was last cleaned. */
export function DatastoreTable({
  usage,
  groups,
}: {
  readonly usage: readonly DatastoreUsage[];
  readonly groups: readonly GroupHealth[];
}): ReactElement {
  if (usage.length === 0) return <Text c="dimmed">{words.noDatastores}</Text>;
  return (
    <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
      {usage.map((each) => (
        <DatastoreCard
          key={each.store}
          usage={each}
          groups={groups.filter(({ store }) => store === each.store)}
        />
      ))}
    </SimpleGrid>
  );
}

function DatastoreCard({
  usage,
  groups,
}: {
  readonly usage: DatastoreUsage;
  readonly groups: readonly GroupHealth[];
}): ReactElement {
  const { store, total = 0, used = 0, avail = 0, error } = usage;
  const collected = usage["gc-status"]?.upid ?? null;
  const factor = deduplicationOf(usage["gc-status"]);
  const snapshots = groups.reduce((sum, { count }) => sum + count, 0);
  return (
    <Card withBorder padding="md">
      <Stack gap={6}>
        <Group justify="space-between">
          <Anchor href={hashTo(["datastore", store])} fw={650}>
            {store}
          </Anchor>
          <Text size="sm" c="dimmed">
            {datastoreWords.groupsAndSnapshots(groups.length, snapshots)}
          </Text>
        </Group>
        {error !== undefined ? (
          <Text size="sm">{error}</Text>
        ) : (
          <>
            <UsageBar used={used} total={total} label={`${datastoreWords.usage} ${store}`} />
            <Text size="sm">
              {datastoreWords.usageOf(sizeText(used), sizeText(total))},{" "}
              {datastoreWords.available(sizeText(avail))}
            </Text>
            <Text size="sm" c="dimmed">
              {fullText(usage["estimated-full-date"])}
            </Text>
            <Text size="sm" c="dimmed">
              {words.columns.dedup}: {factor === undefined ? "–" : datastoreWords.factor(factor)}
              {" · "}
              {words.columns.collection}:{" "}
              {collected === null ? frameWords.never : agoText(upidStartSec(collected))}
            </Text>
          </>
        )}
      </Stack>
    </Card>
  );
}
