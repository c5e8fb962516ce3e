import { Card, Group, SimpleGrid, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { usageQuery } from "../api/datastore-api.ts";
import { overdueQuery } from "../api/overdue-api.ts";
import { runningTasksQuery, tasksQuery } from "../api/task-api.ts";
import { ErrorNotice } from "../parts/error-notice.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { nowSec } from "../parts/time-text.ts";
import { dashboardWords as words } from "../strings/dashboard-words.ts";
import { TaskTable } from "../tasks/task-table.tsx";
import { DatastoreTable } from "./datastore-table.tsx";
import { FindingCard } from "./finding-card.tsx";
import { type Finding, findings } from "./findings.ts";
import { type GroupHealth } from "./group-health.ts";
import { GroupTable } from "./group-table.tsx";
import { healthQuery } from "./health-query.ts";

const DAY_SEC = 86_400;

/** Are my backups good? What needs attention first, then every group and every datastore. */
export function DashboardPage(): ReactElement {
  const client = useQueryClient();
  const usage = useQuery(usageQuery);
  const health = useQuery(healthQuery(client));
  const watched = useQuery(overdueQuery);
  return (
    <Stack>
      <PageHead title={words.title} />
      {watched.error && <ErrorNotice error={watched.error} retry={watched.refetch} />}
      <Loaded query={usage}>
        {(stores) => (
          <Loaded query={health}>
            {(groups) => (
              <>
                <Verdict found={findings(groups, stores, watched.data ?? [])} groups={groups} />
                <Section title={words.datastores}>
                  <DatastoreTable usage={stores} groups={groups} />
                </Section>
                {groups.length > 0 && (
                  <Section title={words.groups}>
                    <GroupTable groups={groups} />
                  </Section>
                )}
              </>
            )}
          </Loaded>
        )}
      </Loaded>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <RunningNow />
        <FailedLately />
      </SimpleGrid>
    </Stack>
  );
}

function Verdict({
  found,
  groups,
}: {
  readonly found: readonly Finding[];
  readonly groups: readonly GroupHealth[];
}): ReactElement {
  const bad = found.filter(({ severity }) => severity === "bad").length;
  const text = groups.length === 0 ? words.empty : bad === 0 ? words.allGood : words.someBad(bad);
  const isGood = bad === 0;
  return (
    <Stack gap="sm">
      <Card
        withBorder
        padding="md"
        className={isGood ? "verdict verdict-good" : "verdict verdict-bad"}
      >
        <Group wrap="nowrap">
          <ThemeIcon size="xl" radius="xl" color={isGood ? "teal.8" : "red.8"} aria-hidden>
            {isGood ? <IconCheck /> : <IconAlertTriangle />}
          </ThemeIcon>
          <Text fw={600} role="status">
            {text}
          </Text>
        </Group>
      </Card>
      {found.length > 0 && (
        <SimpleGrid
          cols={{ base: 1, md: 2 }}
          spacing="sm"
          component="section"
          aria-label={words.attention}
        >
          {found.slice(0, 12).map((finding) => (
            <FindingCard key={finding.key} finding={finding} />
          ))}
        </SimpleGrid>
      )}
    </Stack>
  );
}

function RunningNow(): ReactElement {
  const running = useQuery(runningTasksQuery);
  return (
    <Section title={words.running}>
      <Loaded query={running}>
        {(tasks) => <TaskTable tasks={tasks.slice(0, 8)} empty={words.nothingRuns} />}
      </Loaded>
    </Section>
  );
}

function FailedLately(): ReactElement {
  // A whole day, so that the query stays the same while one looks.
  const since = Math.floor(nowSec() / DAY_SEC - 7) * DAY_SEC;
  const failed = useQuery(tasksQuery({ errors: true, since }, { start: 0, limit: 6 }));
  return (
    <Section title={words.recent}>
      <Loaded query={failed}>
        {({ tasks }) => <TaskTable tasks={tasks} empty={words.nothingFailed} />}
      </Loaded>
    </Section>
  );
}

function Section({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ReactElement;
}): ReactElement {
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {title}
      </Title>
      {children}
    </section>
  );
}
