import { Tabs, Text } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { lazy, type ReactElement, Suspense } from "react";

import { privilegesQuery } from "../api/privileges.ts";
import { goTo, hashTo } from "../frame/hash-route.ts";
import { Waiting } from "../parts/loaded.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { useShownTab } from "../parts/shown-tab.ts";
import { accessWords as words } from "../strings/access-words.ts";
import { frameWords } from "../strings/frame-words.ts";
import { PermissionTable } from "./permission-table.tsx";
import { UsersTab } from "./users-tab.tsx";

const RemotesTab = lazy(async () => ({ default: (await import("./remotes-tab.tsx")).RemotesTab }));
const TrafficTab = lazy(async () => ({ default: (await import("./traffic-tab.tsx")).TrafficTab }));
const CertificateTab = lazy(async () => ({
  default: (await import("./certificate-tab.tsx")).CertificateTab,
}));
const NotificationsTab = lazy(async () => ({
  default: (await import("./notifications-tab.tsx")).NotificationsTab,
}));
const ServerTab = lazy(async () => ({ default: (await import("./server-tab.tsx")).ServerTab }));

/** A part of the administration, and what one of it takes to see it; nothing for what concerns everybody. */
interface TabPlace {
  readonly name: keyof typeof words.tabs;
  readonly path: string;
  readonly anyOf: readonly string[];
}

const tabs: readonly TabPlace[] = [
  { name: "users", path: "/access/users", anyOf: [] },
  { name: "permissions", path: "/access/acl", anyOf: ["Sys.Audit", "Permissions.Modify"] },
  { name: "remotes", path: "/remote", anyOf: ["Remote.Audit", "Remote.Modify"] },
  { name: "traffic", path: "/", anyOf: ["Sys.Audit"] },
  { name: "certificates", path: "/system/certificates", anyOf: ["Sys.Audit", "Sys.Modify"] },
  { name: "notifications", path: "/system/notifications", anyOf: ["Sys.Audit", "Sys.Modify"] },
  { name: "server", path: "/system/status", anyOf: ["Sys.Audit"] },
];

/** Users, tokens, permissions, other servers, the server itself: what of it the person may see. */
export function AdministrationPage({ tab }: { readonly tab: string | undefined }): ReactElement {
  const held = useQueries({ queries: tabs.map(({ path }) => privilegesQuery(path)) });
  const offered = tabs.filter(
    ({ anyOf }, i) => anyOf.length === 0 || anyOf.some((name) => held[i]?.data?.has(name) === true),
  );
  const current = tabs.find(({ name }) => name === tab)?.name ?? "users";
  const list = useShownTab(`${current} ${offered.length}`);
  const isKnown = held.every(({ isPending }) => !isPending);
  return (
    <>
      <PageHead title={frameWords.administration} />
      <Tabs
        value={current}
        onChange={(name) => goTo(hashTo(["administration", name ?? "users"]))}
        keepMounted={false}
      >
        <Tabs.List ref={list} mb="md" aria-label={words.tabsLabel} className="tab-list">
          {offered.map(({ name }) => (
            <Tabs.Tab key={name} value={name}>
              {words.tabs[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {offered.some(({ name }) => name === current) ? (
          <Tabs.Panel value={current}>
            <Suspense fallback={<Waiting />}>{panel(current)}</Suspense>
          </Tabs.Panel>
        ) : isKnown ? (
          <Text c="dimmed">{frameWords.forbidden}</Text>
        ) : (
          <Waiting />
        )}
      </Tabs>
    </>
  );
}

function panel(tab: keyof typeof words.tabs): ReactElement {
  switch (tab) {
    case "users":
      return <UsersTab />;
    case "permissions":
      return <PermissionTable below="/" />;
    case "remotes":
      return <RemotesTab />;
    case "traffic":
      return <TrafficTab />;
    case "certificates":
      return <CertificateTab />;
    case "notifications":
      return <NotificationsTab />;
    case "server":
      return <ServerTab />;
  }
}
