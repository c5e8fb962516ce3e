import { Button, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import {
  type PruneJob,
  pruneJobsQuery,
  type SyncJob,
  syncJobsQuery,
  type VerifyJob,
  verifyJobsQuery,
} from "../api/jobs-api.ts";
import { contentPath, useMay } from "../api/privileges.ts";
import { keepPeriods } from "../api/prune-api.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Section } from "../parts/section.tsx";
import { jobWords as words } from "../strings/job-words.ts";
import { syncWords } from "../strings/sync-words.ts";
import { JobTable } from "./job-table.tsx";
import { PruneJobDialog } from "./prune-job-dialog.tsx";
import { SyncJobDialog } from "./sync-job-dialog.tsx";
import { VerifyJobDialog } from "./verify-job-dialog.tsx";

/** What runs for a datastore by a schedule. */
export function JobsTab({ store }: { readonly store: string }): ReactElement {
  const prune = useQuery(pruneJobsQuery(store));
  const verify = useQuery(verifyJobsQuery(store));
  const sync = useQuery(syncJobsQuery(store));
  const mayPrune = useMay(contentPath(store), "Datastore.Modify", "Datastore.Prune");
  const mayVerify = useMay(contentPath(store), "Datastore.Modify", "Datastore.Verify");
  const maySync = useMay(contentPath(store), "Datastore.Backup");
  const editPrune = (job: PruneJob | undefined): void =>
    showDialog((close) => <PruneJobDialog store={store} job={job} onClose={close} />);
  const editVerify = (job: VerifyJob | undefined): void =>
    showDialog((close) => <VerifyJobDialog store={store} job={job} onClose={close} />);
  const editPull = (job: SyncJob | undefined): void =>
    showDialog((close) => <SyncJobDialog store={store} job={job} onClose={close} />);
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
      <Section
        title={syncWords.title}
        hint={syncWords.hint}
        action={maySync && <Button onClick={() => editPull(undefined)}>{syncWords.add}</Button>}
      >
        <Loaded query={sync}>
          {(jobs) => (
            <JobTable
              kind="sync"
              store={store}
              jobs={jobs.map((job) => ({ ...job, what: syncText(job) }))}
              onEdit={maySync ? editPull : undefined}
            />
          )}
        </Loaded>
      </Section>
    </Stack>
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

function syncText(job: SyncJob): string {
  const { remote, "remote-store": store, "remote-ns": ns = "" } = job;
  const place = [remote ?? syncWords.thisServer, store, ns].filter((part) => part !== "");
  const last = job["transfer-last"];
  const from = syncWords.from(place.join("/"));
  return withNamespace(last === undefined ? from : `${from}, ${syncWords.onlyLast(last)}`, job.ns);
}

function withNamespace(text: string, ns: string | undefined): string {
  return ns === undefined || ns === "" ? text : `${text}, ${words.inNamespace(ns)}`;
}
