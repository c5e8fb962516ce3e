import { SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { certificatesQuery, serverStatusQuery, versionQuery } from "../api/server-api.ts";
import { FactCard } from "../datastore/fact-card.tsx";
import { UsageBar } from "../datastore/usage-bar.tsx";
import { CopyField } from "../parts/copy-field.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { percentText, sizeText } from "../parts/size-text.ts";
import { durationText, timeText } from "../parts/time-text.ts";
import { serverWords as words } from "../strings/server-words.ts";

/** How the machine is doing, what runs on it, and its certificate. */
export function ServerTab(): ReactElement {
  const status = useQuery(serverStatusQuery);
  const version = useQuery(versionQuery);
  const certificates = useQuery(certificatesQuery);
  return (
    <Stack>
      <Loaded query={status}>
        {({ cpu, wait, loadavg, uptime, memory, root, cpuinfo, ...rest }) => (
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 4 }}>
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
      <Loaded query={certificates}>
        {(list) =>
          list.map((each) => (
            <FactCard key={each.filename} name={words.certificate}>
              <Stack gap="xs" mt="xs">
                <Text size="sm">
                  {words.subject} {each.subject}, {words.validUntil} {timeText(each.notafter)}
                </Text>
                <CopyField label={words.fingerprint} value={each.fingerprint} />
              </Stack>
            </FactCard>
          ))
        }
      </Loaded>
    </Stack>
  );
}
