import { Button, Menu, useMantineColorScheme } from "@mantine/core";
import { IconCheck, IconLogout, IconUser } from "@tabler/icons-react";
import { type ReactElement } from "react";

import { logOut } from "../api/session-store.ts";
import { frameWords } from "../strings/frame-words.ts";

const schemes = [
  ["auto", frameWords.coloursAuto],
  ["light", frameWords.coloursLight],
  ["dark", frameWords.coloursDark],
] as const;

/** The person's own: colours, and the way out. */
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
