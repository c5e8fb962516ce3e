import { Button, Card, Group, Stack, Text } from "@mantine/core";
import { IconDownload, IconPlayerStop } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { useMay } from "../api/privileges.ts";
import { sessionState } from "../api/session-store.ts";
import { stopTask, type TaskStatus, taskLogUrl, taskStatusQuery } from "../api/task-api.ts";
import { hashTo } from "../frame/hash-route.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { showDialog } from "../parts/dialog-host.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { tell } from "../parts/notices.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { saveFrom } from "../parts/save-from.ts";
import { TimeAgo } from "../parts/time-ago.tsx";
import { durationText, nowSec } from "../parts/time-text.ts";
import { taskTitle, taskWords as words } from "../strings/task-words.ts";
import { TaskBadge } from "./task-badge.tsx";
import { TaskLogView } from "./task-log-view.tsx";

/** One task with its log, live while it runs. */
export function TaskPage({ upid }: { readonly upid: string }): ReactElement {
  const query = useQuery(taskStatusQuery(upid));
  return <Loaded query={query}>{(task) => <KnownTask upid={upid} task={task} />}</Loaded>;
}

function KnownTask({
  upid,
  task,
}: {
  readonly upid: string;
  readonly task: TaskStatus;
}): ReactElement {
  const title = taskTitle(task.type, task.id);
  const isRunning = task.status === "running";
  const mayStopAll = useMay("/system/tasks", "Sys.Modify");
  const session = sessionState();
  const isOwn = session.kind === "in" && task.user === session.user;
  return (
    <Stack>
      <PageHead
        title={title}
        crumbs={[{ label: words.title, to: hashTo(["tasks"]) }]}
        actions={
          <>
            <Button
              variant="default"
              leftSection={<IconDownload size={16} aria-hidden />}
              onClick={() => saveFrom(taskLogUrl(upid), `task-${task.type}.log`)}
            >
              {words.download}
            </Button>
            {isRunning && (mayStopAll || isOwn) && (
              <Button
                color="red.8"
                leftSection={<IconPlayerStop size={16} aria-hidden />}
                onClick={() =>
                  showDialog((close) => <StopDialog upid={upid} title={title} onClose={close} />)
                }
              >
                {words.stop}
              </Button>
            )}
          </>
        }
      />
      <Card withBorder>
        <Group gap="xl">
          <TaskBadge status={isRunning ? undefined : (task.exitstatus ?? "unknown")} />
          <Text size="sm">
            {words.columns.start} <TimeAgo timeSec={task.starttime} />
          </Text>
          <Text size="sm">
            {words.columns.duration} {durationText((task.endtime ?? nowSec()) - task.starttime)}
          </Text>
          <Text size="sm" className="wrap-anywhere">
            {words.columns.user} {task.user}
          </Text>
        </Group>
      </Card>
      <TaskLogView upid={upid} follow={isRunning ? "running" : "ended"} />
    </Stack>
  );
}

function StopDialog({
  upid,
  title,
  onClose,
}: {
  readonly upid: string;
  readonly title: string;
  readonly onClose: () => void;
}): ReactElement {
  return (
    <ActionDialog
      title={words.stopTitle}
      tone="destructive"
      confirmLabel={words.stop}
      onClose={onClose}
      onConfirm={async () => {
        await stopTask(upid);
        tell({ text: words.stopping });
      }}
    >
      <Text size="sm">{words.stopText(title)}</Text>
    </ActionDialog>
  );
}
