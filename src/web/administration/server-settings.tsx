import { NumberInput, SimpleGrid } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import { setNumber, setText } from "../api/changed-settings.ts";
import { useMay } from "../api/privileges.ts";
import {
  saveServerConfig,
  type ServerConfig,
  serverConfigQuery,
  serverTimeQuery,
  setServerZone,
} from "../api/server-api.ts";
import { LinesField } from "../parts/lines-field.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { SettingsForm } from "../parts/settings-form.tsx";
import { Section } from "../parts/section.tsx";
import { TextField } from "../parts/text-field.tsx";
import { serverWords as words } from "../strings/server-words.ts";

/** Settings of the server as a whole. */
export function ServerSettings(): ReactElement {
  const config = useQuery(serverConfigQuery);
  const time = useQuery(serverTimeQuery);
  return (
    <Section title={words.settings} hint={words.settingsHint}>
      <Loaded query={config}>
        {(settings) => (
          <Loaded query={time}>
            {({ timezone }) => <ServerFields config={settings} timezone={timezone} />}
          </Loaded>
        )}
      </Loaded>
    </Section>
  );
}

function ServerFields({
  config,
  timezone,
}: {
  readonly config: ServerConfig;
  readonly timezone: string;
}): ReactElement {
  const refresh = useRefresh();
  const mayChange = useMay("/system", "Sys.Modify");
  const [description, setDescription] = useState(config.description ?? "");
  const [emailFrom, setEmailFrom] = useState(config["email-from"] ?? "");
  const [days, setDays] = useState<number | string>(config["task-log-max-days"] ?? "");
  const [zone, setZone] = useState(timezone);

  async function save(): Promise<void> {
    if (zone.trim() !== timezone) await setServerZone(zone.trim());
    await saveServerConfig({
      description: setText(description),
      "email-from": setText(emailFrom),
      "task-log-max-days": setNumber(days),
    });
    await refresh(["server"]);
  }

  return (
    <SettingsForm width={720} mayChange={mayChange} savedText={words.saved} onSave={save}>
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <TextField
          label={words.zone}
          description={words.zoneHint}
          disabled={!mayChange}
          value={zone}
          onText={setZone}
        />
        <NumberInput
          label={words.taskDays}
          description={words.taskDaysHint}
          min={0}
          allowDecimal={false}
          disabled={!mayChange}
          value={days}
          onChange={setDays}
        />
        <TextField
          label={words.emailFrom}
          description={words.emailFromHint}
          disabled={!mayChange}
          value={emailFrom}
          onText={setEmailFrom}
        />
      </SimpleGrid>
      <LinesField
        label={words.notes}
        disabled={!mayChange}
        value={description}
        onText={setDescription}
      />
    </SettingsForm>
  );
}
