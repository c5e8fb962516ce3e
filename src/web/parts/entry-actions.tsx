import { ActionIcon, Group, Text } from "@mantine/core";
import { IconPencil, IconTrash } from "@tabler/icons-react";
import { type QueryKey } from "@tanstack/react-query";
import { type ReactElement, type ReactNode } from "react";

import { type EntryKind, removeEntry } from "../api/config-entry-api.ts";
import { frameWords } from "../strings/frame-words.ts";
import { ActionDialog } from "./action-dialog.tsx";
import { showDialog } from "./dialog-host.tsx";
import { useRefresh } from "./refresh.ts";

/** An entry of the configuration in a list, and what is said before it is removed. */
export interface EntryActionsProps {
  readonly kind: EntryKind;
  readonly id: string;
  /** Queries that list it. */
  readonly queryKey: QueryKey;
  readonly removal: { readonly title: string; readonly text: string; readonly confirm: string };
  readonly onEdit: () => void;
  /** More to do with it, shown first. */
  readonly children?: ReactNode;
}

/** What can be done with an entry of the configuration: change it, and remove it after a question. */
export function EntryActions(props: EntryActionsProps): ReactElement {
  const { id, onEdit, children } = props;
  const look = { variant: "subtle", color: "gray", size: "lg" } as const;
  return (
    <Group gap={2} wrap="nowrap" justify="flex-end">
      {children}
      <ActionIcon {...look} aria-label={frameWords.editLabel(id)} onClick={onEdit}>
        <IconPencil size={18} aria-hidden />
      </ActionIcon>
      <ActionIcon
        {...look}
        aria-label={frameWords.removeLabel(id)}
        onClick={() => showDialog((close) => <RemoveEntryDialog {...props} onClose={close} />)}
      >
        <IconTrash size={18} aria-hidden />
      </ActionIcon>
    </Group>
  );
}

function RemoveEntryDialog({
  kind,
  id,
  queryKey,
  removal,
  onClose,
}: EntryActionsProps & { readonly onClose: () => void }): ReactElement {
  const refresh = useRefresh();
  return (
    <ActionDialog
      title={removal.title}
      tone="destructive"
      confirmLabel={removal.confirm}
      onClose={onClose}
      onConfirm={async () => {
        await removeEntry(kind, id);
        await refresh(queryKey);
      }}
    >
      <Text size="sm">{removal.text}</Text>
    </ActionDialog>
  );
}
