import { Autocomplete, Checkbox, NumberInput, Select, SimpleGrid } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import { setLines, setNumber, setText } from "../api/changed-settings.ts";
import { saveEntry } from "../api/config-entry-api.ts";
import { datastoresQuery } from "../api/datastore-api.ts";
import { type SyncJob } from "../api/jobs-api.ts";
import { remoteNamespacesQuery, remotesQuery, remoteStoresQuery } from "../api/remotes-api.ts";
import { ownUser } from "../api/session-store.ts";
import { authIdsOf, usersQuery } from "../api/users-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { errorText } from "../parts/error-notice.tsx";
import { LinesField } from "../parts/lines-field.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { TextField } from "../parts/text-field.tsx";
import { frameWords } from "../strings/frame-words.ts";
import { jobWords } from "../strings/job-words.ts";
import { syncWords as words } from "../strings/sync-words.ts";
import { JobFields, jobFieldParameters, jobFieldValues } from "./job-fields.tsx";

/** Settings of a sync job beside those that every job has, as its fields hold them. */
interface SyncValues {
  /** Empty for this server. */
  readonly remote: string;
  readonly remoteStore: string;
  readonly remoteNs: string;
  readonly owner: string;
  readonly removesVanished: boolean;
  readonly depthMax: number | string;
  readonly transferLast: number | string;
  readonly filters: string;
  readonly rateIn: string;
}

/** Makes or changes a job that pulls from another datastore. */
export function SyncJobDialog({
  store,
  job,
  onClose,
}: {
  readonly store: string;
  /** Absent for a new one. */
  readonly job: SyncJob | undefined;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const [fields, setFields] = useState(jobFieldValues(job));
  const [values, setValues] = useState(() => syncValues(job));
  const existing = job ? "exists" : "new";
  return (
    <ActionDialog
      title={job ? jobWords.editTitle(job.id) : words.add}
      confirmLabel={frameWords.save}
      size="xl"
      isReady={fields.id !== "" && values.remoteStore !== ""}
      onClose={onClose}
      onConfirm={async () => {
        const settings = { store, ...jobFieldParameters(fields), ...syncParameters(values) };
        await saveEntry("sync", fields.id, settings, existing);
        await refresh(["jobs", store]);
      }}
    >
      <JobFields value={fields} existing={existing} onChange={setFields} />
      <SourceFields store={store} value={values} onChange={setValues} />
      <LimitFields value={values} onChange={setValues} />
    </ActionDialog>
  );
}

interface FieldsProps {
  readonly value: SyncValues;
  readonly onChange: (value: SyncValues) => void;
}

/** Where the snapshots come from. */
function SourceFields({
  store,
  value,
  onChange,
}: FieldsProps & { readonly store: string }): ReactElement {
  const { remote, remoteStore, remoteNs } = value;
  const remotes = useQuery(remotesQuery);
  const local = useQuery(datastoresQuery);
  const there = useQuery({ ...remoteStoresQuery(remote), enabled: remote !== "" });
  const namespaces = useQuery({
    ...remoteNamespacesQuery(remote, remoteStore),
    enabled: remote !== "" && (there.data ?? []).includes(remoteStore),
  });
  const here = (local.data ?? []).map((each) => each.store).filter((name) => name !== store);
  return (
    <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
      <Select
        label={words.remote}
        allowDeselect={false}
        value={remote}
        onChange={(name) => onChange({ ...value, remote: name ?? "", remoteStore: "" })}
        data={[
          { value: "", label: words.thisServer },
          ...(remotes.data ?? []).map(({ name, host }) => ({
            value: name,
            label: `${name} (${host})`,
          })),
        ]}
      />
      <Autocomplete
        label={words.remoteStore}
        required
        value={remoteStore}
        onChange={(name) => onChange({ ...value, remoteStore: name })}
        data={remote === "" ? here : [...(there.data ?? [])]}
        error={there.error && remote !== "" ? words.unreachable(errorText(there.error)) : undefined}
      />
      <Autocomplete
        label={words.remoteNs}
        placeholder={words.wholeDatastore}
        value={remoteNs}
        onChange={(ns) => onChange({ ...value, remoteNs: ns })}
        data={[...(namespaces.data ?? [])]}
      />
    </SimpleGrid>
  );
}

/** Which snapshots, how fast, for whom. */
function LimitFields({ value, onChange }: FieldsProps): ReactElement {
  const users = useQuery(usersQuery);
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <Autocomplete
          label={words.owner}
          description={words.ownerHint}
          value={value.owner}
          onChange={(owner) => onChange({ ...value, owner })}
          data={[...authIdsOf(users.data ?? [])]}
        />
        <TextField
          label={words.rateIn}
          description={words.rateHint}
          value={value.rateIn}
          onText={(rateIn) => onChange({ ...value, rateIn })}
        />
        <NumberInput
          label={words.transferLast}
          description={words.transferLastHint}
          min={1}
          allowDecimal={false}
          value={value.transferLast}
          onChange={(transferLast) => onChange({ ...value, transferLast })}
        />
        <NumberInput
          label={words.depthMax}
          description={words.depthMaxHint}
          min={0}
          max={7}
          allowDecimal={false}
          value={value.depthMax}
          onChange={(depthMax) => onChange({ ...value, depthMax })}
        />
      </SimpleGrid>
      <LinesField
        label={words.filters}
        description={words.filtersHint}
        value={value.filters}
        onText={(filters) => onChange({ ...value, filters })}
      />
      <Checkbox
        label={words.removeVanished}
        checked={value.removesVanished}
        onChange={(event) => onChange({ ...value, removesVanished: event.currentTarget.checked })}
      />
    </>
  );
}

function syncValues(job: SyncJob | undefined): SyncValues {
  return {
    remote: job?.remote ?? "",
    remoteStore: job?.["remote-store"] ?? "",
    remoteNs: job?.["remote-ns"] ?? "",
    owner: job ? (job.owner ?? "") : ownUser(),
    removesVanished: job?.["remove-vanished"] ?? false,
    depthMax: job?.["max-depth"] ?? "",
    transferLast: job?.["transfer-last"] ?? "",
    filters: job?.["group-filter"]?.join("\n") ?? "",
    rateIn: job?.["rate-in"] ?? "",
  };
}

function syncParameters(values: SyncValues): Readonly<Record<string, SyncParameter>> {
  return {
    remote: setText(values.remote),
    "remote-store": values.remoteStore,
    "remote-ns": setText(values.remoteNs),
    owner: setText(values.owner),
    "remove-vanished": values.removesVanished ? true : undefined,
    "max-depth": setNumber(values.depthMax),
    "transfer-last": setNumber(values.transferLast),
    "group-filter": setLines(values.filters),
    "rate-in": setText(values.rateIn),
  };
}

type SyncParameter = string | number | boolean | readonly string[] | undefined;
