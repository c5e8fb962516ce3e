import { ActionIcon, Group, Text } from "@mantine/core";
import { IconPencil, IconTrash } from "@tabler/icons-react";
import { type QueryKey } from "@tanstack/react-query";
import { type ReactElement, type ReactNode } from "react";

import { type EntryKind, removeEntry } from "../api/config-entry-api.ts";
import { frameWords } from "../strings/frame-words.ts";
import { ActionDialog } from "./action-dialog.tsx";
import { showDialog } from "./dialog-host.tsx";
import { useRefresh } from "./refresh.ts";

/** What is said before an entry is removed. */
export interface RemovalWords {
  readonly title: string;
  readonly text: string;
  readonly confirm: string;
}

/** An entry of the configuration in a list, and what can be done with it. */
export interface EntryActionsProps {
  readonly kind: EntryKind;
  readonly id: string;
  /** Queries that list it. */
  readonly queryKey: QueryKey;
  /** Absent for what cannot be removed. */
  readonly removal: RemovalWords | undefined;
  readonly onEdit: () => void;
  /** More to do with it, shown first. */
  readonly children?: ReactNode;
}

/** What can be done with an entry of the configuration: change it, and remove it after a question. */
export function EntryActions(props: EntryActionsProps): ReactElement {
  const { id, removal, onEdit, children } = props;
  const look = { variant: "subtle", color: "gray", size: "lg" } as const;
  return (
    <Group gap={2} wrap="nowrap" justify="flex-end">
      {children}
      <ActionIcon {...look} aria-label={frameWords.editLabel(id)} onClick={onEdit}>
        <IconPencil size={18} aria-hidden />
      </ActionIcon>
      {removal && (
        <ActionIcon
          {...look}
          aria-label={frameWords.removeLabel(id)}
          onClick={() =>
            showDialog((close) => (
              <RemoveEntryDialog {...props} removal={removal} onClose={close} />
            ))
          }
        >
          <IconTrash size={18} aria-hidden />
        </ActionIcon>
      )}
    </Group>
  );
}

function RemoveEntryDialog({
  kind,
  id,
  queryKey,
  removal,
  onClose,
}: EntryActionsProps & {
  readonly removal: RemovalWords;
  readonly onClose: () => void;
}): ReactElement {
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
