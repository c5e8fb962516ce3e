import { type ReactElement, useState } from "react";

import { saveEntry } from "../api/config-entry-api.ts";
import { type PruneJob } from "../api/jobs-api.ts";
import { keepPeriods, type Retention } from "../api/prune-api.ts";
import { KeepFields } from "../content/keep-fields.tsx";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { frameWords } from "../strings/frame-words.ts";
import { jobWords as words } from "../strings/job-words.ts";
import { JobFields, jobFieldParameters, jobFieldValues } from "./job-fields.tsx";

/** Makes or changes a job that prunes. */
export function PruneJobDialog({
  store,
  job,
  onClose,
}: {
  readonly store: string;
  /** Absent for a new one. */
  readonly job: PruneJob | undefined;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const [fields, setFields] = useState(jobFieldValues(job));
  const [retention, setRetention] = useState<Retention>(() => retentionOf(job));
  const existing = job ? "exists" : "new";
  return (
    <ActionDialog
      title={job ? words.editTitle(job.id) : words.addPrune}
      confirmLabel={frameWords.save}
      size="lg"
      isReady={fields.id !== "" && Object.keys(retention).length > 0}
      onClose={onClose}
      onConfirm={async () => {
        const keeps = Object.fromEntries(
          keepPeriods.map((period) => [`keep-${period}`, retention[period]]),
        );
        const settings = { store, ...jobFieldParameters(fields), ...keeps };
        await saveEntry("prune", fields.id, settings, existing);
        await refresh(["jobs", store]);
      }}
    >
      <JobFields value={fields} existing={existing} onChange={setFields} />
      <KeepFields value={retention} onChange={setRetention} />
    </ActionDialog>
  );
}

function retentionOf(job: PruneJob | undefined): Retention {
  return Object.fromEntries(
    keepPeriods.flatMap((period) => {
      const count = job?.[`keep-${period}`];
      return count === undefined ? [] : [[period, count]];
    }),
  );
}
