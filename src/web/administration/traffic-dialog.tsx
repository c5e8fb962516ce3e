import { SimpleGrid } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { setLines, setText } from "../api/changed-settings.ts";
import { saveEntry } from "../api/config-entry-api.ts";
import { type TrafficRule, trafficQuery } from "../api/traffic-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { LinesField } from "../parts/lines-field.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { TextField } from "../parts/text-field.tsx";
import { frameWords } from "../strings/frame-words.ts";
import { trafficWords as words } from "../strings/traffic-words.ts";

const limits = [
  { name: "rate-in", label: words.rateIn, hint: words.rateHint },
  { name: "rate-out", label: words.rateOut, hint: words.rateHint },
  { name: "burst-in", label: words.burstIn, hint: words.burstHint },
  { name: "burst-out", label: words.burstOut, hint: words.burstHint },
] as const;

/** Makes or changes a rule of traffic control. */
export function TrafficDialog({
  rule,
  onClose,
}: {
  /** Absent for a new one. */
  readonly rule: TrafficRule | undefined;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const [name, setName] = useState(rule?.name ?? "");
  const [networks, setNetworks] = useState(rule?.network?.join("\n") ?? "");
  const [users, setUsers] = useState(rule?.users?.join("\n") ?? "");
  const [times, setTimes] = useState(rule?.timeframe?.join("\n") ?? "");
  const [rates, setRates] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(limits.map((limit) => [limit.name, rule?.[limit.name] ?? ""])),
  );
  const [comment, setComment] = useState(rule?.comment ?? "");
  return (
    <ActionDialog
      title={rule ? words.edit(rule.name) : words.add}
      confirmLabel={frameWords.save}
      size="lg"
      isReady={name !== "" && setLines(networks) !== undefined}
      onClose={onClose}
      onConfirm={async () => {
        const settings = {
          network: setLines(networks),
          users: setLines(users),
          timeframe: setLines(times),
          ...Object.fromEntries(
            limits.map((limit) => [limit.name, setText(rates[limit.name] ?? "")]),
          ),
          comment: setText(comment),
        };
        await saveEntry("traffic-control", name, settings, rule ? "exists" : "new");
        await refresh(trafficQuery.queryKey);
      }}
    >
      {!rule && (
        <TextField label={words.name} required data-autofocus value={name} onText={setName} />
      )}
      <LinesField
        label={words.networks}
        description={words.networksHint}
        required
        value={networks}
        onText={setNetworks}
      />
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        {limits.map((limit) => (
          <TextField
            key={limit.name}
            label={limit.label}
            description={limit.hint}
            value={rates[limit.name] ?? ""}
            onText={(text) => setRates({ ...rates, [limit.name]: text })}
          />
        ))}
        <LinesField
          label={words.users}
          description={words.usersHint}
          value={users}
          onText={setUsers}
        />
        <LinesField
          label={words.times}
          description={words.timesHint}
          value={times}
          onText={setTimes}
        />
      </SimpleGrid>
      <TextField label={words.comment} value={comment} onText={setComment} />
    </ActionDialog>
  );
}
