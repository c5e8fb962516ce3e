import { SimpleGrid, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { serverStatusQuery, versionQuery } from "../api/server-api.ts";
import { FactCard } from "../datastore/fact-card.tsx";
import { UsageBar } from "../datastore/usage-bar.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { percentText, sizeText } from "../parts/size-text.ts";
import { durationText } from "../parts/time-text.ts";
import { serverWords as words } from "../strings/server-words.ts";
import { ServerSettings } from "./server-settings.tsx";

/** How the machine is doing, what runs on it, and the settings of the whole. */
export function ServerTab(): ReactElement {
  const status = useQuery(serverStatusQuery);
  const version = useQuery(versionQuery);
  return (
    <Stack>
      <Loaded query={status}>
        {({ cpu, wait, loadavg, uptime, memory, root, cpuinfo, ...rest }) => (
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
            <FactCard
              name={words.processor}
              value={percentText(cpu)}
              detail={
                <>
                  {cpuinfo.model}, {words.cores(cpuinfo.cpus)}
                  <br />
                  {words.load} {loadavg.map((each) => each.toFixed(2)).join(" ")},{" "}
                  {words.wait(percentText(wait))}
                </>
              }
            />
            <FactCard
              name={words.memory}
              value={percentText(memory.used / memory.total)}
              detail={words.used(sizeText(memory.used), sizeText(memory.total))}
            >
              <UsageBar used={memory.used} total={memory.total} label={words.memory} />
            </FactCard>
            <FactCard
              name={words.swap}
              value={
                rest.swap.total === 0 ? words.noSwap : percentText(rest.swap.used / rest.swap.total)
              }
              detail={words.used(sizeText(rest.swap.used), sizeText(rest.swap.total))}
            />
            <FactCard
              name={words.root}
              value={percentText(root.used / root.total)}
              detail={words.used(sizeText(root.used), sizeText(root.total))}
            >
              <UsageBar used={root.used} total={root.total} label={words.root} />
            </FactCard>
            <FactCard
              name={words.uptime}
              value={durationText(uptime)}
              detail={
                <>
                  {version.data?.repoid}
                  <br />
                  {rest["current-kernel"].sysname} {rest["current-kernel"].release}
                </>
              }
            />
          </SimpleGrid>
        )}
      </Loaded>
      <ServerSettings />
    </Stack>
  );
}
