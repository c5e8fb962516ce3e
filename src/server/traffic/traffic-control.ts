import { RateLimit } from "../../chunks/rate-limit.ts";
import { parseSizeText } from "../../format/bytes/size-text.ts";
import { type Clock } from "../../format/clock.ts";
import { FormatError } from "../../format/format-error.ts";
import { type TimeZone } from "../../format/schedule/time-zone.ts";
import { ConfigError } from "../configuration/config-error.ts";
import { type Section } from "../configuration/section-config.ts";
import { type SectionFile } from "../configuration/section-file.ts";
import { type ClientNetwork, parseClientNetwork } from "./client-network.ts";
import { type DailyWindow, isInWindow, parseDailyWindow } from "./daily-window.ts";

/** Which way bytes go, as the server sees it. */
export type Direction = "in" | "out";

/** Who transfers, from where. */
export interface TransferPeer {
  readonly authId: string;
  readonly address: string;
}

/** Lets the bytes of one connection wait. */
export interface TransferPace {
  /** Waits until so many more bytes may go. */
  take(direction: Direction, size: number, stop?: AbortSignal): Promise<void>;
}

/** Milliseconds for which the rules that were read are used. */
const RULES_KEPT_MS = 1000;

/** Milliseconds over which a rate is measured. */
const MEASURED_MS = 5000;

interface Rule {
  readonly name: string;
  readonly networks: readonly ClientNetwork[];
  readonly users: readonly string[];
  readonly windows: readonly DailyWindow[];
  /** Bytes a second and at once; absent where there is no limit. */
  readonly limits: Readonly<Partial<Record<Direction, Limit>>>;
}

interface Limit {
  readonly bytesPerSec: number;
  readonly burstBytes: number;
}

/**
 * Applies the rules of `traffic-control.cfg`.
 *
 * Of the rules whose network holds the client's address, whose time it is, and that name the client's user or nobody, the one with the longest prefix
 * counts, one that names the user first. Its rate is shared by everything it is about. Changes count within a second.
 */
export class TrafficControl {
  readonly #file: SectionFile;
  readonly #clock: Clock;
  readonly #zone: () => TimeZone;
  readonly #nowMs: () => number;
  readonly #onBroken: (error: Error) => void;
  readonly #buckets = new Map<string, { readonly limit: Limit; readonly bucket: RateLimit }>();
  readonly #measured = new Map<string, { sinceMs: number; bytes: number; bytesPerSec: number }>();
  #rules: readonly Rule[] = [];
  #readAtMs = -Infinity;

  constructor(
    file: SectionFile,
    time: {
      readonly clock: Clock;
      readonly zone: () => TimeZone;
      /** Monotonic time. */
      readonly nowMs: () => number;
      /** Told of a rule that cannot be read, which then limits nothing, and of a file, of which the rules before stay. */
      readonly onBroken: (error: Error) => void;
    },
  ) {
    this.#file = file;
    this.#onBroken = time.onBroken;
    this.#clock = time.clock;
    this.#zone = time.zone;
    this.#nowMs = time.nowMs;
  }

  /** The pace of one connection. */
  paceOf(peer: TransferPeer): TransferPace {
    return {
      take: async (direction, size, stop) => {
        const rule = this.#ruleOf(await this.#currentRules(), peer);
        if (!rule) return;
        const key = keyOf(rule.name, direction);
        this.#measure(key, size);
        const limit = rule.limits[direction];
        if (limit) await this.#bucketOf(key, limit).take(size, stop);
      },
    };
  }

  /** Bytes a second that a rule let pass lately. */
  rateOf(name: string, direction: Direction): number {
    const measured = this.#measured.get(keyOf(name, direction));
    if (!measured || this.#nowMs() - measured.sinceMs > 2 * MEASURED_MS) return 0;
    return Math.round(measured.bytesPerSec);
  }

  #ruleOf(rules: readonly Rule[], { authId, address }: TransferPeer): Rule | undefined {
    if (rules.length === 0) return undefined;
    const now = this.#zone().wallTime(this.#clock.nowSec());
    const [user = ""] = authId.split("!");
    const rank = (rule: Rule): number => {
      const isNamed = rule.users.includes(user) || rule.users.includes(authId);
      if (rule.users.length > 0 && !isNamed) return -1;
      if (rule.windows.length > 0 && !rule.windows.some((each) => isInWindow(each, now))) return -1;
      const fitting = rule.networks.filter((network) => network.contains(address));
      const prefix = Math.max(-1, ...fitting.map(({ prefixBits }) => prefixBits));
      return prefix < 0 ? -1 : prefix + (isNamed ? 1000 : 0);
    };
    let best: { readonly rule: Rule; readonly rank: number } | undefined;
    for (const rule of rules) {
      const ranked = { rule, rank: rank(rule) };
      if (ranked.rank >= 0 && ranked.rank > (best?.rank ?? -1)) best = ranked;
    }
    return best?.rule;
  }

  #bucketOf(key: string, limit: Limit): RateLimit {
    const known = this.#buckets.get(key);
    const isSame =
      known?.limit.bytesPerSec === limit.bytesPerSec && known.limit.burstBytes === limit.burstBytes;
    if (known && isSame) return known.bucket;
    const bucket = new RateLimit({ ...limit, nowMs: this.#nowMs });
    this.#buckets.set(key, { limit, bucket });
    return bucket;
  }

  #measure(key: string, size: number): void {
    const now = this.#nowMs();
    const measured = this.#measured.get(key) ?? { sinceMs: now, bytes: 0, bytesPerSec: 0 };
    this.#measured.set(key, measured);
    const elapsedMs = now - measured.sinceMs;
    if (elapsedMs >= MEASURED_MS) {
      measured.bytesPerSec = (measured.bytes * 1000) / elapsedMs;
      measured.sinceMs = now;
      measured.bytes = 0;
    }
    measured.bytes += size;
  }

  async #currentRules(): Promise<readonly Rule[]> {
    if (this.#nowMs() - this.#readAtMs > RULES_KEPT_MS) {
      this.#readAtMs = this.#nowMs();
      try {
        const { sections } = await this.#file.read();
        this.#rules = sections
          .filter(({ type }) => type === "rule")
          .flatMap((section) => this.#readable(section));
      } catch (error) {
        // A slip in a file must not end the backups that run.
        if (!(error instanceof ConfigError)) throw error;
        this.#onBroken(error);
      }
    }
    return this.#rules;
  }

  #readable(section: Section): readonly Rule[] {
    try {
      return [ruleOf(section)];
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#onBroken(error);
      return [];
    }
  }
}

function ruleOf({ id, properties }: Section): Rule {
  const list = (name: string): readonly string[] =>
    (properties.get(name) ?? "")
      .split(/[\n,;]/)
      .map((text) => text.trim())
      .filter((text) => text !== "");
  const limitOf = (direction: Direction): Limit | undefined => {
    const bytesPerSec = sizeOf(properties.get(`rate-${direction}`));
    if (bytesPerSec === undefined || bytesPerSec === 0) return undefined;
    return { bytesPerSec, burstBytes: sizeOf(properties.get(`burst-${direction}`)) ?? bytesPerSec };
  };
  const [inward, outward] = [limitOf("in"), limitOf("out")];
  return {
    name: id,
    networks: list("network").map(parseClientNetwork),
    users: list("users"),
    windows: windowTexts(properties.get("timeframe")).map(parseDailyWindow),
    limits: { ...(inward ? { in: inward } : {}), ...(outward ? { out: outward } : {}) },
  };
}

/** Windows hold commas themselves, so they stand on lines of their own. */
function windowTexts(text: string | undefined): readonly string[] {
  return (text ?? "").split("\n").filter((line) => line.trim() !== "");
}

function sizeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const size = parseSizeText(text);
  if (size === undefined) throw new FormatError("FORMAT_INVALID", `"${text}"`, "it is no size");
  return size;
}

function keyOf(name: string, direction: Direction): string {
  return `${direction} ${name}`;
}
