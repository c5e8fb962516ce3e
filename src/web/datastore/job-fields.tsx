import { TextInput } from "@mantine/core";
import { type ReactElement } from "react";

import { jobWords as words } from "../strings/job-words.ts";

/** What every job has, while it is edited; empty texts stand for what is not set. */
export interface JobFieldValues {
  readonly id: string;
  readonly schedule: string;
  readonly ns: string;
  readonly comment: string;
}

/** Values of a job, or of a new one. */
export function jobFieldValues(
  job:
    | {
        readonly id: string;
        readonly schedule?: string;
        readonly ns?: string;
        readonly comment?: string;
      }
    | undefined,
): JobFieldValues {
  const { id = "", schedule = "daily", ns = "", comment = "" } = job ?? {};
  return { id, schedule: job ? (job.schedule ?? "") : schedule, ns, comment };
}

/** The same as parameters of the API. */
export function jobFieldParameters({
  schedule,
  ns,
  comment,
}: JobFieldValues): Readonly<Record<string, string | undefined>> {
  return {
    schedule: schedule === "" ? undefined : schedule,
    ns: ns === "" ? undefined : ns,
    comment: comment === "" ? undefined : comment,
  };
}

/** Name, schedule, namespace and comment of a job. */
export function JobFields({
  value,
  existing,
  onChange,
}: {
  readonly value: JobFieldValues;
  /** The name of a job that exists cannot be changed. */
  readonly existing: "new" | "exists";
  readonly onChange: (value: JobFieldValues) => void;
}): ReactElement {
  return (
    <>
      {existing === "new" && (
        <TextInput
          label={words.id}
          description={words.idHint}
          required
          data-autofocus
          value={value.id}
          onChange={(event) => onChange({ ...value, id: event.currentTarget.value })}
        />
      )}
      <TextInput
        label={words.schedule}
        description={words.scheduleHint}
        value={value.schedule}
        onChange={(event) => onChange({ ...value, schedule: event.currentTarget.value })}
      />
      <TextInput
        label={words.ns}
        description={words.nsHint}
        value={value.ns}
        onChange={(event) => onChange({ ...value, ns: event.currentTarget.value })}
      />
      <TextInput
        label={words.comment}
        value={value.comment}
        onChange={(event) => onChange({ ...value, comment: event.currentTarget.value })}
      />
    </>
  );
}
