import { ActionIcon, Button, Card, Group, Menu, Stack, Text } from "@mantine/core";
import { IconDots, IconKey, IconTrash, IconUser } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { useMay } from "../api/privileges.ts";
import { unlockFactors } from "../api/second-factor-api.ts";
import { ownUser } from "../api/session-store.ts";
import { setUserEnabled, type UserItem, usersQuery } from "../api/users-api.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { tell } from "../parts/notices.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { StateBadge } from "../parts/state-badge.tsx";
import { nowSec } from "../parts/time-text.ts";
import { useAttempt } from "../parts/use-attempt.ts";
import { accessWords as words } from "../strings/access-words.ts";
import { factorWords } from "../strings/factor-words.ts";
import { SecondFactorDialog } from "./second-factor-dialog.tsx";
import {
  AddTokenDialog,
  AddUserDialog,
  PasswordDialog,
  RemoveTokenDialog,
  RemoveUserDialog,
} from "./user-dialogs.tsx";

/** Users with their tokens; those who may not see others see themselves. */
export function UsersTab(): ReactElement {
  const query = useQuery(usersQuery);
  const mayModify = useMay("/access/users", "Permissions.Modify");
  return (
    <Stack>
      {mayModify && (
        <Group justify="flex-end">
          <Button onClick={() => showDialog((close) => <AddUserDialog onClose={close} />)}>
            {words.addUser}
          </Button>
        </Group>
      )}
      <Loaded query={query}>
        {(users) =>
          users.length === 0 ? (
            <Text c="dimmed">{words.noUsers}</Text>
          ) : (
            users.map((user) => <UserCard key={user.userid} user={user} mayModify={mayModify} />)
          )
        }
      </Loaded>
    </Stack>
  );
}

function UserCard({
  user,
  mayModify,
}: {
  readonly user: UserItem;
  readonly mayModify: boolean;
}): ReactElement {
  const isOwn = ownUser() === user.userid;
  return (
    <Card withBorder padding="md">
      <Group justify="space-between" wrap="nowrap">
        <Group gap="sm" className="wrap-anywhere">
          <IconUser size={20} className="name-icon" aria-hidden />
          <Text fw={600}>{user.userid}</Text>
          <AccountState account={user} />
          {isLocked(user) && <StateBadge tone="bad">{factorWords.locked}</StateBadge>}
          <Text size="sm" c="dimmed">
            {user.comment}
          </Text>
        </Group>
        {(mayModify || isOwn) && <UserMenu user={user} mayModify={mayModify} isOwn={isOwn} />}
      </Group>
      {user.tokens?.map((token) => (
        <Group key={token.tokenid} justify="space-between" mt="xs" ml={28} wrap="nowrap">
          <Group gap="sm" className="wrap-anywhere">
            <IconKey size={18} className="name-icon" aria-hidden />
            <Text size="sm">{token.tokenid}</Text>
            <AccountState account={token} />
            <Text size="sm" c="dimmed">
              {token.comment}
            </Text>
          </Group>
          {(mayModify || isOwn) && (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              aria-label={words.removeToken(token.tokenid)}
              onClick={() =>
                showDialog((close) => <RemoveTokenDialog tokenid={token.tokenid} onClose={close} />)
              }
            >
              <IconTrash size={18} aria-hidden />
            </ActionIcon>
          )}
        </Group>
      ))}
    </Card>
  );
}

function AccountState({
  account: { enable = true, expire = 0 },
}: {
  readonly account: { readonly enable?: boolean; readonly expire?: number };
}): ReactElement {
  if (!enable) return <StateBadge tone="neutral">{words.disabled}</StateBadge>;
  if (expire !== 0 && expire < nowSec()) {
    return <StateBadge tone="warning">{words.expired}</StateBadge>;
  }
  return <StateBadge tone="good">{words.active}</StateBadge>;
}

function UserMenu({
  user,
  mayModify,
  isOwn,
}: {
  readonly user: UserItem;
  readonly mayModify: boolean;
  readonly isOwn: boolean;
}): ReactElement {
  const { userid, enable = true } = user;
  const attempt = useAttempt();
  const refresh = useRefresh();
  async function toggle(): Promise<void> {
    await setUserEnabled(userid, enable ? "disabled" : "enabled");
    await refresh(["access", "users"]);
  }
  async function unlock(): Promise<void> {
    await unlockFactors(userid);
    tell({ text: factorWords.unlocked(userid) });
    await refresh(["access", "users"]);
  }
  // Nobody but the superuser touches its factors.
  const mayFactors = isOwn || userid !== "root@pam";
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={words.menu(userid)}>
          <IconDots size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          onClick={() => showDialog((close) => <AddTokenDialog userid={userid} onClose={close} />)}
        >
          {words.addToken}
        </Menu.Item>
        {userid.endsWith("@pbs") && (
          <Menu.Item
            onClick={() =>
              showDialog((close) => <PasswordDialog userid={userid} onClose={close} />)
            }
          >
            {words.setPassword}
          </Menu.Item>
        )}
        {mayFactors && (
          <Menu.Item
            onClick={() =>
              showDialog((close) => <SecondFactorDialog userid={userid} onClose={close} />)
            }
          >
            {factorWords.menu}
          </Menu.Item>
        )}
        {mayModify && isLocked(user) && (
          <Menu.Item onClick={() => attempt(unlock)}>{factorWords.unlock}</Menu.Item>
        )}
        {mayModify && (
          <Menu.Item onClick={() => attempt(toggle)}>
            {enable ? words.disable : words.enable}
          </Menu.Item>
        )}
        {mayModify && (
          <Menu.Item
            color="red.8"
            onClick={() =>
              showDialog((close) => <RemoveUserDialog userid={userid} onClose={close} />)
            }
          >
            {words.removeUser}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function isLocked(user: UserItem): boolean {
  return user["totp-locked"] === true || user["tfa-locked-until"] !== undefined;
}
