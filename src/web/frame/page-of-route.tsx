import { Button } from "@mantine/core";
import { lazy, type ReactElement, Suspense } from "react";

import { FailureBoundary } from "../parts/failure-boundary.tsx";
import { Waiting } from "../parts/loaded.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { frameWords } from "../strings/frame-words.ts";
import { hashTo, type HashRoute } from "./hash-route.ts";

const DashboardPage = lazy(async () => ({
  default: (await import("../dashboard/dashboard-page.tsx")).DashboardPage,
}));
const DatastorePage = lazy(async () => ({
  default: (await import("../datastore/datastore-page.tsx")).DatastorePage,
}));
const SnapshotPage = lazy(async () => ({
  default: (await import("../snapshot/snapshot-page.tsx")).SnapshotPage,
}));
const TasksPage = lazy(async () => ({
  default: (await import("../tasks/tasks-page.tsx")).TasksPage,
}));
const TaskPage = lazy(async () => ({
  default: (await import("../tasks/task-page.tsx")).TaskPage,
}));
const AdministrationPage = lazy(async () => ({
  default: (await import("../administration/administration-page.tsx")).AdministrationPage,
}));

/** The page that an address names, loaded when it is first wanted. */
export function PageOfRoute({ route }: { readonly route: HashRoute }): ReactElement {
  return (
    <FailureBoundary key={route.path.join("/")}>
      <Suspense fallback={<Waiting />}>{pageOf(route)}</Suspense>
    </FailureBoundary>
  );
}

function pageOf({ path, query }: HashRoute): ReactElement {
  const [area, name, part, ...rest] = path;
  if (area === undefined) return <DashboardPage />;
  if (area === "datastore" && name !== undefined) {
    if (part === "snapshot") return <SnapshotPage store={name} path={rest} query={query} />;
    return <DatastorePage store={name} tab={part} query={query} />;
  }
  if (area === "tasks")
    return name === undefined ? <TasksPage query={query} /> : <TaskPage upid={name} />;
  if (area === "administration") return <AdministrationPage tab={name} />;
  return <NotFound />;
}

function NotFound(): ReactElement {
  return (
    <PageHead
      title={frameWords.notFoundTitle}
      subtitle={frameWords.notFoundText}
      actions={
        <Button component="a" href={hashTo([])}>
          {frameWords.toDashboard}
        </Button>
      }
    />
  );
}
