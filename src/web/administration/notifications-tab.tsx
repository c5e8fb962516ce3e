import { Button, Group, Stack, Table, Text } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useState } from "react";

import { type EntryKind } from "../api/config-entry-api.ts";
import {
  type MatcherItem,
  matchersQuery,
  type TargetItem,
  targetsQuery,
  testTarget,
} from "../api/targets-api.ts";
import { useMay } from "../api/privileges.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { EntryActions } from "../parts/entry-actions.tsx";
import { EntrySection } from "../parts/entry-section.tsx";
import { EntryTable } from "../parts/entry-table.tsx";
import { tell } from "../parts/notices.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { useAttempt } from "../parts/use-attempt.ts";
import { notificationWords as words } from "../strings/notification-words.ts";
import { MatcherDialog } from "./matcher-dialog.tsx";
import { TargetDialog } from "./target-dialog.tsx";

/** Where notifications are sent, and which. */
export function NotificationsTab(): ReactElement {
  const targets = useQuery(targetsQuery);
  const matchers = useQuery(matchersQuery);
  const mayChange = useMay("/system/notifications", "Sys.Modify");
  const editTarget = (target: TargetItem | undefined): void =>
    showDialog((close) => <TargetDialog target={target} onClose={close} />);
  const editMatcher = (matcher: MatcherItem | undefined): void =>
    showDialog((close) => <MatcherDialog matcher={matcher} onClose={close} />);
  return (
    <Stack gap="xl">
      <EntrySection
        title={words.targets}
        hint={words.targetsHint}
        addLabel={words.addTarget}
        query={targets}
        onEdit={mayChange ? editTarget : undefined}
      >
        {(list) => (
          <EntryTable columns={[{ title: words.columns.name }, { title: words.columns.kind }]}>
            {list.map((target) => (
              <Table.Tr key={target.name}>
                <Table.Td className="wrap-anywhere">
                  <EntryName entry={target} />
                </Table.Td>
                <Table.Td>{words.kinds[target.type]}</Table.Td>
                <Table.Td>
                  {mayChange && (
                    <NotificationActions
                      entry={target}
                      kind={`notifications/endpoints/${target.type}`}
                      onEdit={() => editTarget(target)}
                    >
                      <TestButton name={target.name} />
                    </NotificationActions>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </EntryTable>
        )}
      </EntrySection>
      <EntrySection
        title={words.matchers}
        hint={words.matchersHint}
        addLabel={words.addMatcher}
        query={matchers}
        onEdit={mayChange ? editMatcher : undefined}
      >
        {(list) => (
          <EntryTable
            columns={[
              { title: words.columns.name },
              { title: words.columns.rules },
              { title: words.columns.targets },
            ]}
          >
            {list.map((matcher) => (
              <Table.Tr key={matcher.name}>
                <Table.Td className="wrap-anywhere">
                  <EntryName entry={matcher} />
                </Table.Td>
                <Table.Td className="wrap-anywhere">{rulesText(matcher)}</Table.Td>
                <Table.Td className="wrap-anywhere">
                  {matcher.target?.join(", ") ?? words.nowhere}
                </Table.Td>
                <Table.Td>
                  {mayChange && (
                    <NotificationActions
                      entry={matcher}
                      kind="notifications/matchers"
                      onEdit={() => editMatcher(matcher)}
                    />
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </EntryTable>
        )}
      </EntrySection>
    </Stack>
  );
}

type Entry = Pick<TargetItem, "name" | "comment" | "disable"> & { readonly origin?: string };

function EntryName({ entry }: { readonly entry: Entry }): ReactElement {
  const { name, comment, disable, origin } = entry;
  return (
    <>
      <Group gap="xs">
        <Text size="sm" fw={500}>
          {name}
        </Text>
        {origin !== undefined && origin !== "user-created" && (
          <StateBadge tone="neutral">{words.builtin}</StateBadge>
        )}
        {disable === true && <StateBadge tone="warning">{words.off}</StateBadge>}
      </Group>
      <Text size="xs" c="dimmed">
        {comment}
      </Text>
    </>
  );
}

/** What is built in can be set back once it was changed, and never removed. */
function NotificationActions({
  entry: { name, origin },
  kind,
  onEdit,
  children,
}: {
  readonly entry: Entry;
  readonly kind: EntryKind;
  readonly onEdit: () => void;
  readonly children?: ReactNode;
}): ReactElement {
  const removal = origin === "modified-builtin" ? words.reset(name) : words.removal(name);
  return (
    <EntryActions
      kind={kind}
      id={name}
      queryKey={["notifications"]}
      removal={origin === "builtin" ? undefined : removal}
      onEdit={onEdit}
    >
      {children}
    </EntryActions>
  );
}

function TestButton({ name }: { readonly name: string }): ReactElement {
  const attempt = useAttempt();
  const [isBusy, setBusy] = useState(false);
  async function test(): Promise<void> {
    setBusy(true);
    try {
      await testTarget(name);
      tell({ text: words.tested(name) });
    } finally {
      setBusy(false);
    }
  }
  return (
    <Button
      size="compact-sm"
      variant="default"
      loading={isBusy}
      leftSection={<IconSend size={14} aria-hidden />}
      aria-label={words.testLabel(name)}
      onClick={() => attempt(test)}
    >
      {words.test}
    </Button>
  );
}

function rulesText(matcher: MatcherItem): string {
  const rules = [
    ...(matcher["match-severity"] ?? []),
    ...(matcher["match-field"] ?? []),
    ...(matcher["match-calendar"] ?? []),
  ];
  const text = rules.length === 0 ? words.everything : rules.join("; ");
  return matcher["invert-match"] === true ? words.not(text) : text;
}
