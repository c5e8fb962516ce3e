import { Autocomplete } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import { authIdsOf, usersQuery } from "../api/users-api.ts";
import { changeOwner } from "../api/snapshots-api.ts";
import { type GroupPlace, groupName } from "../api/snapshot-place.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { contentWords } from "../strings/content-words.ts";

/** Gives a group to another user or token. */
export function OwnerDialog({
  place,
  owner,
  onClose,
}: {
  readonly place: GroupPlace;
  readonly owner: string;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const users = useQuery(usersQuery);
  const [chosen, setChosen] = useState(owner);
  return (
    <ActionDialog
      title={contentWords.changeOwnerTitle(groupName(place))}
      confirmLabel={contentWords.changeOwnerConfirm}
      isReady={chosen !== "" && chosen !== owner}
      onClose={onClose}
      onConfirm={async () => {
        await changeOwner(place, chosen);
        await refresh(["content", place.store]);
      }}
    >
      <Autocomplete
        label={contentWords.changeOwnerLabel}
        description={contentWords.changeOwnerHint}
        data-autofocus
        data={[...authIdsOf(users.data ?? [])]}
        value={chosen}
        onChange={setChosen}
      />
    </ActionDialog>
  );
}
