import { Menu } from "@mantine/core";
import { type ReactElement } from "react";

import { contentPath, useMay } from "../api/privileges.ts";
import { setProtection, type SnapshotItem, startVerify } from "../api/snapshots-api.ts";
import { snapshotName, type SnapshotPlace } from "../api/snapshot-place.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { tell } from "../parts/notices.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { tellTask } from "../parts/tell-task.ts";
import { useAttempt } from "../parts/use-attempt.ts";
import { contentWords } from "../strings/content-words.ts";
import { snapshotHash } from "./content-columns.tsx";
import { copyName } from "./copy-name.ts";
import { ForgetDialog } from "./forget-dialog.tsx";
import { NotesDialog } from "./notes-dialog.tsx";
import { UnprotectDialog } from "./unprotect-dialog.tsx";

/** What can be done with a snapshot, as far as the person may. */
export function SnapshotMenuItems({
  place,
  snapshot,
  onForgotten,
}: {
  readonly place: SnapshotPlace;
  readonly snapshot: SnapshotItem;
  readonly onForgotten?: () => void;
}): ReactElement {
  const path = contentPath(place.store, place.ns);
  const mayVerify = useMay(path, "Datastore.Verify", "Datastore.Backup");
  const mayChange = useMay(path, "Datastore.Modify", "Datastore.Backup");
  const mayPrune = useMay(path, "Datastore.Modify", "Datastore.Prune");
  const refresh = useRefresh();
  const attempt = useAttempt();
  const name = snapshotName(place);
  async function verify(): Promise<void> {
    const { store, ns, timeSec } = place;
    const upid = await startVerify({ store, ns, group: place, timeSec, recent: "verified again" });
    tellTask(contentWords.verifyStarted(name), upid);
  }
  async function protect(): Promise<void> {
    await setProtection(place, "protected");
    tell({ text: contentWords.protectedNow(name) });
    await refresh(["content", place.store]);
  }
  return (
    <>
      {!onForgotten && (
        <Menu.Item component="a" href={snapshotHash(place.store, place.ns, snapshot)}>
          {contentWords.openAsFolder}
        </Menu.Item>
      )}
      {mayVerify && <Menu.Item onClick={() => attempt(verify)}>{contentWords.verifyNow}</Menu.Item>}
      {mayChange && (
        <Menu.Item
          onClick={() => showDialog((close) => <NotesDialog place={place} onClose={close} />)}
        >
          {contentWords.editNotes}
        </Menu.Item>
      )}
      {mayChange && !snapshot.protected && (
        <Menu.Item onClick={() => attempt(protect)}>{contentWords.protect}</Menu.Item>
      )}
      {mayChange && snapshot.protected && (
        <Menu.Item
          onClick={() => showDialog((close) => <UnprotectDialog place={place} onClose={close} />)}
        >
          {contentWords.unprotect}
        </Menu.Item>
      )}
      <Menu.Item onClick={() => attempt(async () => await copyName(name))}>
        {contentWords.copyName}
      </Menu.Item>
      {mayPrune && !snapshot.protected && (
        <>
          <Menu.Divider />
          <Menu.Item
            color="red.8"
            onClick={() =>
              showDialog((close) => (
                <ForgetDialog
                  place={place}
                  onClose={close}
                  {...(onForgotten ? { onDone: onForgotten } : {})}
                />
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
