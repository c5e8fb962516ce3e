import { Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import { groupNotesQuery, notesQuery, writeGroupNotes, writeNotes } from "../api/snapshots-api.ts";
import {
  type GroupPlace,
  groupName,
  type SnapshotPlace,
  snapshotName,
} from "../api/snapshot-place.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { contentWords } from "../strings/content-words.ts";
import { frameWords } from "../strings/frame-words.ts";

/** Edits the notes of a snapshot or a group. */
export function NotesDialog({
  place,
  onClose,
}: {
  readonly place: GroupPlace | SnapshotPlace;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const isSnapshot = "timeSec" in place;
  const ofSnapshot = useQuery({ ...notesQuery(asSnapshot(place)), enabled: isSnapshot });
  const ofGroup = useQuery({ ...groupNotesQuery(place), enabled: !isSnapshot });
  const query = isSnapshot ? ofSnapshot : ofGroup;
  const [edited, setEdited] = useState<string>();
  return (
    <ActionDialog
      title={contentWords.notesTitle(isSnapshot ? snapshotName(place) : groupName(place))}
      confirmLabel={frameWords.save}
      size="lg"
      isReady={edited !== undefined}
      onClose={onClose}
      onConfirm={async () => {
        const notes = edited ?? query.data ?? "";
        await (isSnapshot ? writeNotes(place, notes) : writeGroupNotes(place, notes));
        await refresh(["content", place.store]);
      }}
    >
      <Loaded query={query}>
        {(notes) => (
          <Textarea
            label={contentWords.notesLabel}
            description={contentWords.notesHint}
            data-autofocus
            autosize
            minRows={5}
            maxRows={18}
            value={edited ?? notes}
            onChange={(event) => setEdited(event.currentTarget.value)}
          />
        )}
      </Loaded>
    </ActionDialog>
  );
}

/** For the query that is not used: queries of a component are always the same ones. */
function asSnapshot(place: GroupPlace | SnapshotPlace): SnapshotPlace {
  return "timeSec" in place ? place : { ...place, timeSec: 0 };
}
