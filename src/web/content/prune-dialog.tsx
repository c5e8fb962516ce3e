import { Group, ScrollArea, Table, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import {
  type PrunedSnapshot,
  pruneGroup,
  prunePreviewQuery,
  type Retention,
} from "../api/prune-api.ts";
import { groupName, type GroupPlace } from "../api/snapshot-place.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { tell } from "../parts/notices.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { StateBadge } from "../parts/state-badge.tsx";
import { timeText } from "../parts/time-text.ts";
import { pruneWords } from "../strings/prune-words.ts";
import { KeepFields } from "./keep-fields.tsx";

/** Thins out a group; shows for every snapshot what would happen to it and why, while rules are typed. */
export function PruneDialog({
  place,
  onClose,
}: {
  readonly place: GroupPlace;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const [retention, setRetention] = useState<Retention>({});
  const [settled] = useDebouncedValue(retention, 200);
  const plan = useQuery({
    ...prunePreviewQuery(place, settled),
    placeholderData: keepPreviousData,
  });
  const removed = plan.data?.filter(({ keep }) => !keep).length ?? 0;
  const isCurrent = settled === retention && !plan.isPlaceholderData;
  return (
    <ActionDialog
      title={pruneWords.title(groupName(place))}
      tone="destructive"
      size="xl"
      confirmLabel={removed === 0 ? pruneWords.nothingToDo : pruneWords.confirm(removed)}
      isReady={removed > 0 && isCurrent}
      onClose={onClose}
      onConfirm={async () => {
        await pruneGroup(place, retention);
        tell({ text: pruneWords.done(groupName(place), removed) });
        await refresh(["content", place.store], ["tasks"]);
      }}
    >
      <Text size="sm" fw={500}>
        {pruneWords.intro}
      </Text>
      <KeepFields value={retention} onChange={setRetention} />
      <Loaded query={plan}>{(snapshots) => <Plan snapshots={snapshots} />}</Loaded>
      <Text size="xs" c="dimmed">
        {pruneWords.spaceHint}
      </Text>
    </ActionDialog>
  );
}

function Plan({ snapshots }: { readonly snapshots: readonly PrunedSnapshot[] }): ReactElement {
  const removed = snapshots.filter(({ keep }) => !keep).length;
  const newestFirst = [...snapshots].sort((a, b) => b["backup-time"] - a["backup-time"]);
  return (
    <>
      <Group justify="space-between">
        <Text size="sm" aria-live="polite">
          {pruneWords.summary(snapshots.length - removed, removed)}
        </Text>
      </Group>
      <ScrollArea.Autosize mah={320} type="auto" viewportProps={{ tabIndex: 0 }}>
        <Table stickyHeader verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{pruneWords.columns.time}</Table.Th>
              <Table.Th>{pruneWords.columns.mark}</Table.Th>
              <Table.Th>{pruneWords.columns.reason}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {newestFirst.map((snapshot) => (
              <Table.Tr key={snapshot["backup-time"]}>
                <Table.Td>{timeText(snapshot["backup-time"])}</Table.Td>
                <Table.Td>
                  <StateBadge tone={snapshot.keep ? "good" : "bad"}>
                    {snapshot.keep ? pruneWords.keep : pruneWords.remove}
                  </StateBadge>
                </Table.Td>
                <Table.Td>{snapshot.reason}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollArea.Autosize>
    </>
  );
}
