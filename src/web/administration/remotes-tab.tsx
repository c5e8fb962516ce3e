import { Button, Stack, Table, Text } from "@mantine/core";
import { IconPlugConnected } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { useMay } from "../api/privileges.ts";
import { type RemoteItem, remotesQuery, remoteStoresQuery } from "../api/remotes-api.ts";
import { EntryActions } from "../parts/entry-actions.tsx";
import { showDialog } from "../parts/dialog-host.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { tell } from "../parts/notices.tsx";
import { Section } from "../parts/section.tsx";
import { useAttempt } from "../parts/use-attempt.ts";
import { jobWords } from "../strings/job-words.ts";
import { syncWords as words } from "../strings/sync-words.ts";
import { RemoteDialog } from "./remote-dialog.tsx";

/** Other servers that sync jobs pull from. */
export function RemotesTab(): ReactElement {
  const query = useQuery(remotesQuery);
  const mayChange = useMay("/remote", "Remote.Modify");
  const edit = (remote: RemoteItem | undefined): void =>
    showDialog((close) => <RemoteDialog remote={remote} onClose={close} />);
  return (
    <Section
      title={words.remotes}
      hint={words.remotesHint}
      action={mayChange && <Button onClick={() => edit(undefined)}>{words.addRemote}</Button>}
    >
      <Loaded query={query}>
        {(remotes) =>
          remotes.length === 0 ? (
            <Text c="dimmed">{jobWords.none}</Text>
          ) : (
            <RemoteTable remotes={remotes} onEdit={mayChange ? edit : undefined} />
          )
        }
      </Loaded>
    </Section>
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
  return (
    <Table.ScrollContainer minWidth={320} type="native">
      <Table withTableBorder className="plain-table">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{words.name}</Table.Th>
            <Table.Th>{words.host}</Table.Th>
            <Table.Th visibleFrom="sm">{words.authId}</Table.Th>
            <Table.Th>
              <span className="hidden-text">{jobWords.columns.actions}</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {remotes.map((remote) => (
            <Table.Tr key={remote.name}>
              <Table.Td className="wrap-anywhere">
                <Text size="sm" fw={500}>
                  {remote.name}
                </Text>
                <Text size="xs" c="dimmed">
                  {remote.comment}
                </Text>
              </Table.Td>
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
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
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
