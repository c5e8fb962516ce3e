import {
  ActionIcon,
  Autocomplete,
  Button,
  Checkbox,
  Group,
  Select,
  Stack,
  Table,
  Text,
} from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import {
  type PermissionItem,
  permissionsQuery,
  rolesQuery,
  setPermission,
} from "../api/permissions-api.ts";
import { useMay } from "../api/privileges.ts";
import { authIdsOf, usersQuery } from "../api/users-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { showDialog } from "../parts/dialog-host.tsx";
import { EntryTable } from "../parts/entry-table.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { accessWords as words } from "../strings/access-words.ts";

/** Who has which role where, at a place and below it. */
export function PermissionTable({ below }: { readonly below: string }): ReactElement {
  const query = useQuery(permissionsQuery);
  const mayChange = useMay("/access/acl", "Permissions.Modify");
  return (
    <Stack>
      {mayChange && (
        <Group justify="flex-end">
          <Button
            onClick={() => showDialog((close) => <GrantDialog path={below} onClose={close} />)}
          >
            {words.addEntry}
          </Button>
        </Group>
      )}
      <Loaded query={query}>
        {(entries) => (
          <Entries
            entries={entries.filter(({ path }) => isBelow(path, below))}
            mayChange={mayChange}
          />
        )}
      </Loaded>
    </Stack>
  );
}

function Entries({
  entries,
  mayChange,
}: {
  readonly entries: readonly PermissionItem[];
  readonly mayChange: boolean;
}): ReactElement {
  if (entries.length === 0) return <Text c="dimmed">{words.noEntries}</Text>;
  return (
    <EntryTable columns={[{ title: words.path }, { title: words.authId }, { title: words.role }]}>
      {entries.map((entry) => (
        <Table.Tr key={`${entry.path} ${entry.ugid} ${entry.roleid}`}>
          <Table.Td className="wrap-anywhere">
            {entry.path}{" "}
            {entry.propagate && (
              <Text span size="xs" c="dimmed">
                {words.propagate}
              </Text>
            )}
          </Table.Td>
          <Table.Td className="wrap-anywhere">{entry.ugid}</Table.Td>
          <Table.Td>{entry.roleid}</Table.Td>
          <Table.Td ta="end">
            {mayChange && (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label={words.revoke(entry.roleid, entry.ugid, entry.path)}
                onClick={() =>
                  showDialog((close) => <RevokeDialog entry={entry} onClose={close} />)
                }
              >
                <IconTrash size={18} aria-hidden />
              </ActionIcon>
            )}
          </Table.Td>
        </Table.Tr>
      ))}
    </EntryTable>
  );
}

function GrantDialog({
  path: given,
  onClose,
}: {
  readonly path: string;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const users = useQuery(usersQuery);
  const roles = useQuery(rolesQuery);
  const permissions = useQuery(permissionsQuery);
  const [path, setPath] = useState(given);
  const [ugid, setUgid] = useState("");
  const [roleid, setRoleid] = useState<string | null>(null);
  const [propagate, setPropagate] = useState(true);
  return (
    <ActionDialog
      title={words.addEntry}
      confirmLabel={words.addEntryConfirm}
      isReady={path !== "" && ugid !== "" && roleid !== null}
      onClose={onClose}
      onConfirm={async () => {
        await setPermission({ path, ugid, roleid: roleid ?? "", propagate }, "grant");
        await refresh(["access", "permissions"], ["privileges"]);
      }}
    >
      <Autocomplete
        label={words.path}
        description={words.pathHint}
        value={path}
        onChange={setPath}
        data={[
          ...new Set(["/", "/datastore", ...(permissions.data ?? []).map((each) => each.path)]),
        ]}
      />
      <Autocomplete
        label={words.authId}
        data-autofocus
        value={ugid}
        onChange={setUgid}
        data={[...authIdsOf(users.data ?? [])]}
      />
      <Select
        label={words.role}
        searchable
        value={roleid}
        onChange={setRoleid}
        data={(roles.data ?? []).map(({ roleid: value, comment }) => ({
          value,
          label: comment === "" ? value : `${value}: ${comment}`,
        }))}
      />
      <Checkbox
        label={words.propagateLabel}
        checked={propagate}
        onChange={(event) => setPropagate(event.currentTarget.checked)}
      />
    </ActionDialog>
  );
}

function RevokeDialog({
  entry,
  onClose,
}: {
  readonly entry: PermissionItem;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  return (
    <ActionDialog
      title={words.revokeTitle(entry.ugid)}
      tone="destructive"
      confirmLabel={words.revokeConfirm}
      onClose={onClose}
      onConfirm={async () => {
        await setPermission(entry, "revoke");
        await refresh(["access", "permissions"], ["privileges"]);
      }}
    >
      <Text size="sm">{words.revokeText(entry.roleid, entry.path)}</Text>
    </ActionDialog>
  );
}

function isBelow(path: string, place: string): boolean {
  return place === "/" || path === place || path.startsWith(`${place}/`);
}
