import { Button, Menu, useMantineColorScheme } from "@mantine/core";
import { IconCheck, IconKey, IconLogout, IconShieldLock, IconUser } from "@tabler/icons-react";
import { lazy, type ReactElement, Suspense } from "react";

import { logOut } from "../api/session-store.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { factorWords } from "../strings/factor-words.ts";
import { frameWords } from "../strings/frame-words.ts";

const SecondFactorDialog = lazy(async () => ({
  default: (await import("../administration/second-factor-dialog.tsx")).SecondFactorDialog,
}));
const PasswordDialog = lazy(async () => ({
  default: (await import("../administration/user-dialogs.tsx")).PasswordDialog,
}));

const schemes = [
  ["auto", frameWords.coloursAuto],
  ["light", frameWords.coloursLight],
  ["dark", frameWords.coloursDark],
] as const;

/** The person's own: password, second factor, colours, and the way out. */
export function UserMenu({ user }: { readonly user: string }): ReactElement {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="bottom-end" width={220} shadow="md">
      <Menu.Target>
        <Button
          variant="default"
          size="sm"
          px={9}
          aria-label={frameWords.account(user)}
          leftSection={<IconUser size={18} aria-hidden />}
          classNames={{ section: "user-icon" }}
        >
          <span className="user-name">{user}</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {user.endsWith("@pbs") && (
          <Menu.Item
            leftSection={<IconKey size={16} aria-hidden />}
            onClick={() => showLazily(PasswordDialog, user)}
          >
            {frameWords.changePassword}
          </Menu.Item>
        )}
        <Menu.Item
          leftSection={<IconShieldLock size={16} aria-hidden />}
          onClick={() => showLazily(SecondFactorDialog, user)}
        >
          {factorWords.menu}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Label>{frameWords.colours}</Menu.Label>
        {schemes.map(([scheme, label]) => (
          <Menu.Item
            key={scheme}
            onClick={() => setColorScheme(scheme)}
            rightSection={colorScheme === scheme && <IconCheck size={16} aria-hidden />}
            aria-current={colorScheme === scheme}
          >
            {label}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={logOut}>
          {frameWords.logOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** Shows a dialog about a user that is loaded when it is first wanted. */
function showLazily(
  Dialog: typeof SecondFactorDialog | typeof PasswordDialog,
  userid: string,
): void {
  showDialog((close) => (
    <Suspense>
      <Dialog userid={userid} onClose={close} />
    </Suspense>
  ));
}
