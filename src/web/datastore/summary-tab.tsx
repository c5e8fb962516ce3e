import { Button, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactElement, Suspense } from "react";

import { contentPath, useMay } from "../api/privileges.ts";
import {
  collectionQuery,
  type CollectionStatus,
  type DatastoreStatus,
  datastoreStatusQuery,
  usageQuery,
} from "../api/datastore-api.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { Loaded, Waiting } from "../parts/loaded.tsx";
import { sizeText } from "../parts/size-text.ts";
import { TimeAgo } from "../parts/time-ago.tsx";
import { VerifyDialog } from "../content/verify-dialog.tsx";
import { datastoreWords } from "../strings/datastore-words.ts";
import { frameWords } from "../strings/frame-words.ts";
import { CollectDialog } from "./collect-dialog.tsx";
import { deduplicationOf } from "./deduplication.ts";
import { FactCard } from "./fact-card.tsx";
import { fullText } from "./full-text.ts";
import { UsageBar } from "./usage-bar.tsx";

// Curves bring a library along that nothing else needs.
const DatastoreCharts = lazy(async () => ({
  default: (await import("../charts/datastore-charts.tsx")).DatastoreCharts,
}));

const words = datastoreWords;

/** What a datastore holds, how full it is, and how well it is kept. */
export function SummaryTab({ store }: { readonly store: string }): ReactElement {
  const status = useQuery(datastoreStatusQuery(store));
  return (
    <Stack>
      <Loaded query={status}>
        {(data) => (
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 4 }}>
            <SpaceCard store={store} status={data} />
            <ContentCard status={data} store={store} />
            <DeduplicationCard status={data["gc-status"]} />
            <CollectionCard store={store} />
          </SimpleGrid>
        )}
      </Loaded>
      <Suspense fallback={<Waiting />}>
        <DatastoreCharts store={store} />
      </Suspense>
    </Stack>
  );
}

function SpaceCard({
  store,
  status: { used, total, avail },
}: {
  readonly store: string;
  readonly status: DatastoreStatus;
}): ReactElement {
  const { data } = useQuery(usageQuery);
  const full = data?.find((each) => each.store === store)?.["estimated-full-date"];
  return (
    <FactCard
      name={words.usage}
      value={words.available(sizeText(avail))}
      detail={
        <>
          {words.usageOf(sizeText(used), sizeText(total))}
          <br />
          {fullText(full)}
        </>
      }
    >
      <UsageBar used={used} total={total} label={words.usage} />
    </FactCard>
  );
}

function ContentCard({
  status,
  store,
}: {
  readonly status: DatastoreStatus;
  readonly store: string;
}): ReactElement {
  const mayVerify = useMay(contentPath(store), "Datastore.Verify");
  const kinds = (["host", "vm", "ct"] as const).flatMap((kind) => {
    const count = status.counts?.[kind];
    return count ? [{ kind, ...count }] : [];
  });
  const total = kinds.reduce((sum, { snapshots }) => sum + snapshots, 0);
  return (
    <FactCard
      name={words.content}
      value={kinds.length === 0 ? words.noContent : total}
      action={
        mayVerify && (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() =>
              showDialog((close) => <VerifyDialog store={store} ns="" onClose={close} />)
            }
          >
            {words.verifyAll}
          </Button>
        )
      }
      detail={kinds.map(({ kind, groups, snapshots }) => (
        <Text key={kind} size="sm">
          {words.types[kind]}: {words.groupsAndSnapshots(groups, snapshots)}
        </Text>
      ))}
    />
  );
}

function DeduplicationCard({
  status,
}: {
  readonly status: CollectionStatus | undefined;
}): ReactElement {
  const factor = deduplicationOf(status);
  return (
    <FactCard
      name={words.deduplication}
      value={factor === undefined ? frameWords.none : words.factor(factor)}
      detail={factor === undefined ? words.deduplicationUnknown : words.deduplicationHint}
    />
  );
}

function CollectionCard({ store }: { readonly store: string }): ReactElement {
  const query = useQuery(collectionQuery(store));
  const mayCollect = useMay(contentPath(store), "Datastore.Modify");
  const job = query.data;
  const ended = job?.["last-run-endtime"];
  return (
    <FactCard
      name={words.lastCollection}
      value={ended === undefined ? frameWords.never : <TimeAgo timeSec={ended} />}
      action={
        mayCollect && (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => showDialog((close) => <CollectDialog store={store} onClose={close} />)}
          >
            {words.collectNow}
          </Button>
        )
      }
      detail={
        job && (
          <>
            {job["still-bad"] > 0 ? words.badChunks(job["still-bad"]) : words.noBadChunks}
            <br />
            {job["pending-bytes"] > 0 && words.pending(sizeText(job["pending-bytes"]))}
          </>
        )
      }
    />
  );
}
