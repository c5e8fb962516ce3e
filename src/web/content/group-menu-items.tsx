import { Menu } from "@mantine/core";
import { type ReactElement } from "react";

import { contentPath, useMay } from "../api/privileges.ts";
import { type GroupItem, startVerify } from "../api/snapshots-api.ts";
import { groupName, type GroupPlace } from "../api/snapshot-place.ts";
import { copyName } from "./copy-name.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { useAttempt } from "../parts/use-attempt.ts";
import { tellTask } from "../parts/tell-task.ts";
import { contentWords } from "../strings/content-words.ts";
import { ForgetDialog } from "./forget-dialog.tsx";
import { NotesDialog } from "./notes-dialog.tsx";
import { OwnerDialog } from "./owner-dialog.tsx";
import { PruneDialog } from "./prune-dialog.tsx";

/** What can be done with a group, as far as the person may. */
export function GroupMenuItems({
  place,
  group,
  snapshotCount,
}: {
  readonly place: GroupPlace;
  readonly group: GroupItem;
  readonly snapshotCount: number;
}): ReactElement {
  const path = contentPath(place.store, place.ns);
  const mayVerify = useMay(path, "Datastore.Verify", "Datastore.Backup");
  const mayChange = useMay(path, "Datastore.Modify", "Datastore.Backup");
  const mayPrune = useMay(path, "Datastore.Modify", "Datastore.Prune");
  const attempt = useAttempt();
  return (
    <>
      {mayVerify && (
        <Menu.Item
          onClick={() =>
            attempt(async () => {
              const { store, ns } = place;
              const upid = await startVerify({ store, ns, group: place, recent: "verified again" });
              tellTask(contentWords.verifyStarted(groupName(place)), upid);
            })
          }
        >
          {contentWords.verifyNow}
        </Menu.Item>
      )}
      {mayPrune && (
        <Menu.Item
          onClick={() => showDialog((close) => <PruneDialog place={place} onClose={close} />)}
        >
          {contentWords.prune}
        </Menu.Item>
      )}
      {mayChange && (
        <Menu.Item
          onClick={() => showDialog((close) => <NotesDialog place={place} onClose={close} />)}
        >
          {contentWords.editNotes}
        </Menu.Item>
      )}
      {mayChange && (
        <Menu.Item
          onClick={() =>
            showDialog((close) => <OwnerDialog place={place} owner={group.owner} onClose={close} />)
          }
        >
          {contentWords.changeOwner}
        </Menu.Item>
      )}
      <Menu.Item onClick={() => attempt(async () => await copyName(groupName(place)))}>
        {contentWords.copyName}
      </Menu.Item>
      {mayPrune && (
        <>
          <Menu.Divider />
          <Menu.Item
            color="red.8"
            onClick={() =>
              showDialog((close) => (
                <ForgetDialog place={place} snapshotCount={snapshotCount} onClose={close} />
              ))
            }
          >
            {contentWords.forget}
          </Menu.Item>
        </>
      )}
    </>
  );
}
