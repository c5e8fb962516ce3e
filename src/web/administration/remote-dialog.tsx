import { NumberInput, PasswordInput, SimpleGrid } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { setNumber, setText } from "../api/changed-settings.ts";
import { saveEntry } from "../api/config-entry-api.ts";
import { type RemoteItem } from "../api/remotes-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { TextField } from "../parts/text-field.tsx";
import { frameWords } from "../strings/frame-words.ts";
import { syncWords as words } from "../strings/sync-words.ts";

/** Makes another server known, or changes what is known of it. */
export function RemoteDialog({
  remote,
  onClose,
}: {
  /** Absent for a new one. */
  readonly remote: RemoteItem | undefined;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const [name, setName] = useState(remote?.name ?? "");
  const [host, setHost] = useState(remote?.host ?? "");
  const [port, setPort] = useState<number | string>(remote?.port ?? "");
  const [authId, setAuthId] = useState(remote?.["auth-id"] ?? "");
  const [password, setPassword] = useState("");
  const [fingerprint, setFingerprint] = useState(remote?.fingerprint ?? "");
  const [comment, setComment] = useState(remote?.comment ?? "");
  const isComplete = name !== "" && host !== "" && authId !== "";
  return (
    <ActionDialog
      title={remote ? words.editRemote(remote.name) : words.addRemote}
      confirmLabel={frameWords.save}
      size="lg"
      isReady={isComplete && (remote !== undefined || password !== "")}
      onClose={onClose}
      onConfirm={async () => {
        const settings = {
          host,
          port: setNumber(port),
          "auth-id": authId,
          fingerprint: setText(fingerprint),
          comment: setText(comment),
          // What is not given stays: nobody can read it to give it again.
          ...(password === "" ? {} : { password }),
        };
        await saveEntry("remote", name, settings, remote ? "exists" : "new");
        await refresh(["remotes"]);
      }}
    >
      {!remote && (
        <TextField label={words.name} required data-autofocus value={name} onText={setName} />
      )}
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <TextField
          label={words.host}
          description={words.hostHint}
          required
          value={host}
          onText={setHost}
        />
        <NumberInput
          label={words.port}
          description="8007"
          min={1}
          max={65_535}
          allowDecimal={false}
          value={port}
          onChange={setPort}
        />
      </SimpleGrid>
      <TextField
        label={words.authId}
        description={words.authIdHint}
        required
        value={authId}
        onText={setAuthId}
      />
      <PasswordInput
        label={words.password}
        description={remote ? words.passwordKept : words.passwordHint}
        required={!remote}
        autoComplete="off"
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      <TextField
        label={words.fingerprint}
        description={words.fingerprintHint}
        value={fingerprint}
        onText={setFingerprint}
      />
      <TextField label={words.comment} value={comment} onText={setComment} />
    </ActionDialog>
  );
}
