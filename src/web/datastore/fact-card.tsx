import { Card, Group, Text } from "@mantine/core";
import { type ReactElement, type ReactNode } from "react";

/** One fact with its name, a line about it, and perhaps something to do. */
export function FactCard({
  name,
  value,
  detail,
  action,
  children,
}: {
  readonly name: string;
  readonly value?: ReactNode;
  readonly detail?: ReactNode;
  readonly action?: ReactNode;
  readonly children?: ReactNode;
}): ReactElement {
  return (
    <Card withBorder padding="md" h="100%">
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Text size="sm" c="dimmed" component="h2" m={0} fw={500}>
          {name}
        </Text>
        <div className="fact-action">{action}</div>
      </Group>
      {value !== undefined && (
        <Text size="xl" fw={650} mt={2} component="div">
          {value}
        </Text>
      )}
      {children}
      {detail !== undefined && (
        <Text size="sm" c="dimmed" mt={4} component="div">
          {detail}
        </Text>
      )}
    </Card>
  );
}
