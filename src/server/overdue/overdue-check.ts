import { type FastifyBaseLogger } from "fastify";

import { BackupError } from "../../format/backup-error.ts";
import { type Clock } from "../../format/clock.ts";
import { FormatError } from "../../format/format-error.ts";
import { backupGroupText } from "../../format/snapshot/snapshot-id.ts";
import { type Section } from "../configuration/section-config.ts";
import { type SectionStore } from "../configuration/section-file.ts";
import { type Datastores } from "../datastores.ts";
import { groupMetrics, type GroupMetrics } from "../metrics/group-metrics.ts";
import { type Notification } from "../notifications/notification.ts";
import { type Notifier } from "../notifications/notifier.ts";
import { formatLocalTime } from "../tasks/local-time.ts";
import { type OverdueMemory, type OverdueMemoryFile } from "./overdue-memory.ts";
import { type OverdueRule, overdueRule, ruleFor, type WatchedPlace } from "./overdue-rule.ts";

/** Seconds between two looks at all groups. */
const INTERVAL_SEC = 900;

/** What the check works with. */
export interface OverdueCheckOptions {
  /** `overdue.cfg`. */
  readonly file: SectionStore;
  readonly memory: OverdueMemoryFile;
  readonly datastores: Datastores;
  readonly notifier: Pick<Notifier, "notify">;
  readonly clock: Clock;
  readonly hostName: string;
  readonly logger: FastifyBaseLogger;
}

/** A group that is watched. */
export interface WatchedGroup extends WatchedPlace {
  /** Name of the rule that counts for it. */
  readonly rule: string;
  readonly ageMaxSec: number;
  /** Time of the newest finished backup; `undefined` when there is none. */
  readonly lastSuccessSec: number | undefined;
  readonly isOverdue: boolean;
}

/**
 * Watches over groups whose backups must not be older than a rule of `overdue.cfg` allows.
 *
 * People are told once when a group becomes overdue and once when it is not any more, a message for each datastore, also across a restart: what was told
 * is written down after it was said, so that a crash may repeat it, never lose it. A datastore that cannot be read keeps its state.
 */
export class OverdueCheck {
  readonly #options: OverdueCheckOptions;
  #checkedSec = -Infinity;

  constructor(options: OverdueCheckOptions) {
    this.#options = options;
  }

  /** Looks at everything when the last look is long enough ago; called at each full minute. */
  async tick(): Promise<void> {
    const now = this.#options.clock.nowSec();
    if (Math.abs(now - this.#checkedSec) < INTERVAL_SEC) return;
    this.#checkedSec = now;
    const rules = await this.#rules();
    const before = await this.#options.memory.read();
    if (rules.length === 0 && before.missed.size + before.overdue.size === 0) return;
    const missed = new Map<string, number>();
    const overdue = new Map<string, number>();
    for (const { entry, datastore } of this.#options.datastores.all()) {
      const watched = datastore && (await this.#watchedIn(entry.name, rules, before));
      if (watched) {
        const changes = changesOf(watched, before);
        for (const each of changes.missed) missed.set(keyOf(each), firstMissed(before, each, now));
        for (const each of watched.filter(({ isOverdue }) => isOverdue)) {
          overdue.set(keyOf(each), before.overdue.get(keyOf(each)) ?? now);
        }
        await this.#tell(entry.name, changes.begun, "overdue");
        await this.#tell(entry.name, changes.over, "recovered");
      } else {
        keepOf(entry.name, before.missed, missed);
        keepOf(entry.name, before.overdue, overdue);
      }
    }
    if (!isEqual(before.missed, missed) || !isEqual(before.overdue, overdue)) {
      await this.#options.memory.write({ missed, overdue });
    }
  }

  /** Every group that is watched in a datastore; one that cannot be read has none. */
  async watched(store: string): Promise<readonly WatchedGroup[]> {
    const memory = await this.#options.memory.read();
    return (await this.#watchedIn(store, await this.#rules(), memory)) ?? [];
  }

  /** Like {@link watched}, of groups that were just read. */
  async watchedAmong(
    store: string,
    groups: readonly GroupMetrics[],
  ): Promise<readonly WatchedGroup[]> {
    const memory = await this.#options.memory.read();
    return this.#judged(store, groups, { rules: await this.#rules(), memory });
  }

  /** The rules as they are now; one that cannot be read is passed over, and logged. */
  async #rules(): Promise<readonly OverdueRule[]> {
    const { sections } = await this.#options.file.read();
    return sections
      .filter(({ type }) => type === "rule")
      .flatMap((section) => this.#readable(section));
  }

  #readable(section: Section): readonly OverdueRule[] {
    try {
      const rule = overdueRule(section);
      return rule ? [rule] : [];
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const fields = { rule: section.id, reason: error.message };
      this.#options.logger.warn(fields, "rule about overdue backups cannot be read");
      return [];
    }
  }

  /** `undefined` when the datastore cannot be read now. */
  async #watchedIn(
    store: string,
    rules: readonly OverdueRule[],
    memory: OverdueMemory,
  ): Promise<readonly WatchedGroup[] | undefined> {
    if (rules.length === 0) return [];
    const groups: GroupMetrics[] = [];
    try {
      const datastore = this.#options.datastores.require(store, "read");
      for await (const each of groupMetrics(datastore)) groups.push(each);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      return undefined;
    }
    return this.#judged(store, groups, { rules, memory });
  }

  #judged(
    store: string,
    groups: readonly GroupMetrics[],
    { rules, memory }: { readonly rules: readonly OverdueRule[]; readonly memory: OverdueMemory },
  ): readonly WatchedGroup[] {
    const watched = new Map<string, WatchedGroup>();
    const add = (place: WatchedPlace, lastSuccessSec: number | undefined): void => {
      const key = keyOf(place);
      const rule = ruleFor(rules, place);
      if (rule?.ageMaxSec === undefined || watched.has(key)) return;
      const { ageMaxSec, name } = rule;
      const sinceSec = lastSuccessSec ?? memory.missed.get(key);
      const isOverdue =
        sinceSec !== undefined && this.#options.clock.nowSec() - sinceSec > ageMaxSec;
      watched.set(key, { ...place, rule: name, ageMaxSec, lastSuccessSec, isOverdue });
    };
    for (const { namespace, group, lastSuccessSec } of groups) {
      add({ store, namespace, group }, lastSuccessSec);
    }
    for (const { store: of, namespace, named } of rules) {
      if (of === store) for (const group of named) add({ store, namespace, group }, undefined);
    }
    return [...watched.values()];
  }

  async #tell(
    store: string,
    groups: readonly WatchedGroup[],
    kind: "overdue" | "recovered",
  ): Promise<void> {
    if (groups.length === 0) return;
    const { clock, hostName, notifier, logger } = this.#options;
    const notification = overdueNotification(groups, {
      store,
      kind,
      hostName,
      nowSec: clock.nowSec(),
    });
    const fields = { store, groups: groups.map(nameOf) };
    if (kind === "overdue") logger.warn(fields, "backups are overdue");
    else logger.info(fields, "backups are not overdue any more");
    await notifier.notify(notification);
  }
}

function overdueNotification(
  groups: readonly WatchedGroup[],
  about: {
    readonly store: string;
    readonly kind: "overdue" | "recovered";
    readonly hostName: string;
    readonly nowSec: number;
  },
): Notification {
  const { store, kind, hostName, nowSec } = about;
  const [first] = groups;
  const which =
    groups.length === 1 && first
      ? `Backup of ${nameOf(first)}`
      : `Backups of ${groups.length} groups`;
  const state =
    kind === "overdue"
      ? groups.length === 1
        ? "is overdue"
        : "are overdue"
      : groups.length === 1
        ? "is not overdue any more"
        : "are not overdue any more";
  const lines = groups.map((each) => {
    const last = each.lastSuccessSec;
    const when =
      last === undefined ? "there is none" : `the last one is of ${formatLocalTime(last)}`;
    return `${nameOf(each)}: ${when}; wanted every ${each.ageMaxSec / 3600} hours (rule '${each.rule}')`;
  });
  const title = `${which} in datastore '${store}' ${state} on ${hostName}`;
  return {
    title,
    text: `${title}.\n\n${lines.join("\n")}\n`,
    severity: kind === "overdue" ? "error" : "info",
    fields: { type: "backup-overdue", datastore: store, hostname: hostName },
    timeSec: nowSec,
  };
}

function changesOf(
  watched: readonly WatchedGroup[],
  before: OverdueMemory,
): Readonly<Record<"begun" | "over" | "missed", readonly WatchedGroup[]>> {
  const wasOverdue = (group: WatchedGroup): boolean => before.overdue.has(keyOf(group));
  return {
    begun: watched.filter((group) => group.isOverdue && !wasOverdue(group)),
    over: watched.filter((group) => !group.isOverdue && wasOverdue(group)),
    missed: watched.filter(({ lastSuccessSec }) => lastSuccessSec === undefined),
  };
}

function firstMissed(before: OverdueMemory, group: WatchedGroup, nowSec: number): number {
  return before.missed.get(keyOf(group)) ?? nowSec;
}

function keyOf({ store, namespace, group }: WatchedPlace): string {
  return `${store}:${namespace}:${backupGroupText(group)}`;
}

/** `a/b:host/web`, or without namespace the group alone. */
function nameOf({ namespace, group }: WatchedPlace): string {
  return namespace === "" ? backupGroupText(group) : `${namespace}:${backupGroupText(group)}`;
}

function keepOf(store: string, from: ReadonlyMap<string, number>, into: Map<string, number>): void {
  for (const [key, sec] of from) if (key.startsWith(`${store}:`)) into.set(key, sec);
}

function isEqual(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([key, sec]) => other.get(key) === sec);
}
