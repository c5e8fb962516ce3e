import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, type ReactNode } from "react";

import { type PruneJob, pruneJobsQuery, type VerifyJob, verifyJobsQuery } from "../api/jobs-api.ts";
import { contentPath, useMay } from "../api/privileges.ts";
import { keepPeriods } from "../api/prune-api.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { jobWords as words } from "../strings/job-words.ts";
import { JobTable } from "./job-table.tsx";
import { PruneJobDialog } from "./prune-job-dialog.tsx";
import { VerifyJobDialog } from "./verify-job-dialog.tsx";

/** What runs for a datastore by a schedule. */
export function JobsTab({ store }: { readonly store: string }): ReactElement {
  const prune = useQuery(pruneJobsQuery(store));
  const verify = useQuery(verifyJobsQuery(store));
  const mayPrune = useMay(contentPath(store), "Datastore.Modify", "Datastore.Prune");
  const mayVerify = useMay(contentPath(store), "Datastore.Modify", "Datastore.Verify");
  const editPrune = (job: PruneJob | undefined): void =>
    showDialog((close) => <PruneJobDialog store={store} job={job} onClose={close} />);
  const editVerify = (job: VerifyJob | undefined): void =>
    showDialog((close) => <VerifyJobDialog store={store} job={job} onClose={close} />);
  return (
    <Stack gap="xl">
      <Section
        title={words.prune}
        hint={words.pruneHint}
        action={mayPrune && <Button onClick={() => editPrune(undefined)}>{words.addPrune}</Button>}
      >
        <Loaded query={prune}>
          {(jobs) => (
            <JobTable
              kind="prune"
              store={store}
              jobs={jobs.map((job) => ({ ...job, what: pruneText(job) }))}
              onEdit={mayPrune ? editPrune : undefined}
            />
          )}
        </Loaded>
      </Section>
      <Section
        title={words.verify}
        hint={words.verifyHint}
        action={
          mayVerify && <Button onClick={() => editVerify(undefined)}>{words.addVerify}</Button>
        }
      >
        <Loaded query={verify}>
          {(jobs) => (
            <JobTable
              kind="verify"
              store={store}
              jobs={jobs.map((job) => ({ ...job, what: verifyText(job) }))}
              onEdit={mayVerify ? editVerify : undefined}
            />
          )}
        </Loaded>
      </Section>
    </Stack>
  );
}

function Section({
  title,
  hint,
  action,
  children,
}: {
  readonly title: string;
  readonly hint: string;
  readonly action: ReactNode;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <section>
      <Group justify="space-between" mb="sm">
        <div>
          <Title order={2} size="h4">
            {title}
          </Title>
          <Text size="sm" c="dimmed">
            {hint}
          </Text>
        </div>
        {action}
      </Group>
      {children}
    </section>
  );
}

function pruneText(job: PruneJob): string {
  const kept = keepPeriods.flatMap((period) => {
    const count = job[`keep-${period}`];
    return count === undefined ? [] : [`${count} ${period}`];
  });
  return withNamespace(kept.length === 0 ? words.keepsAll : words.keeps(kept.join(", ")), job.ns);
}

function verifyText(job: VerifyJob): string {
  const days = job["outdated-after"];
  const isSkipping = job["ignore-verified"] ?? true;
  if (!isSkipping) return withNamespace(words.verifyAll, job.ns);
  return withNamespace(days === undefined ? words.verifyNever : words.verifyNew(days), job.ns);
}

function withNamespace(text: string, ns: string | undefined): string {
  return ns === undefined || ns === "" ? text : `${text}, ${words.inNamespace(ns)}`;
}
