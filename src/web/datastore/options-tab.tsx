import { Select, Switch, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import {
  type DatastoreConfig,
  datastoreConfigQuery,
  saveDatastoreConfig,
} from "../api/datastore-config-api.ts";
import { contentPath, useMay } from "../api/privileges.ts";
import { Loaded } from "../parts/loaded.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { SettingsForm } from "../parts/settings-form.tsx";
import { optionsWords as words } from "../strings/options-words.ts";

/** Settings of a datastore. */
export function OptionsTab({ store }: { readonly store: string }): ReactElement {
  const query = useQuery(datastoreConfigQuery(store));
  return (
    <Loaded query={query}>
      {(config) => <OptionsForm key={store} store={store} config={config} />}
    </Loaded>
  );
}

function OptionsForm({
  store,
  config,
}: {
  readonly store: string;
  readonly config: DatastoreConfig;
}): ReactElement {
  const refresh = useRefresh();
  const mayChange = useMay(contentPath(store), "Datastore.Modify", "Datastore.Allocate");
  const [comment, setComment] = useState(config.comment ?? "");
  const [schedule, setSchedule] = useState(config["gc-schedule"] ?? "");
  const [isVerifying, setVerifying] = useState(config["verify-new"] ?? false);
  const [mode, setMode] = useState(maintenanceOf(config));

  async function save(): Promise<void> {
    await saveDatastoreConfig(store, {
      comment: comment === "" ? undefined : comment,
      "gc-schedule": schedule === "" ? undefined : schedule,
      "verify-new": isVerifying ? true : undefined,
      "maintenance-mode": mode === "none" ? undefined : mode,
    });
    await refresh(["datastores"]);
  }

  return (
    <SettingsForm width={560} mayChange={mayChange} savedText={words.saved} onSave={save}>
      <div>
        <Text size="sm" fw={500}>
          {words.path}
        </Text>
        <Text size="sm" className="mono wrap-anywhere">
          {config.path}
        </Text>
      </div>
      <TextInput
        label={words.comment}
        disabled={!mayChange}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <TextInput
        label={words.gcSchedule}
        description={words.gcScheduleHint}
        disabled={!mayChange}
        value={schedule}
        onChange={(event) => setSchedule(event.currentTarget.value)}
      />
      <Switch
        label={words.verifyNew}
        disabled={!mayChange}
        checked={isVerifying}
        onChange={(event) => setVerifying(event.currentTarget.checked)}
      />
      <Select
        label={words.maintenance}
        allowDeselect={false}
        disabled={!mayChange}
        value={mode}
        onChange={(value) => setMode(value ?? "none")}
        data={Object.entries(words.maintenanceModes).map(([value, label]) => ({ value, label }))}
      />
    </SettingsForm>
  );
}

/** The kind alone; a message that goes with it is kept only while the mode is not changed here. */
function maintenanceOf(config: DatastoreConfig): string {
  const text = config["maintenance-mode"] ?? "none";
  return /^(?:type=)?([a-z-]+)$/.exec(text)?.[1] ?? text;
}
