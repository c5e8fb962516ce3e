import { type FastifyBaseLogger } from "fastify";

import { BackupError } from "../../format/backup-error.ts";
import { type Clock } from "../../format/clock.ts";
import { FormatError } from "../../format/format-error.ts";
import { type Section } from "../configuration/section-config.ts";
import { type SectionStore } from "../configuration/section-file.ts";
import { type Datastores, type KnownDatastore } from "../datastores.ts";
import { groupMetrics, type GroupMetrics } from "../metrics/group-metrics.ts";
import { type Notifier } from "../notifications/notifier.ts";
import { type OverdueMemory, type OverdueMemoryFile } from "./overdue-memory.ts";
import { overdueNotification, readabilityNotification } from "./overdue-notification.ts";
import { type OverdueRule, overdueRule, ruleFor, type WatchedPlace } from "./overdue-rule.ts";
import { keyOf, nameOf, type WatchedGroup } from "./watched-group.ts";

/** Seconds between two looks at all groups. */
const INTERVAL_SEC = 900;

/** What the check works with. */
export interface OverdueCheckOptions {
  /** `overdue.cfg`. */
  readonly file: SectionStore;
  readonly memory: OverdueMemoryFile;
  readonly datastores: Datastores;
  readonly notifier: Pick<Notifier, "deliver">;
  readonly clock: Clock;
  readonly hostName: string;
  readonly logger: FastifyBaseLogger;
}

/**
 * Watches over groups whose backups must not be older than a rule of `overdue.cfg` allows.
 *
 * People are told once when a group becomes overdue and once when it is not any more, a message for each datastore, also across a restart: what was told
 * is written down after it has arrived or was given up, so that a crash may repeat it, never lose it. A datastore that cannot be read keeps its state;
 * people are told once that nobody watches over it, and once that it can be read again, unless it is in maintenance.
 */
export class OverdueCheck {
  readonly #options: OverdueCheckOptions;
  #checkedSec = -Infinity;
  /** What people are still being told, with the datastore it is about. */
  readonly #telling = new Map<Promise<void>, string>();
  /** Datastores of which people know that they cannot be read. */
  readonly #unreadable = new Set<string>();
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(options: OverdueCheckOptions) {
    this.#options = options;
  }

  /** Looks at everything when the last look is long enough ago; called at each full minute. */
  async tick(): Promise<void> {
    const now = this.#options.clock.nowSec();
    if (Math.abs(now - this.#checkedSec) < INTERVAL_SEC) return;
    this.#checkedSec = now;
    const rules = await this.#rules();
    const busy = new Set(this.#telling.values());
    const before = await this.#options.memory.read();
    if (rules.length === 0 && before.missed.size + before.overdue.size === 0) return;
    const looks: Look[] = [];
    for (const known of this.#options.datastores.all()) {
      // Those whose people are still being told are looked at again when they were.
      const isBusy = busy.has(known.entry.name);
      const watched = isBusy ? undefined : await this.#watchedNow(known, rules, before);
      looks.push({ store: known.entry.name, watched });
    }
    await this.#remember((memory) => memoryAfter(looks, memory, now));
    await Promise.all(
      looks.map(async ({ store, watched = [] }) => {
        const { begun, over } = changesOf(watched, before);
        await this.#tell(store, begun, "overdue");
        await this.#tell(store, over, "recovered");
      }),
    );
  }

  /** Resolves when nothing that people are told is under way any more. */
  async whenIdle(): Promise<void> {
    await Promise.all(this.#telling.keys());
    await this.#lastChange;
  }

  /** Every group that is watched in a datastore; one that cannot be read has none. */
  async watched(store: string): Promise<readonly WatchedGroup[]> {
    const memory = await this.#options.memory.read();
    const rules = await this.#rules();
    try {
      return await this.#watchedIn(store, rules, memory);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      return [];
    }
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

  /** `undefined` when the datastore cannot be read now, for whatever reason, of which people are told. */
  async #watchedNow(
    { entry }: KnownDatastore,
    rules: readonly OverdueRule[],
    memory: OverdueMemory,
  ): Promise<readonly WatchedGroup[] | undefined> {
    const { name, maintenance } = entry;
    try {
      const watched = await this.#watchedIn(name, rules, memory);
      if (this.#unreadable.has(name)) await this.#tellReadable(name, undefined);
      return watched;
    } catch (error) {
      const isOurs = !(error instanceof BackupError);
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.logger.warn(
        { store: name, ...(isOurs ? { err: error } : { reason }) },
        "datastore cannot be read, its backups are not watched",
      );
      const isWatched = rules.some(
        ({ store, ageMaxSec }) => ageMaxSec !== undefined && (store ?? name) === name,
      );
      if (isWatched && !maintenance && !this.#unreadable.has(name)) {
        await this.#tellReadable(name, reason);
      }
      return undefined;
    }
  }

  async #watchedIn(
    store: string,
    rules: readonly OverdueRule[],
    memory: OverdueMemory,
  ): Promise<readonly WatchedGroup[]> {
    if (rules.length === 0) return [];
    const groups: GroupMetrics[] = [];
    const datastore = this.#options.datastores.require(store, "read");
    for await (const each of groupMetrics(datastore)) groups.push(each);
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
    const { isOver } = await notifier.deliver(notification);
    const remember = async (hasEnded: boolean): Promise<void> => {
      if (hasEnded)
        await this.#remember((memory) => memoryOfTold(groups, kind, memory, clock.nowSec()));
    };
    if (typeof isOver === "boolean") {
      await remember(isOver);
      return;
    }
    const telling = isOver.then(remember).catch((error: unknown) => {
      logger.error({ err: error, store }, "state of overdue backups not saved");
    });
    this.#telling.set(telling, store);
    void telling.then(() => this.#telling.delete(telling));
  }

  /** Tells that a datastore cannot be read, with the reason, or can be read again. */
  async #tellReadable(store: string, reason: string | undefined): Promise<void> {
    const { clock, hostName, notifier } = this.#options;
    const about = { store, hostName, nowSec: clock.nowSec() };
    const { isOver } = await notifier.deliver(readabilityNotification(reason, about));
    if (isOver === false) return; // Said at the next look, then.
    if (reason === undefined) this.#unreadable.delete(store);
    else this.#unreadable.add(store);
  }

  /** Changes what is remembered, one change after the other. */
  async #remember(change: (memory: OverdueMemory) => OverdueMemory): Promise<void> {
    const { memory: file } = this.#options;
    const turn = this.#lastChange.then(async () => {
      const before = await file.read();
      const after = change(before);
      if (isEqual(before.missed, after.missed) && isEqual(before.overdue, after.overdue)) return;
      await file.write(after);
    });
    this.#lastChange = turn.catch(() => undefined);
    await turn;
  }
}

/** What was found in a datastore; without groups when it was not looked at. */
interface Look {
  readonly store: string;
  readonly watched: readonly WatchedGroup[] | undefined;
}

/** What is remembered after a look, before anybody was told: groups that are gone or not watched are forgotten. */
function memoryAfter(looks: readonly Look[], before: OverdueMemory, nowSec: number): OverdueMemory {
  const missed = new Map<string, number>();
  const overdue = new Map<string, number>();
  for (const { store, watched } of looks) {
    if (!watched) {
      keepOf(store, before.missed, missed);
      keepOf(store, before.overdue, overdue);
      continue;
    }
    for (const each of changesOf(watched, before).missed) {
      missed.set(keyOf(each), firstMissed(before, each, nowSec));
    }
    for (const key of watched.map(keyOf)) {
      const since = before.overdue.get(key);
      if (since !== undefined) overdue.set(key, since);
    }
  }
  return { missed, overdue };
}

function memoryOfTold(
  groups: readonly WatchedGroup[],
  kind: "overdue" | "recovered",
  { missed, overdue: before }: OverdueMemory,
  nowSec: number,
): OverdueMemory {
  const overdue = new Map(before);
  for (const key of groups.map(keyOf)) {
    if (kind === "overdue") overdue.set(key, nowSec);
    else overdue.delete(key);
  }
  return { missed, overdue };
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

function keepOf(store: string, from: ReadonlyMap<string, number>, into: Map<string, number>): void {
  for (const [key, sec] of from) if (key.startsWith(`${store}:`)) into.set(key, sec);
}

function isEqual(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([key, sec]) => other.get(key) === sec);
}
