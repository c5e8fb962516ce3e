import { Tabs } from "@mantine/core";
import { type ReactElement } from "react";

import { goTo, hashTo } from "../frame/hash-route.ts";
import { PageHead } from "../parts/page-head.tsx";
import { accessWords as words } from "../strings/access-words.ts";
import { frameWords } from "../strings/frame-words.ts";
import { PermissionTable } from "./permission-table.tsx";
import { ServerTab } from "./server-tab.tsx";
import { UsersTab } from "./users-tab.tsx";

const tabNames = ["users", "permissions", "server"] as const;

/** Users, tokens, permissions, the server itself. */
export function AdministrationPage({ tab }: { readonly tab: string | undefined }): ReactElement {
  const current = tabNames.find((name) => name === tab) ?? "users";
  return (
    <>
      <PageHead title={frameWords.administration} />
      <Tabs
        value={current}
        onChange={(name) => goTo(hashTo(["administration", name ?? "users"]))}
        keepMounted={false}
      >
        <Tabs.List mb="md" aria-label={words.tabsLabel} className="tab-list">
          {tabNames.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {words.tabs[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={current}>{panel(current)}</Tabs.Panel>
      </Tabs>
    </>
  );
}

function panel(tab: (typeof tabNames)[number]): ReactElement {
  switch (tab) {
    case "users":
      return <UsersTab />;
    case "permissions":
      return <PermissionTable below="/" />;
    case "server":
      return <ServerTab />;
  }
}
