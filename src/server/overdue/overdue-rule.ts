import {
  isWithinNamespace,
  type Namespace,
  namespaceDepth,
  parseNamespace,
} from "../../format/snapshot/namespace.ts";
import { type BackupGroup, parseBackupGroup } from "../../format/snapshot/snapshot-id.ts";
import { numberProperty } from "../configuration/job-config.ts";
import { type Section } from "../configuration/section-config.ts";
import { isTrueText } from "../configuration/section-entry.ts";
import { type GroupFilter, parseGroupFilter } from "../sync/group-filter.ts";

const HOUR_SEC = 3600;

/** How old the newest backup of some groups may be. */
export interface OverdueRule {
  readonly name: string;
  /** Datastore; `undefined` for all. */
  readonly store: string | undefined;
  readonly namespace: Namespace;
  /** Levels below the namespace that it is about, too. */
  readonly depthMax: number;
  readonly filter: GroupFilter;
  /** Groups that the filter names one by one: they are missed even when there is no trace of them. */
  readonly named: readonly BackupGroup[];
  /** `undefined` for groups that are not watched. */
  readonly ageMaxSec: number | undefined;
  /** The higher, the more a rule says about which groups it is for. */
  readonly rank: number;
}

/** A group and where it lies. */
export interface WatchedPlace {
  readonly store: string;
  readonly namespace: Namespace;
  readonly group: BackupGroup;
}

/**
 * The rule of a section of `overdue.cfg`; `undefined` for one that is off.
 *
 * @throws {FormatError} `FORMAT_INVALID` for a namespace or filter that is none.
 */
export function overdueRule({ id, properties }: Section): OverdueRule | undefined {
  if (isTrueText(properties.get("disable") ?? "0")) return undefined;
  const store = properties.get("store");
  const namespace = parseNamespace(properties.get("ns") ?? "");
  const entries = (properties.get("group-filter") ?? "").split("\n").filter((text) => text !== "");
  const hours = numberProperty(properties, "hours") ?? 0;
  return {
    name: id,
    store,
    namespace,
    depthMax: numberProperty(properties, "max-depth") ?? Infinity,
    filter: parseGroupFilter(entries),
    named: store === undefined ? [] : entries.flatMap(namedGroup),
    ageMaxSec: hours === 0 ? undefined : hours * HOUR_SEC,
    // A filter says more than any namespace, a namespace more than the datastore alone.
    rank:
      (entries.length > 0 ? 1000 : 0) +
      10 * namespaceDepth(namespace) +
      (store === undefined ? 0 : 1),
  };
}

/**
 * The rule that counts for a group: of those that fit, the one that says most about which groups it is for, and of several such
 * ones the strictest; `undefined` when none fits.
 */
export function ruleFor(
  rules: readonly OverdueRule[],
  { store, namespace, group }: WatchedPlace,
): OverdueRule | undefined {
  const fitting = rules.filter(
    (rule) =>
      (rule.store === undefined || rule.store === store) &&
      isWithinNamespace(namespace, rule.namespace) &&
      namespaceDepth(namespace) - namespaceDepth(rule.namespace) <= rule.depthMax &&
      rule.filter(group),
  );
  const strictness = ({ ageMaxSec }: OverdueRule): number => ageMaxSec ?? Infinity;
  return fitting.sort((a, b) => b.rank - a.rank || strictness(a) - strictness(b))[0];
}

function namedGroup(entry: string): readonly BackupGroup[] {
  const [, text] = /^(?:include:)?group:(.+)$/.exec(entry) ?? [];
  return text === undefined ? [] : [parseBackupGroup(text)];
}
