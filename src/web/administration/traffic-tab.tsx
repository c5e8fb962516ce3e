import { Table } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { useMay } from "../api/privileges.ts";
import { type TrafficRule, trafficQuery } from "../api/traffic-api.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { EntryActions } from "../parts/entry-actions.tsx";
import { EntrySection } from "../parts/entry-section.tsx";
import { type EntryColumn, EntryTable, NameCell } from "../parts/entry-table.tsx";
import { sizeText } from "../parts/size-text.ts";
import { trafficWords as words } from "../strings/traffic-words.ts";
import { TrafficDialog } from "./traffic-dialog.tsx";

/** Rules of traffic control, with what passes at present. */
export function TrafficTab(): ReactElement {
  const query = useQuery(trafficQuery);
  const mayChange = useMay("/", "Sys.Modify");
  const edit = (rule: TrafficRule | undefined): void =>
    showDialog((close) => <TrafficDialog rule={rule} onClose={close} />);
  return (
    <EntrySection
      title={words.title}
      hint={words.hint}
      addLabel={words.add}
      query={query}
      onEdit={mayChange ? edit : undefined}
    >
      {(rules) => <RuleTable rules={rules} onEdit={mayChange ? edit : undefined} />}
    </EntrySection>
  );
}

function RuleTable({
  rules,
  onEdit,
}: {
  readonly rules: readonly TrafficRule[];
  /** Absent for those who may not change rules. */
  readonly onEdit: ((rule: TrafficRule) => void) | undefined;
}): ReactElement {
  const columns: readonly EntryColumn[] = [
    { title: words.columns.rule },
    { title: words.columns.whom, visibleFrom: "sm" },
    { title: words.columns.limits },
    { title: words.columns.now },
  ];
  return (
    <EntryTable columns={columns}>
      {rules.map((rule) => (
        <Table.Tr key={rule.name}>
          <NameCell name={rule.name} comment={rule.comment} />
          <Table.Td visibleFrom="sm">
            <Lines lines={whomOf(rule)} />
          </Table.Td>
          <Table.Td>
            <Lines lines={limitsOf(rule)} />
          </Table.Td>
          <Table.Td>
            <Lines
              lines={[
                words.into(sizeText(rule["cur-rate-in"])),
                words.outOf(sizeText(rule["cur-rate-out"])),
              ]}
            />
          </Table.Td>
          <Table.Td>
            {onEdit && (
              <EntryActions
                kind="traffic-control"
                id={rule.name}
                queryKey={trafficQuery.queryKey}
                removal={words.removal(rule.name)}
                onEdit={() => onEdit(rule)}
              />
            )}
          </Table.Td>
        </Table.Tr>
      ))}
    </EntryTable>
  );
}

function Lines({ lines }: { readonly lines: readonly string[] }): ReactElement {
  return (
    <>
      {lines.map((line) => (
        <div key={line}>{line}</div>
      ))}
    </>
  );
}

function whomOf({ network = [], users = [], timeframe = [] }: TrafficRule): readonly string[] {
  return [network, users, timeframe].map((list) => list.join(", ")).filter((text) => text !== "");
}

function limitsOf(rule: TrafficRule): readonly string[] {
  const rateIn = rule["rate-in"];
  const rateOut = rule["rate-out"];
  const limits = [
    ...(rateIn === undefined ? [] : [words.into(rateIn)]),
    ...(rateOut === undefined ? [] : [words.outOf(rateOut)]),
  ];
  return limits.length === 0 ? [words.unlimited] : limits;
}
