import { Button, Card, Group, Text } from "@mantine/core";
import { IconAlertTriangle, IconInfoCircle } from "@tabler/icons-react";
import { type ReactElement } from "react";

import { contentPath, useMay } from "../api/privileges.ts";
import { VerifyDialog } from "../content/verify-dialog.tsx";
import { CollectDialog } from "../datastore/collect-dialog.tsx";
import { hashTo } from "../frame/hash-route.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { dashboardWords as words } from "../strings/dashboard-words.ts";
import { type Finding, type FindingAct } from "./findings.ts";

/** One finding with the way to act on it. */
export function FindingCard({ finding }: { readonly finding: Finding }): ReactElement {
  const { severity, title, detail, act } = finding;
  const isBad = severity === "bad";
  return (
    <Card withBorder padding="sm">
      <Group wrap="nowrap" align="flex-start" gap="sm">
        {isBad ? (
          <IconAlertTriangle className="finding-bad" aria-hidden />
        ) : (
          <IconInfoCircle className="finding-warning" aria-hidden />
        )}
        <div className="finding-text">
          <Text fw={600} size="sm" className="wrap-anywhere">
            {title}
          </Text>
          <Text size="sm" c="dimmed" className="wrap-anywhere">
            {detail}
          </Text>
        </div>
        <Act act={act} title={title} />
      </Group>
    </Card>
  );
}

function Act({
  act,
  title,
}: {
  readonly act: FindingAct;
  readonly title: string;
}): ReactElement | undefined {
  const path = "store" in act ? contentPath(act.store) : "/";
  const mayVerify = useMay(path, "Datastore.Verify");
  const mayCollect = useMay(path, "Datastore.Modify");
  const look = { size: "xs", variant: "default" } as const;
  switch (act.kind) {
    case "show content": {
      const to = hashTo(["datastore", act.store, "content"], { ns: act.ns });
      return (
        <Button component="a" href={to} {...look} aria-label={`${words.show}: ${title}`}>
          {words.show}
        </Button>
      );
    }
    case "show task": {
      const to = hashTo(["tasks", act.upid]);
      return (
        <Button component="a" href={to} {...look} aria-label={`${words.show}: ${title}`}>
          {words.show}
        </Button>
      );
    }
    case "verify":
      if (!mayVerify) return undefined;
      return (
        <Button
          {...look}
          aria-label={`${words.verify}: ${title}`}
          onClick={() =>
            showDialog((close) => <VerifyDialog store={act.store} ns="" onClose={close} />)
          }
        >
          {words.verify}
        </Button>
      );
    case "collect":
      if (!mayCollect) return undefined;
      return (
        <Button
          {...look}
          aria-label={`${words.collect}: ${title}`}
          onClick={() => showDialog((close) => <CollectDialog store={act.store} onClose={close} />)}
        >
          {words.collect}
        </Button>
      );
  }
}
