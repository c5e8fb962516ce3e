import { Anchor, Table, Text } from "@mantine/core";
import { type ReactElement } from "react";

import { type TaskItem, taskOutcome } from "../api/task-api.ts";
import { hashTo } from "../frame/hash-route.ts";
import { TimeAgo } from "../parts/time-ago.tsx";
import { durationText, nowSec } from "../parts/time-text.ts";
import { taskTitle, taskWords } from "../strings/task-words.ts";
import { TaskBadge } from "./task-badge.tsx";

const words = taskWords.columns;

/** Tasks as lines that lead to their logs. */
export function TaskTable({
  tasks,
  empty,
}: {
  readonly tasks: readonly TaskItem[];
  readonly empty: string;
}): ReactElement {
  if (tasks.length === 0) return <Text c="dimmed">{empty}</Text>;
  return (
    <Table.ScrollContainer minWidth={320} type="native">
      <Table withTableBorder highlightOnHover className="plain-table">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{words.what}</Table.Th>
            <Table.Th>{words.result}</Table.Th>
            <Table.Th>{words.start}</Table.Th>
            <Table.Th visibleFrom="sm">{words.duration}</Table.Th>
            <Table.Th visibleFrom="sm">{words.user}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {tasks.map((task) => (
            <Table.Tr key={task.upid}>
              <Table.Td className="wrap-anywhere">
                <Anchor href={hashTo(["tasks", task.upid])} size="sm" fw={500}>
                  {taskTitle(task.worker_type, task.worker_id)}
                </Anchor>
                {taskOutcome(task.status) === "error" && (
                  <Text size="xs" c="dimmed" lineClamp={2}>
                    {task.status}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>
                <TaskBadge status={task.status} />
              </Table.Td>
              <Table.Td>
                <TimeAgo timeSec={task.starttime} />
              </Table.Td>
              <Table.Td visibleFrom="sm" className="no-wrap">
                {durationText((task.endtime ?? nowSec()) - task.starttime)}
              </Table.Td>
              <Table.Td visibleFrom="sm" className="wrap-anywhere">
                {task.user}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
