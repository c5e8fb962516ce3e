import { Alert, Tabs } from "@mantine/core";
import { IconTool } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactElement, Suspense } from "react";

import { datastoresQuery } from "../api/datastore-api.ts";
import { contentPath } from "../api/privileges.ts";
import { goTo, hashTo } from "../frame/hash-route.ts";
import { Waiting } from "../parts/loaded.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { useShownTab } from "../parts/shown-tab.ts";
import { datastoreWords } from "../strings/datastore-words.ts";

const SummaryTab = lazy(async () => ({ default: (await import("./summary-tab.tsx")).SummaryTab }));
const ContentTab = lazy(async () => ({
  default: (await import("../content/content-tab.tsx")).ContentTab,
}));
const JobsTab = lazy(async () => ({ default: (await import("./jobs-tab.tsx")).JobsTab }));
const OptionsTab = lazy(async () => ({ default: (await import("./options-tab.tsx")).OptionsTab }));
const ConnectTab = lazy(async () => ({ default: (await import("./connect-tab.tsx")).ConnectTab }));
const PermissionTable = lazy(async () => ({
  default: (await import("../administration/permission-table.tsx")).PermissionTable,
}));

const tabNames = ["summary", "content", "jobs", "options", "permissions", "connect"] as const;

type TabName = (typeof tabNames)[number];

/** One datastore with its tabs; the tab stands in the address. */
export function DatastorePage({
  store,
  tab,
  query,
}: {
  readonly store: string;
  readonly tab: string | undefined;
  readonly query: Readonly<Record<string, string>>;
}): ReactElement {
  const { data } = useQuery(datastoresQuery);
  const entry = data?.find((each) => each.store === store);
  const current = tabNames.find((name) => name === tab) ?? "summary";
  const list = useShownTab(current);
  return (
    <>
      <PageHead title={store} subtitle={entry?.comment ?? undefined} />
      {entry?.maintenance !== undefined && (
        <Alert color="yellow" icon={<IconTool aria-hidden />} mb="md">
          {datastoreWords.maintenance(entry.maintenance)}
        </Alert>
      )}
      <Tabs
        value={current}
        onChange={(name) => goTo(hashTo(["datastore", store, name ?? "summary"]))}
        keepMounted={false}
      >
        <Tabs.List ref={list} mb="md" aria-label={datastoreWords.tabsLabel} className="tab-list">
          {tabNames.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {datastoreWords.tabs[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={current}>
          <Suspense fallback={<Waiting />}>{panel(current, store, query)}</Suspense>
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function panel(tab: TabName, store: string, query: Readonly<Record<string, string>>): ReactElement {
  switch (tab) {
    case "summary":
      return <SummaryTab store={store} />;
    case "content":
      return <ContentTab store={store} ns={query["ns"] ?? ""} />;
    case "jobs":
      return <JobsTab store={store} />;
    case "options":
      return <OptionsTab store={store} />;
    case "permissions":
      return <PermissionTable below={contentPath(store)} />;
    case "connect":
      return <ConnectTab store={store} />;
  }
}
