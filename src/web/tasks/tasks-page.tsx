import { Badge, Button, Group, SegmentedControl, Select, Stack, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import { datastoresQuery } from "../api/datastore-api.ts";
import { type TaskFilter, tasksQuery } from "../api/task-api.ts";
import { goTo, hashTo } from "../frame/hash-route.ts";
import { Loaded } from "../parts/loaded.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { taskTypeName, taskWords as words } from "../strings/task-words.ts";
import { TaskTable } from "./task-table.tsx";

const PAGE_TASKS = 50;

const typeChoices = [
  "backup",
  "reader",
  "verify",
  "verificationjob",
  "prune",
  "prunejob",
  "garbage_collection",
  "syncjob",
];

/** What ran, at first only what needs attention; the filter stands in the address. */
export function TasksPage({
  query,
}: {
  readonly query: Readonly<Record<string, string>>;
}): ReactElement {
  const [user, setUser] = useState(query["user"] ?? "");
  const [userfilter] = useDebouncedValue(user, 250);
  const { data: datastores } = useQuery(datastoresQuery);
  const isAttention = query["show"] !== "all";
  const start = Number(query["start"] ?? "0");
  const filter: TaskFilter = {
    ...(isAttention ? { errors: true } : {}),
    ...(query["type"] === undefined ? {} : { typefilter: query["type"] }),
    ...(query["store"] === undefined ? {} : { store: query["store"] }),
    ...(userfilter === "" ? {} : { userfilter }),
  };
  const tasks = useQuery({
    ...tasksQuery(filter, { start, limit: PAGE_TASKS }),
    placeholderData: keepPreviousData,
  });
  function change(changes: Readonly<Record<string, string | undefined>>): void {
    goTo(hashTo(["tasks"], { ...query, start: undefined, ...changes }), "replace");
  }
  return (
    <>
      <PageHead title={words.title} />
      <Stack>
        <Group align="flex-end" gap="sm">
          <SegmentedControl
            aria-label={words.title}
            value={isAttention ? "attention" : "all"}
            onChange={(show) => change({ show })}
            data={[
              { value: "attention", label: words.needsAttention },
              { value: "all", label: words.all },
            ]}
          />
          <Select
            aria-label={words.type}
            placeholder={words.anyType}
            clearable
            value={query["type"] ?? null}
            onChange={(type) => change({ type: type ?? undefined })}
            data={typeChoices.map((value) => ({ value, label: taskTypeName(value) }))}
          />
          <Select
            aria-label={words.store}
            placeholder={words.anyStore}
            clearable
            value={query["store"] ?? null}
            onChange={(store) => change({ store: store ?? undefined })}
            data={(datastores ?? []).map(({ store }) => store)}
          />
          <TextInput
            aria-label={words.user}
            placeholder={words.user}
            value={user}
            onChange={(event) => setUser(event.currentTarget.value)}
          />
        </Group>
        <Loaded query={tasks}>
          {({ tasks: list, total }) => (
            <>
              <TaskTable tasks={list} empty={isAttention ? words.emptyAttention : words.empty} />
              {total > PAGE_TASKS && (
                <Group justify="flex-end">
                  <Badge variant="default" tt="none">
                    {words.page(start + 1, start + list.length, total)}
                  </Badge>
                  <Button
                    variant="default"
                    disabled={start === 0}
                    onClick={() => change({ start: String(Math.max(0, start - PAGE_TASKS)) })}
                  >
                    {words.newer}
                  </Button>
                  <Button
                    variant="default"
                    disabled={start + PAGE_TASKS >= total}
                    onClick={() => change({ start: String(start + PAGE_TASKS) })}
                  >
                    {words.older}
                  </Button>
                </Group>
              )}
            </>
          )}
        </Loaded>
      </Stack>
    </>
  );
}
