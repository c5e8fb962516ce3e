import { Badge, Divider, NavLink, ScrollArea, Text } from "@mantine/core";
import {
  IconDatabase,
  IconLayoutDashboard,
  IconListCheck,
  IconSettings,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { datastoresQuery } from "../api/datastore-api.ts";
import { frameWords } from "../strings/frame-words.ts";
import { hashTo } from "./hash-route.ts";

const icon = { size: 18, stroke: 1.7, "aria-hidden": true } as const;

/** Ways to every page. */
export function Navigation({ path }: { readonly path: readonly string[] }): ReactElement {
  const { data: datastores } = useQuery(datastoresQuery);
  const [area, name] = path;
  return (
    <ScrollArea>
      <NavLink
        href={hashTo([])}
        label={frameWords.dashboard}
        leftSection={<IconLayoutDashboard {...icon} />}
        active={area === undefined}
        aria-current={area === undefined ? "page" : undefined}
      />
      <Text size="xs" fw={600} c="dimmed" tt="uppercase" px="sm" pt="md" pb={4} component="h2">
        {frameWords.datastores}
      </Text>
      {datastores?.length === 0 && (
        <Text size="sm" c="dimmed" px="sm">
          {frameWords.noDatastores}
        </Text>
      )}
      {datastores?.map(({ store, comment, maintenance }) => {
        const isHere = area === "datastore" && name === store;
        return (
          <NavLink
            key={store}
            href={hashTo(["datastore", store])}
            label={store}
            description={comment ?? undefined}
            leftSection={<IconDatabase {...icon} />}
            rightSection={maintenance !== undefined && <Badge size="xs">{maintenance}</Badge>}
            active={isHere}
            aria-current={isHere ? "page" : undefined}
          />
        );
      })}
      <Divider my="sm" />
      <NavLink
        href={hashTo(["tasks"])}
        label={frameWords.tasks}
        leftSection={<IconListCheck {...icon} />}
        active={area === "tasks"}
        aria-current={area === "tasks" ? "page" : undefined}
      />
      <NavLink
        href={hashTo(["administration"])}
        label={frameWords.administration}
        leftSection={<IconSettings {...icon} />}
        active={area === "administration"}
        aria-current={area === "administration" ? "page" : undefined}
      />
    </ScrollArea>
  );
}
