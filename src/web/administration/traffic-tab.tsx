import { Button, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { useMay } from "../api/privileges.ts";
import { type TrafficRule, trafficQuery } from "../api/traffic-api.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { EntryActions } from "../parts/entry-actions.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Section } from "../parts/section.tsx";
import { sizeText } from "../parts/size-text.ts";
import { jobWords } from "../strings/job-words.ts";
import { trafficWords as words } from "../strings/traffic-words.ts";
import { TrafficDialog } from "./traffic-dialog.tsx";

/** Rules of traffic control, with what passes at present. */
export function TrafficTab(): ReactElement {
  const query = useQuery(trafficQuery);
  const mayChange = useMay("/", "Sys.Modify");
  const edit = (rule: TrafficRule | undefined): void =>
    showDialog((close) => <TrafficDialog rule={rule} onClose={close} />);
  return (
    <Section
      title={words.title}
      hint={words.hint}
      action={mayChange && <Button onClick={() => edit(undefined)}>{words.add}</Button>}
    >
      <Loaded query={query}>
        {(rules) =>
          rules.length === 0 ? (
            <Text c="dimmed">{jobWords.none}</Text>
          ) : (
            <RuleTable rules={rules} onEdit={mayChange ? edit : undefined} />
          )
        }
      </Loaded>
    </Section>
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
  return (
    <Table.ScrollContainer minWidth={320} type="native">
      <Table withTableBorder className="plain-table">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{words.columns.rule}</Table.Th>
            <Table.Th visibleFrom="sm">{words.columns.whom}</Table.Th>
            <Table.Th>{words.columns.limits}</Table.Th>
            <Table.Th>{words.columns.now}</Table.Th>
            <Table.Th>
              <span className="hidden-text">{jobWords.columns.actions}</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rules.map((rule) => (
            <Table.Tr key={rule.name}>
              <Table.Td className="wrap-anywhere">
                <Text size="sm" fw={500}>
                  {rule.name}
                </Text>
                <Text size="xs" c="dimmed">
                  {rule.comment}
                </Text>
              </Table.Td>
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
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
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
