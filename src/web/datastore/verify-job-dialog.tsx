import { type ReactElement, useState } from "react";

import { saveEntry } from "../api/config-entry-api.ts";
import { type VerifyJob } from "../api/jobs-api.ts";
import { RecentFields, type RecentFieldValues } from "../content/recent-fields.tsx";
import { VERIFY_DAYS } from "../content/snapshot-state.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { frameWords } from "../strings/frame-words.ts";
import { jobWords as words } from "../strings/job-words.ts";
import { JobFields, jobFieldParameters, jobFieldValues } from "./job-fields.tsx";

/** Makes or changes a job that verifies. */
export function VerifyJobDialog({
  store,
  job,
  onClose,
}: {
  readonly store: string;
  /** Absent for a new one. */
  readonly job: VerifyJob | undefined;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const [fields, setFields] = useState(jobFieldValues(job));
  const [recent, setRecent] = useState<RecentFieldValues>({
    isSkipping: job?.["ignore-verified"] ?? true,
    days: job ? (job["outdated-after"] ?? "") : VERIFY_DAYS,
  });
  const existing = job ? "exists" : "new";
  return (
    <ActionDialog
      title={job ? words.editTitle(job.id) : words.addVerify}
      confirmLabel={frameWords.save}
      size="lg"
      isReady={fields.id !== ""}
      onClose={onClose}
      onConfirm={async () => {
        const { isSkipping, days } = recent;
        const settings = {
          store,
          ...jobFieldParameters(fields),
          "ignore-verified": isSkipping,
          "outdated-after": isSkipping && typeof days === "number" ? days : undefined,
        };
        await saveEntry("verify", fields.id, settings, existing);
        await refresh(["jobs", store]);
      }}
    >
      <JobFields value={fields} existing={existing} onChange={setFields} />
      <RecentFields value={recent} onChange={setRecent} />
    </ActionDialog>
  );
}
