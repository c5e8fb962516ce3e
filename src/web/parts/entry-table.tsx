import { Table, type TableProps, Text } from "@mantine/core";
import { type ReactElement } from "react";

import { jobWords } from "../strings/job-words.ts";

/** A column of an {@link EntryTable}. */
export interface EntryColumn {
  readonly title: string;
  /** `sm`: left out on a phone. */
  readonly visibleFrom?: "sm";
  readonly ta?: "end";
}

/** A short table of things, whose last column, without a visible title, is for what can be done with each. */
export function EntryTable({
  columns,
  minWidth = 320,
  children,
  ...look
}: Pick<TableProps, "verticalSpacing" | "aria-label"> & {
  readonly columns: readonly EntryColumn[];
  /** Pixels below which it scrolls. */
  readonly minWidth?: number;
  /** Rows; in place of none there is a word. */
  readonly children: readonly ReactElement[];
}): ReactElement {
  if (children.length === 0) return <Text c="dimmed">{jobWords.none}</Text>;
  return (
    <Table.ScrollContainer minWidth={minWidth} type="native">
      <Table withTableBorder className="plain-table" {...look}>
        <Table.Thead>
          <Table.Tr>
            {columns.map(({ title, ...cell }) => (
              <Table.Th key={title} {...cell}>
                {title}
              </Table.Th>
            ))}
            <Table.Th>
              <span className="hidden-text">{jobWords.columns.actions}</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** The cell with the name of a thing, and what somebody has noted about it. */
export function NameCell({
  name,
  comment,
}: {
  readonly name: string;
  readonly comment?: string | undefined;
}): ReactElement {
  return (
    <Table.Td className="wrap-anywhere">
      <Text size="sm" fw={500}>
        {name}
      </Text>
      <Text size="xs" c="dimmed">
        {comment}
      </Text>
    </Table.Td>
  );
}
