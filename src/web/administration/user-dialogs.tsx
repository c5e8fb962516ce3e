import { Text } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { createToken, createUser, removeToken, removeUser, setPassword } from "../api/users-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { tell } from "../parts/notices.tsx";
import { useOwnPassword } from "../parts/own-password.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { showSecret } from "../parts/secret-dialog.tsx";
import { NewPasswordField, TextField } from "../parts/text-field.tsx";
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
      <TextField
        label={words.userId}
        description={words.userIdHint}
        data-autofocus
        value={userid}
        onText={setUserid}
      />
      <NewPasswordField value={password} onText={setPasswordText} />
      <TextField label={words.comment} value={comment} onText={setComment} />
    </ActionDialog>
  );
}

/** Gives a user another password. */
export function PasswordDialog({ userid, onClose }: UserDialogProps): ReactElement {
  const [password, setPasswordText] = useState("");
  const own = useOwnPassword();
  return (
    <ActionDialog
      title={words.setPasswordTitle(userid)}
      confirmLabel={words.setPasswordConfirm}
      isReady={password !== "" && own.isReady}
      onClose={onClose}
      onConfirm={async () => {
        await setPassword(userid, password, own.password);
        tell({ text: words.passwordSet(userid) });
      }}
    >
      {own.field}
      <NewPasswordField value={password} onText={setPasswordText} />
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
        showSecret({
          title: words.secretTitle(made.tokenid),
          text: words.secretText,
          label: words.secretLabel,
          value: made.value,
          hint: words.tokenNeedsRole,
        });
      }}
    >
      <TextField label={words.tokenName} data-autofocus value={name} onText={setName} />
      <TextField label={words.comment} value={comment} onText={setComment} />
    </ActionDialog>
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
