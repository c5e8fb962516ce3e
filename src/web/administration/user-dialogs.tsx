import { Alert, Button, Group, Modal, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { createToken, createUser, removeToken, removeUser, setPassword } from "../api/users-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { CopyField } from "../parts/copy-field.tsx";
import { showDialog } from "../parts/dialog-host.tsx";
import { tell } from "../parts/notices.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { accessWords as words } from "../strings/access-words.ts";

interface UserDialogProps {
  readonly userid: string;
  readonly onClose: () => void;
}

/** Makes a user. */
export function AddUserDialog({ onClose }: { readonly onClose: () => void }): ReactElement {
  const refresh = useRefresh();
  const [userid, setUserid] = useState("");
  const [password, setPasswordText] = useState("");
  const [comment, setComment] = useState("");
  return (
    <ActionDialog
      title={words.addUser}
      confirmLabel={words.addUserConfirm}
      isReady={userid.includes("@")}
      onClose={onClose}
      onConfirm={async () => {
        await createUser({
          userid,
          password: password === "" ? undefined : password,
          comment: comment === "" ? undefined : comment,
        });
        await refresh(["access", "users"]);
      }}
    >
      <TextInput
        label={words.userId}
        description={words.userIdHint}
        data-autofocus
        value={userid}
        onChange={(event) => setUserid(event.currentTarget.value)}
      />
      <PasswordInput
        label={words.password}
        description={words.passwordHint}
        autoComplete="new-password"
        value={password}
        onChange={(event) => setPasswordText(event.currentTarget.value)}
      />
      <TextInput
        label={words.comment}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
    </ActionDialog>
  );
}

/** Gives a user another password. */
export function PasswordDialog({ userid, onClose }: UserDialogProps): ReactElement {
  const [password, setPasswordText] = useState("");
  const [own, setOwn] = useState("");
  return (
    <ActionDialog
      title={words.setPasswordTitle(userid)}
      confirmLabel={words.setPasswordConfirm}
      isReady={password !== "" && own !== ""}
      onClose={onClose}
      onConfirm={async () => {
        await setPassword(userid, password, own);
        tell({ text: words.passwordSet(userid) });
      }}
    >
      <PasswordInput
        label={words.ownPassword}
        autoComplete="current-password"
        data-autofocus
        value={own}
        onChange={(event) => setOwn(event.currentTarget.value)}
      />
      <PasswordInput
        label={words.password}
        description={words.passwordHint}
        autoComplete="new-password"
        value={password}
        onChange={(event) => setPasswordText(event.currentTarget.value)}
      />
    </ActionDialog>
  );
}

/** Removes a user. */
export function RemoveUserDialog({ userid, onClose }: UserDialogProps): ReactElement {
  const refresh = useRefresh();
  return (
    <ActionDialog
      title={words.removeUserTitle(userid)}
      tone="destructive"
      confirmLabel={words.removeUserConfirm(userid)}
      onClose={onClose}
      onConfirm={async () => {
        await removeUser(userid);
        await refresh(["access"]);
      }}
    >
      <Text size="sm">{words.removeUserText}</Text>
    </ActionDialog>
  );
}

/** Makes a token, and shows its secret once. */
export function AddTokenDialog({ userid, onClose }: UserDialogProps): ReactElement {
  const refresh = useRefresh();
  const [name, setName] = useState("");
  const [comment, setComment] = useState("");
  return (
    <ActionDialog
      title={words.addTokenTitle(userid)}
      confirmLabel={words.addTokenConfirm}
      isReady={name !== ""}
      onClose={onClose}
      onConfirm={async () => {
        const made = await createToken(userid, name, comment === "" ? undefined : comment);
        await refresh(["access", "users"]);
        // After this dialog has closed.
        setTimeout(() => showDialog((close) => <SecretDialog {...made} onClose={close} />));
      }}
    >
      <TextInput
        label={words.tokenName}
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        label={words.comment}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
    </ActionDialog>
  );
}

function SecretDialog({
  tokenid,
  value,
  onClose,
}: {
  readonly tokenid: string;
  readonly value: string;
  readonly onClose: () => void;
}): ReactElement {
  return (
    <Modal
      opened
      onClose={onClose}
      title={words.secretTitle(tokenid)}
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
    >
      <Stack>
        <Alert color="yellow">{words.secretText}</Alert>
        <CopyField label={words.secretLabel} value={value} />
        <Text size="sm" c="dimmed">
          {words.tokenNeedsRole}
        </Text>
        <Group justify="flex-end">
          <Button onClick={onClose}>{words.secretDone}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** Removes a token. */
export function RemoveTokenDialog({
  tokenid,
  onClose,
}: {
  readonly tokenid: string;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  return (
    <ActionDialog
      title={words.removeTokenTitle(tokenid)}
      tone="destructive"
      confirmLabel={words.removeTokenConfirm}
      onClose={onClose}
      onConfirm={async () => {
        await removeToken(tokenid);
        await refresh(["access"]);
      }}
    >
      <Text size="sm">{words.removeTokenText}</Text>
    </ActionDialog>
  );
}
