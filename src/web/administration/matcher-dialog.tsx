import { Checkbox, MultiSelect, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import { setLines, setText } from "../api/changed-settings.ts";
import { saveEntry } from "../api/config-entry-api.ts";
import { type MatcherItem, targetsQuery } from "../api/targets-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { LinesField } from "../parts/lines-field.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { TextField } from "../parts/text-field.tsx";
import { frameWords } from "../strings/frame-words.ts";
import { notificationWords as words } from "../strings/notification-words.ts";

const severities = ["info", "notice", "warning", "error", "unknown"];

/** Makes or changes a matcher: which notifications go to which targets. */
export function MatcherDialog({
  matcher,
  onClose,
}: {
  /** Absent for a new one. */
  readonly matcher: MatcherItem | undefined;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const known = useQuery(targetsQuery);
  const [name, setName] = useState(matcher?.name ?? "");
  const [targets, setTargets] = useState<readonly string[]>(matcher?.target ?? []);
  const [levels, setLevels] = useState<readonly string[]>(() => levelsOf(matcher));
  const [fields, setFields] = useState(matcher?.["match-field"]?.join("\n") ?? "");
  const [times, setTimes] = useState(matcher?.["match-calendar"]?.join("\n") ?? "");
  const [mode, setMode] = useState(matcher?.mode ?? "all");
  const [isInverted, setInverted] = useState(matcher?.["invert-match"] ?? false);
  const [isOff, setOff] = useState(matcher?.disable ?? false);
  const [comment, setComment] = useState(matcher?.comment ?? "");
  return (
    <ActionDialog
      title={matcher ? words.editMatcher(matcher.name) : words.addMatcher}
      confirmLabel={frameWords.save}
      size="lg"
      isReady={name !== ""}
      onClose={onClose}
      onConfirm={async () => {
        const settings = {
          target: targets.length === 0 ? undefined : targets,
          "match-severity": levels.length === 0 ? undefined : [levels.join(",")],
          "match-field": setLines(fields),
          "match-calendar": setLines(times),
          mode: mode === "all" ? undefined : mode,
          "invert-match": isInverted ? true : undefined,
          disable: isOff ? true : undefined,
          comment: setText(comment),
        };
        await saveEntry("notifications/matchers", name, settings, matcher ? "exists" : "new");
        await refresh(["notifications"]);
      }}
    >
      {!matcher && (
        <TextField label={words.name} required data-autofocus value={name} onText={setName} />
      )}
      <MultiSelect
        searchable
        label={words.matcherTargets}
        value={[...targets]}
        onChange={setTargets}
        data={(known.data ?? []).map((each) => each.name)}
      />
      <MultiSelect
        searchable
        label={words.severities}
        description={words.severitiesHint}
        value={[...levels]}
        onChange={setLevels}
        data={severities}
      />
      <LinesField
        label={words.fieldRules}
        description={words.fieldRulesHint}
        value={fields}
        onText={setFields}
      />
      <LinesField
        label={words.calendarRules}
        description={words.calendarRulesHint}
        value={times}
        onText={setTimes}
      />
      <Select
        label={words.mode}
        allowDeselect={false}
        value={mode}
        onChange={(value) => setMode(value ?? "all")}
        data={Object.entries(words.modes).map(([value, label]) => ({ value, label }))}
      />
      <Checkbox
        label={words.invert}
        checked={isInverted}
        onChange={(event) => setInverted(event.currentTarget.checked)}
      />
      <Checkbox
        label={words.isOff}
        checked={isOff}
        onChange={(event) => setOff(event.currentTarget.checked)}
      />
      <TextField label={words.comment} value={comment} onText={setComment} />
    </ActionDialog>
  );
}

function levelsOf(matcher: MatcherItem | undefined): readonly string[] {
  return (matcher?.["match-severity"] ?? []).flatMap((rule) => rule.split(","));
}
