import { Button } from "@mantine/core";
import { type UseQueryResult } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { Loaded } from "./loaded.tsx";
import { Section } from "./section.tsx";

/** A part of a page with things of one kind, which those who may can add and edit. */
export function EntrySection<Entry>({
  title,
  hint,
  addLabel,
  query,
  onEdit,
  children,
}: {
  readonly title: string;
  readonly hint: string;
  readonly addLabel: string;
  readonly query: UseQueryResult<readonly Entry[]>;
  /** Absent for those who may not change any; asked for a new one with nothing. */
  readonly onEdit: ((entry: Entry | undefined) => void) | undefined;
  /** Shows them. */
  readonly children: (entries: readonly Entry[]) => ReactElement;
}): ReactElement {
  return (
    <Section
      title={title}
      hint={hint}
      action={onEdit && <Button onClick={() => onEdit(undefined)}>{addLabel}</Button>}
    >
      <Loaded query={query}>{children}</Loaded>
    </Section>
  );
}
