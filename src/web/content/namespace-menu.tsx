import { Button, Menu } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import { type ReactElement } from "react";

import { contentPath, useMay } from "../api/privileges.ts";
import { type NamespacePlace } from "../api/snapshot-place.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { contentWords } from "../strings/content-words.ts";
import { AddNamespaceDialog, RemoveNamespaceDialog } from "./namespace-dialogs.tsx";
import { VerifyDialog } from "./verify-dialog.tsx";

/** What can be done with the present namespace as a whole. */
export function NamespaceMenu({ place }: { readonly place: NamespacePlace }): ReactElement {
  const { store, ns } = place;
  const path = contentPath(store, ns);
  const mayVerify = useMay(path, "Datastore.Verify", "Datastore.Backup");
  const mayModify = useMay(path, "Datastore.Modify");
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <Button
          variant="default"
          px={9}
          aria-label={contentWords.menu(ns === "" ? store : ns)}
          disabled={!mayVerify && !mayModify}
        >
          <IconDots size={18} aria-hidden />
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {mayVerify && (
          <Menu.Item
            onClick={() =>
              showDialog((close) => <VerifyDialog store={store} ns={ns} onClose={close} />)
            }
          >
            {contentWords.verifyAll}
          </Menu.Item>
        )}
        {mayModify && (
          <Menu.Item
            onClick={() =>
              showDialog((close) => <AddNamespaceDialog place={place} onClose={close} />)
            }
          >
            {contentWords.addNamespace}
          </Menu.Item>
        )}
        {mayModify && ns !== "" && (
          <Menu.Item
            color="red.8"
            onClick={() =>
              showDialog((close) => <RemoveNamespaceDialog place={place} onClose={close} />)
            }
          >
            {contentWords.removeNamespace}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
