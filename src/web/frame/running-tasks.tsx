import { Button, Indicator, Menu, Text } from "@mantine/core";
import { IconActivity } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { runningTasksQuery } from "../api/task-api.ts";
import { agoText } from "../parts/time-text.ts";
import { frameWords } from "../strings/frame-words.ts";
import { taskTitle } from "../strings/task-words.ts";
import { hashTo } from "./hash-route.ts";

/** What runs now, from every page, with the way to its log. */
export function RunningTasks(): ReactElement {
  const { data: tasks = [] } = useQuery(runningTasksQuery);
  const text =
    tasks.length === 0 ? frameWords.noRunningTasks : frameWords.runningTasks(tasks.length);
  return (
    <Menu position="bottom-end" width={320} shadow="md">
      <Indicator
        label={tasks.length}
        size={17}
        offset={4}
        disabled={tasks.length === 0}
        color="teal.9"
        processing
      >
        <Menu.Target>
          <Button variant="default" size="sm" px={9} aria-label={text}>
            <IconActivity size={18} aria-hidden />
          </Button>
        </Menu.Target>
      </Indicator>
      <Menu.Dropdown>
        <Menu.Label>{text}</Menu.Label>
        {tasks.slice(0, 8).map((task) => (
          <Menu.Item key={task.upid} component="a" href={hashTo(["tasks", task.upid])}>
            <Text size="sm" truncate>
              {taskTitle(task.worker_type, task.worker_id)}
            </Text>
            <Text size="xs" c="dimmed">
              {agoText(task.starttime)}
            </Text>
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item component="a" href={hashTo(["tasks"])}>
          {frameWords.allTasks}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
