import { Autocomplete, Group, Select, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import { certificatesQuery } from "../api/certificate-api.ts";
import { useMay } from "../api/privileges.ts";
import { ownUser } from "../api/session-store.ts";
import { namespacesQuery } from "../api/snapshots-api.ts";
import { authIdsOf, usersQuery } from "../api/users-api.ts";
import { CopyField } from "../parts/copy-field.tsx";
import { connectWords as words } from "../strings/connect-words.ts";
import { contentWords } from "../strings/content-words.ts";

/** The exact commands that back up to a datastore from another machine, and open what is in it. */
export function ConnectTab({ store }: { readonly store: string }): ReactElement {
  const [user, setUser] = useState(ownUser);
  const [ns, setNs] = useState("");
  const users = useQuery(usersQuery);
  const namespaces = useQuery(namespacesQuery(store));
  const mayKnow = useMay("/system/certificates", "Sys.Audit", "Sys.Modify");
  const certificates = useQuery({ ...certificatesQuery, enabled: mayKnow });
  const fingerprint = certificates.data?.[0]?.fingerprint;
  const repository = `${user}@${repositoryHost()}:${store}`;
  const inNs = ns === "" ? "" : ` --ns ${ns}`;
  const environment = [
    `export PBS_REPOSITORY='${repository}'`,
    ...(fingerprint === undefined ? [] : [`export PBS_FINGERPRINT=${fingerprint}`]),
    `export PBS_PASSWORD_FILE=~/.amber-password   ${words.passwordComment}`,
  ].join("\n");
  return (
    <Stack maw={860}>
      <Text>{words.intro}</Text>
      <Group grow align="flex-start" preventGrowOverflow={false} wrap="wrap">
        <Autocomplete
          label={words.user}
          description={words.userHint}
          value={user}
          onChange={setUser}
          data={[...authIdsOf(users.data ?? [])]}
        />
        <Select
          label={words.namespace}
          description={contentWords.root}
          allowDeselect={false}
          value={ns}
          onChange={(value) => setNs(value ?? "")}
          data={(namespaces.data ?? [""]).map((each) => ({
            value: each,
            label: each === "" ? contentWords.root : each,
          }))}
        />
      </Group>
      <CopyField label={words.repository} value={repository} />
      <CopyField label={words.fingerprint} value={fingerprint ?? words.notKnown} />
      <Title order={2} size="h4" mt="sm">
        {words.environment}
      </Title>
      <CopyField value={environment} />
      <CopyField label={words.backup} value={`amber backup root.pxar:/${inNs}`} />
      <CopyField
        label={words.restore}
        value={`amber restore host/$(hostname) root.pxar /srv/restored${inNs}`}
      />
      <CopyField label={words.mount} value={`amber mount /mnt/backups${inNs}`} />
      <CopyField label={words.official} value={`proxmox-backup-client backup root.pxar:/${inNs}`} />
    </Stack>
  );
}

/** Host and port as repositories have them; the usual port is left out. */
function repositoryHost(): string {
  const { hostname, port } = location;
  return port === "8007" ? hostname : `${hostname}:${port === "" ? "443" : port}`;
}
