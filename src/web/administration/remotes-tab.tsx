import { Button, Stack, Table } from "@mantine/core";
import { IconPlugConnected } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { useMay } from "../api/privileges.ts";
import { type RemoteItem, remotesQuery, remoteStoresQuery } from "../api/remotes-api.ts";
import { EntryActions } from "../parts/entry-actions.tsx";
import { EntrySection } from "../parts/entry-section.tsx";
import { type EntryColumn, EntryTable, NameCell } from "../parts/entry-table.tsx";
import { showDialog } from "../parts/dialog-host.tsx";
import { tell } from "../parts/notices.tsx";
import { useAttempt } from "../parts/use-attempt.ts";
import { syncWords as words } from "../strings/sync-words.ts";
import { RemoteDialog } from "./remote-dialog.tsx";

/** Other servers that sync jobs pull from. */
export function RemotesTab(): ReactElement {
  const query = useQuery(remotesQuery);
  const mayChange = useMay("/remote", "Remote.Modify");
  const edit = (remote: RemoteItem | undefined): void =>
    showDialog((close) => <RemoteDialog remote={remote} onClose={close} />);
  return (
    <EntrySection
      title={words.remotes}
      hint={words.remotesHint}
      addLabel={words.addRemote}
      query={query}
      onEdit={mayChange ? edit : undefined}
    >
      {(remotes) => <RemoteTable remotes={remotes} onEdit={mayChange ? edit : undefined} />}
    </EntrySection>
  );
}

function RemoteTable({
  remotes,
  onEdit,
}: {
  readonly remotes: readonly RemoteItem[];
  /** Absent for those who may not change remotes. */
  readonly onEdit: ((remote: RemoteItem) => void) | undefined;
}): ReactElement {
  const columns: readonly EntryColumn[] = [
    { title: words.name },
    { title: words.host },
    { title: words.authId, visibleFrom: "sm" },
  ];
  return (
    <EntryTable columns={columns}>
      {remotes.map((remote) => (
        <Table.Tr key={remote.name}>
          <NameCell name={remote.name} comment={remote.comment} />
          <Table.Td className="wrap-anywhere">{addressOf(remote)}</Table.Td>
          <Table.Td visibleFrom="sm" className="wrap-anywhere">
            {remote["auth-id"]}
          </Table.Td>
          <Table.Td>
            <Stack gap={4} align="flex-end">
              {onEdit && (
                <EntryActions
                  kind="remote"
                  id={remote.name}
                  queryKey={remotesQuery.queryKey}
                  removal={words.removal(remote.name)}
                  onEdit={() => onEdit(remote)}
                />
              )}
              <AskButton name={remote.name} />
            </Stack>
          </Table.Td>
        </Table.Tr>
      ))}
    </EntryTable>
  );
}

/** Whether the other server can be reached with what is stored about it. */
function AskButton({ name }: { readonly name: string }): ReactElement {
  const attempt = useAttempt();
  const client = useQueryClient();
  async function ask(): Promise<void> {
    const stores = await client.query({ ...remoteStoresQuery(name), staleTime: 0 });
    tell({ text: stores.length === 0 ? words.checkedNone : words.checked(stores.join(", ")) });
  }
  return (
    <Button
      size="compact-xs"
      variant="default"
      leftSection={<IconPlugConnected size={14} aria-hidden />}
      onClick={() => attempt(ask)}
    >
      {words.check}
    </Button>
  );
}

function addressOf({ host, port }: RemoteItem): string {
  return port === undefined ? host : `${host}:${port}`;
}
