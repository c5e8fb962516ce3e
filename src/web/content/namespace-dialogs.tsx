import { Text, TextInput } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { createNamespace, removeNamespace } from "../api/snapshots-api.ts";
import { type NamespacePlace } from "../api/snapshot-place.ts";
import { goTo, hashTo } from "../frame/hash-route.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { contentWords } from "../strings/content-words.ts";

interface NamespaceDialogProps {
  readonly place: NamespacePlace;
  readonly onClose: () => void;
}

/** Adds a namespace below the present one. */
export function AddNamespaceDialog({ place, onClose }: NamespaceDialogProps): ReactElement {
  const refresh = useRefresh();
  const [name, setName] = useState("");
  return (
    <ActionDialog
      title={contentWords.addNamespaceTitle}
      confirmLabel={contentWords.addNamespaceConfirm}
      isReady={name !== ""}
      onClose={onClose}
      onConfirm={async () => {
        await createNamespace(place, name);
        await refresh(["content", place.store]);
      }}
    >
      <TextInput
        label={contentWords.addNamespaceLabel}
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
    </ActionDialog>
  );
}

/** Removes the present namespace with everything in it; its name has to be typed. */
export function RemoveNamespaceDialog({ place, onClose }: NamespaceDialogProps): ReactElement {
  const refresh = useRefresh();
  const [typed, setTyped] = useState("");
  const { store, ns } = place;
  return (
    <ActionDialog
      title={contentWords.removeNamespaceTitle(ns)}
      tone="destructive"
      confirmLabel={contentWords.removeNamespaceConfirm}
      isReady={typed === ns}
      onClose={onClose}
      onConfirm={async () => {
        await removeNamespace(place, "remove groups");
        goTo(hashTo(["datastore", store, "content"], { ns: ns.split("/").slice(0, -1).join("/") }));
        await refresh(["content", store]);
      }}
    >
      <Text size="sm">{contentWords.removeNamespaceText}</Text>
      <TextInput
        label={contentWords.typeName(ns)}
        data-autofocus
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
    </ActionDialog>
  );
}
