import { Checkbox, PasswordInput, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import { setText } from "../api/changed-settings.ts";
import { saveEntry } from "../api/config-entry-api.ts";
import {
  type TargetConfig,
  type TargetItem,
  targetQuery,
  type TargetType,
  targetTypes,
} from "../api/targets-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { LinesField } from "../parts/lines-field.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { TextField } from "../parts/text-field.tsx";
import { frameWords } from "../strings/frame-words.ts";
import { notificationWords as words } from "../strings/notification-words.ts";
import { fieldSetting, fieldText, type TargetField, targetFields } from "./target-fields.ts";

/** Makes or changes a target; of one that exists the settings are read first. */
export function TargetDialog({
  target,
  onClose,
}: {
  /** Absent for a new one. */
  readonly target: TargetItem | undefined;
  readonly onClose: () => void;
}): ReactElement | undefined {
  if (!target) return <TargetForm type="smtp" config={undefined} onClose={onClose} />;
  return <ExistingTarget target={target} onClose={onClose} />;
}

function ExistingTarget({
  target,
  onClose,
}: {
  readonly target: TargetItem;
  readonly onClose: () => void;
}): ReactElement | undefined {
  const { data } = useQuery({ ...targetQuery(target), gcTime: 0 });
  return data && <TargetForm type={target.type} config={data} onClose={onClose} />;
}

function TargetForm({
  type: given,
  config,
  onClose,
}: {
  readonly type: TargetType;
  readonly config: TargetConfig | undefined;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const [type, setType] = useState(given);
  const [name, setName] = useState(config?.name ?? "");
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [isOff, setOff] = useState(config?.disable ?? false);
  const [comment, setComment] = useState(config?.comment ?? "");
  const fields = targetFields[type];
  const stored: Readonly<Record<string, unknown>> = { ...config };
  const textOf = (field: TargetField): string =>
    texts[field.name] ?? fieldText(field, stored[field.name]);
  const isKept = (field: TargetField): boolean =>
    config !== undefined && field.as === "password" && textOf(field) === "";
  const isMissing = (field: TargetField): boolean =>
    field.required === true && textOf(field).trim() === "" && !isKept(field);
  return (
    <ActionDialog
      title={config ? words.editTarget(config.name) : words.addTarget}
      confirmLabel={frameWords.save}
      size="lg"
      isReady={name !== "" && !fields.some(isMissing)}
      onClose={onClose}
      onConfirm={async () => {
        const own = fields
          .filter((field) => !isKept(field))
          .map((field) => [field.name, fieldSetting(field, textOf(field))] as const);
        const settings = {
          ...Object.fromEntries(own),
          disable: isOff ? true : undefined,
          comment: setText(comment),
        };
        const kind = `notifications/endpoints/${type}` as const;
        await saveEntry(kind, name, settings, config ? "exists" : "new");
        await refresh(["notifications"]);
      }}
    >
      {!config && (
        <>
          <Select
            label={words.kind}
            allowDeselect={false}
            value={type}
            onChange={(value) => setType(targetTypes.find((each) => each === value) ?? type)}
            data={targetTypes.map((value) => ({ value, label: words.kinds[value] }))}
          />
          <TextField label={words.name} required data-autofocus value={name} onText={setName} />
        </>
      )}
      {fields.map((field) => (
        <FieldInput
          key={field.name}
          field={field}
          value={textOf(field)}
          isStored={config !== undefined}
          onText={(text) => setTexts({ ...texts, [field.name]: text })}
        />
      ))}
      <Checkbox
        label={words.isOff}
        checked={isOff}
        onChange={(event) => setOff(event.currentTarget.checked)}
      />
      <TextField label={words.comment} value={comment} onText={setComment} />
    </ActionDialog>
  );
}

function FieldInput({
  field: { label, hint, required, as, choices = {} },
  value,
  isStored,
  onText,
}: {
  readonly field: TargetField;
  readonly value: string;
  /** Whether an empty password stands for the one that is stored. */
  readonly isStored: boolean;
  readonly onText: (text: string) => void;
}): ReactElement {
  switch (as) {
    case "choice":
      return (
        <Select
          label={label}
          allowDeselect={false}
          value={value}
          onChange={(chosen) => onText(chosen ?? value)}
          data={Object.entries(choices).map(([choice, text]) => ({ value: choice, label: text }))}
        />
      );
    case "password":
      return (
        <PasswordInput
          label={label}
          description={isStored ? words.kept : hint}
          required={required === true && !isStored}
          autoComplete="off"
          value={value}
          onChange={(event) => onText(event.currentTarget.value)}
        />
      );
    case "text":
    case "number":
      return (
        <TextField
          label={label}
          description={hint}
          required={required === true}
          inputMode={as === "number" ? "numeric" : "text"}
          value={value}
          onText={onText}
        />
      );
    case "lines":
    case "headers":
    case "secrets":
    case "template":
      return <LinesField label={label} description={hint} value={value} onText={onText} />;
  }
}
