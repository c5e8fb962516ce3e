import { ActionIcon, Anchor, Table } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { type ReactElement } from "react";

import { type JobKind, runJob } from "../api/jobs-api.ts";
import { hashTo } from "../frame/hash-route.ts";
import { EntryActions } from "../parts/entry-actions.tsx";
import { type EntryColumn, EntryTable, NameCell } from "../parts/entry-table.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { tellTask } from "../parts/tell-task.ts";
import { TimeAgo } from "../parts/time-ago.tsx";
import { useAttempt } from "../parts/use-attempt.ts";
import { TaskBadge } from "../tasks/task-badge.tsx";
import { jobWords as words } from "../strings/job-words.ts";

/** What a job shows of itself. */
interface ShownJob {
  readonly id: string;
  readonly what: string;
  readonly schedule?: string;
  readonly disable?: boolean;
  readonly comment?: string;
  readonly "next-run"?: number;
  readonly "last-run-upid"?: string;
  readonly "last-run-state"?: string;
}

/** Jobs of one kind: what, when, how it went, and what can be done with them. */
export function JobTable<Job extends ShownJob>({
  kind,
  store,
  jobs,
  onEdit,
}: {
  readonly kind: JobKind;
  readonly store: string;
  readonly jobs: readonly Job[];
  /** Absent for those who may not change jobs. */
  readonly onEdit: ((job: Job) => void) | undefined;
}): ReactElement {
  const columns: readonly EntryColumn[] = [
    { title: words.columns.id },
    { title: words.columns.what, visibleFrom: "sm" },
    { title: words.columns.schedule },
    { title: words.columns.last },
    { title: words.columns.next, visibleFrom: "sm" },
  ];
  return (
    <EntryTable columns={columns} minWidth={340}>
      {jobs.map((job) => (
        <Table.Tr key={job.id}>
          <NameCell name={job.id} comment={job.comment} />
          <Table.Td visibleFrom="sm">{job.what}</Table.Td>
          <Table.Td>
            {job.disable === true ? words.disabled : (job.schedule ?? words.noSchedule)}
          </Table.Td>
          <Table.Td>
            <LastRun job={job} />
          </Table.Td>
          <Table.Td visibleFrom="sm">
            {job["next-run"] !== undefined && <TimeAgo timeSec={job["next-run"]} />}
          </Table.Td>
          <Table.Td>
            <JobActions kind={kind} store={store} job={job} onEdit={onEdit} />
          </Table.Td>
        </Table.Tr>
      ))}
    </EntryTable>
  );
}

function LastRun({ job }: { readonly job: ShownJob }): ReactElement | undefined {
  const upid = job["last-run-upid"];
  if (upid === undefined) return undefined;
  return (
    <Anchor href={hashTo(["tasks", upid])} underline="never">
      <TaskBadge status={job["last-run-state"]} />
    </Anchor>
  );
}

function JobActions<Job extends ShownJob>({
  kind,
  store,
  job,
  onEdit,
}: {
  readonly kind: JobKind;
  readonly store: string;
  readonly job: Job;
  readonly onEdit: ((job: Job) => void) | undefined;
}): ReactElement | undefined {
  const attempt = useAttempt();
  const refresh = useRefresh();
  if (!onEdit) return undefined;
  async function run(): Promise<void> {
    tellTask(words.started(job.id), await runJob(kind, job.id));
    await refresh(["jobs", store], ["tasks"]);
  }
  return (
    <EntryActions
      kind={kind}
      id={job.id}
      queryKey={["jobs", store]}
      removal={words.removal(job.id)}
      onEdit={() => onEdit(job)}
    >
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={words.runLabel(job.id)}
        onClick={() => attempt(run)}
      >
        <IconPlayerPlay size={18} aria-hidden />
      </ActionIcon>
    </EntryActions>
  );
}
