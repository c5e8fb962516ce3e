import { Type } from "typebox";
import { Compile } from "typebox/compile";

import { ConfigDirectory } from "../configuration/config-directory.ts";
import { type Consolidation, type Resolution, RoundRobin } from "./round-robin.ts";

/** Periods that clients ask for, and the steps that each has (spec rest-api.md §5.7). */
export const timeframes = {
  hour: { stepSec: 60, count: 60 },
  day: { stepSec: 60, count: 1440 },
  week: { stepSec: 1800, count: 336 },
  month: { stepSec: 1800, count: 1440 },
  year: { stepSec: 21_600, count: 1440 },
  decade: { stepSec: 604_800, count: 570 },
} as const satisfies Readonly<Record<string, Resolution>>;

/** Name of a period. */
export type Timeframe = keyof typeof timeframes;

/** One step of several series: its beginning, and every value that is known. */
export type HistoryRow = Readonly<Record<string, number>> & { readonly time: number };

const storedSource = Compile(
  Type.Record(
    Type.String(),
    Type.Object({
      archives: Type.Array(
        Type.Object({
          average: Type.String(),
          maximum: Type.String(),
          step: Type.Integer(),
          sum: Type.Number(),
          count: Type.Integer(),
          largest: Type.Number(),
        }),
      ),
    }),
  ),
);

/**
 * What was measured of this machine and of every datastore, in one file per source below the server's state folder.
 *
 * Kept in memory; {@link save} writes what has changed. A file that cannot be read is started anew.
 */
export class MetricHistory {
  readonly #directory: ConfigDirectory;
  readonly #sources = new Map<string, Map<string, RoundRobin>>();
  readonly #changed = new Set<string>();

  private constructor(directory: ConfigDirectory) {
    this.#directory = directory;
  }

  /** Opens the folder, which is made when it does not exist. */
  static async open(path: string): Promise<MetricHistory> {
    return new MetricHistory(await ConfigDirectory.open(path));
  }

  /** Adds one measurement of each of some series. `source` must be fit for a file name. */
  async record(
    source: string,
    timeSec: number,
    values: Readonly<Record<string, number | undefined>>,
  ): Promise<void> {
    const series = await this.#load(source);
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined || !Number.isFinite(value)) continue;
      const one = series.get(name) ?? RoundRobin.empty();
      series.set(name, one);
      one.add(timeSec, value);
    }
    this.#changed.add(source);
  }

  /** The steps of a period up to now, oldest first. */
  async read(
    source: string,
    nowSec: number,
    {
      timeframe,
      consolidation,
    }: { readonly timeframe: Timeframe; readonly consolidation: Consolidation },
  ): Promise<readonly HistoryRow[]> {
    const resolution = timeframes[timeframe];
    const { stepSec, count } = resolution;
    const first = (Math.floor(nowSec / stepSec) - count + 1) * stepSec;
    const rows = Array.from(
      { length: count },
      (_, index): Record<string, number> & { time: number } => ({
        time: first + index * stepSec,
      }),
    );
    for (const [name, series] of await this.#load(source)) {
      for (const [index, value] of series.read(nowSec, resolution, consolidation).entries()) {
        const row = rows[index];
        if (row && value !== undefined) row[name] = value;
      }
    }
    return rows;
  }

  /** Writes what has changed since the last time. */
  async save(): Promise<void> {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const source of changed) {
      const series = [...(this.#sources.get(source) ?? [])];
      const stored = Object.fromEntries(series.map(([name, one]) => [name, one.store()]));
      await this.#directory.write(`${source}.json`, JSON.stringify(stored));
    }
  }

  async #load(source: string): Promise<Map<string, RoundRobin>> {
    const known = this.#sources.get(source);
    if (known) return known;
    const text = await this.#directory.read(`${source}.json`);
    const read = text === undefined ? new Map<string, RoundRobin>() : parseSource(text);
    // Somebody else may have loaded it meanwhile.
    const present = this.#sources.get(source) ?? read;
    this.#sources.set(source, present);
    return present;
  }
}

function parseSource(text: string): Map<string, RoundRobin> {
  const series = new Map<string, RoundRobin>();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return series;
  }
  if (!storedSource.Check(value)) return series;
  for (const [name, stored] of Object.entries(value)) {
    const one = RoundRobin.restore(stored);
    if (one) series.set(name, one);
  }
  return series;
}
