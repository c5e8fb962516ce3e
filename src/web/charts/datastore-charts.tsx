import { Card, Group, SegmentedControl, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo, useState } from "react";

import { type Measurement, measurementsQuery } from "../api/measurements-api.ts";
import { Loaded } from "../parts/loaded.tsx";
import { sizeText } from "../parts/size-text.ts";
import { chartWords as words } from "../strings/chart-words.ts";
import { type Curve, LineChart } from "./line-chart.tsx";

const perSecondText = (bytes: number): string => words.perSecond(sizeText(bytes));

/** Space and transfer of a datastore over time. */
export function DatastoreCharts({ store }: { readonly store: string }): ReactElement {
  const [frame, setFrame] = useState("day");
  const query = useQuery(measurementsQuery(store, frame));
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Title order={2} size="h4">
          {words.title}
        </Title>
        <SegmentedControl
          aria-label={words.frame}
          size="xs"
          value={frame}
          onChange={setFrame}
          data={Object.entries(words.frames).map(([value, label]) => ({ value, label }))}
        />
      </Group>
      <Loaded query={query}>{(points) => <Charts points={points} />}</Loaded>
    </Stack>
  );
}

function Charts({ points }: { readonly points: readonly Measurement[] }): ReactElement {
  const { timesSec, space, transfer } = useMemo(() => {
    const curve = (name: string, label: string, color: string): Curve => ({
      label,
      color,
      values: points.map((point) => point[name] ?? null),
    });
    return {
      timesSec: points.map((point) => point["time"] ?? 0),
      space: [curve("used", words.usage, "#d97706")],
      transfer: [
        curve("read_bytes", words.read, "#0e8f67"),
        curve("write_bytes", words.write, "#3b82f6"),
      ],
    };
  }, [points]);
  const hasValues = points.some((point) => point["used"] !== undefined);
  if (!hasValues) return <Text c="dimmed">{words.empty}</Text>;
  const last = [...points].reverse().find((point) => point["used"] !== undefined)?.["used"] ?? 0;
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }}>
      <Card withBorder padding="sm">
        <Text size="sm" fw={500}>
          {words.usage}
        </Text>
        <LineChart
          summary={words.summary(words.usage, sizeText(last))}
          timesSec={timesSec}
          curves={space}
          valueText={sizeText}
        />
      </Card>
      <Card withBorder padding="sm">
        <Text size="sm" fw={500}>
          {words.transfer}
        </Text>
        <LineChart
          summary={words.transfer}
          timesSec={timesSec}
          curves={transfer}
          valueText={perSecondText}
        />
      </Card>
    </SimpleGrid>
  );
}
