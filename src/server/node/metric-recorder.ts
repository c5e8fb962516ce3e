import { loadavg } from "node:os";

import { type FastifyBaseLogger } from "fastify";

import { type Clock } from "../../format/clock.ts";
import {
  readDiskCounters,
  readMemory,
  readNetworkBytes,
  readProcessorTimes,
  readSpace,
} from "./machine-status.ts";
import { type MetricHistory } from "./metric-history.ts";

/** Name of this machine among the sources of a {@link MetricHistory}. */
export const NODE_SOURCE = "node";

/** Name of a datastore among the sources. */
export function datastoreSource(name: string): string {
  return `datastore_${name}`;
}

/** Seconds between two measurements. */
const INTERVAL_SEC = 60;

/** Measurements between two writes of the files; a crash loses at most what lies between. */
const SAVE_EVERY = 5;

/** Load of the processors, as fractions of all of them. */
export interface ProcessorLoad {
  readonly cpu: number;
  readonly wait: number;
}

/** What a recorder measures besides the machine. */
export interface RecordedDatastore {
  readonly name: string;
  /** Folder. */
  readonly path: string;
  /** Sizes in bytes; rejects when the datastore is out of reach. */
  readonly space: () => Promise<{
    readonly totalBytes: number;
    readonly usedBytes: number;
    readonly availableBytes: number;
  }>;
}

/** What a recorder works with. */
export interface RecorderOptions {
  readonly history: MetricHistory;
  readonly clock: Clock;
  readonly logger: FastifyBaseLogger;
  readonly datastores: () => readonly RecordedDatastore[];
}

/** Measures this machine and its datastores once a minute. Counters become rates a second. */
export class MetricRecorder {
  readonly #options: RecorderOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #counters = new Map<string, { readonly timeSec: number; readonly value: number }>();
  #processor: Awaited<ReturnType<typeof readProcessorTimes>> | undefined;
  #load: ProcessorLoad = { cpu: 0, wait: 0 };
  #count = 0;
  #running: Promise<void>;

  private constructor(options: RecorderOptions) {
    this.#options = options;
    this.#running = this.measure();
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(async () => {
        await this.measure();
      });
    }, INTERVAL_SEC * 1000);
    this.#timer.unref();
  }

  /** Measures now, and then every minute until {@link close}. */
  static start(options: RecorderOptions): MetricRecorder {
    return new MetricRecorder(options);
  }

  /**
   * Load of the processors since the last time somebody asked, or since the machine started.
   *
   * Within a fraction of a second the last answer is given again.
   */
  async processorLoad(): Promise<ProcessorLoad> {
    const times = await readProcessorTimes();
    const before = this.#processor ?? { total: 0, idle: 0, wait: 0 };
    const total = times.total - before.total;
    if (total < 20) return this.#load; // Fewer ticks say nothing.
    const wait = Math.max(0, times.wait - before.wait) / total;
    const idle = Math.max(0, times.idle - before.idle) / total;
    this.#processor = times;
    this.#load = { cpu: Math.min(1, Math.max(0, 1 - idle - wait)), wait: Math.min(1, wait) };
    return this.#load;
  }

  /** Measures once. What cannot be measured is left out. */
  async measure(): Promise<void> {
    const { history, clock, logger, datastores } = this.#options;
    const timeSec = clock.nowSec();
    try {
      await history.record(NODE_SOURCE, timeSec, await this.#measureNode(timeSec));
      for (const datastore of datastores()) {
        const source = datastoreSource(datastore.name);
        await history.record(source, timeSec, await this.#measureDatastore(timeSec, datastore));
      }
      this.#count += 1;
      if (this.#count % SAVE_EVERY === 0) await history.save();
    } catch (error) {
      logger.warn({ err: error }, "measurement failed");
    }
  }

  /** Stops measuring and writes what there is. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
    await this.#options.history.save().catch((error: unknown) => {
      this.#options.logger.warn({ err: error }, "history not saved");
    });
  }

  async #measureNode(timeSec: number): Promise<Readonly<Record<string, number | undefined>>> {
    const { memory, swap } = await readMemory();
    const { cpu, wait } = await this.processorLoad();
    const network = await readNetworkBytes();
    const { total, used } = await readSpace("/");
    return {
      cpu,
      iowait: wait,
      loadavg: loadavg()[0],
      memtotal: memory.total,
      memused: memory.used,
      swaptotal: swap.total,
      swapused: swap.used,
      netin: this.#rate("netin", timeSec, network.in),
      netout: this.#rate("netout", timeSec, network.out),
      total,
      used,
      ...(await this.#measureDisk(NODE_SOURCE, timeSec, "/")),
    };
  }

  async #measureDatastore(
    timeSec: number,
    { name, path, space }: RecordedDatastore,
  ): Promise<Readonly<Record<string, number | undefined>>> {
    const sizes = await space().catch(() => undefined);
    if (!sizes) return {};
    return {
      total: sizes.totalBytes,
      used: sizes.usedBytes,
      available: sizes.availableBytes,
      ...(await this.#measureDisk(datastoreSource(name), timeSec, path)),
    };
  }

  async #measureDisk(
    source: string,
    timeSec: number,
    path: string,
  ): Promise<Readonly<Record<string, number | undefined>>> {
    const disk = await readDiskCounters(path);
    if (!disk) return {};
    const rate = (name: string, value: number): number | undefined =>
      this.#rate(`${source}/${name}`, timeSec, value);
    const busyMs = rate("io_ticks", disk.busyMs);
    return {
      read_ios: rate("read_ios", disk.readIos),
      read_bytes: rate("read_bytes", disk.readBytes),
      write_ios: rate("write_ios", disk.writeIos),
      write_bytes: rate("write_bytes", disk.writeBytes),
      io_ticks: busyMs === undefined ? undefined : busyMs / 1000,
    };
  }

  /** Change of a counter a second; unknown the first time and when it went back. */
  #rate(name: string, timeSec: number, value: number): number | undefined {
    const before = this.#counters.get(name);
    this.#counters.set(name, { timeSec, value });
    if (!before || timeSec <= before.timeSec || value < before.value) return undefined;
    return (value - before.value) / (timeSec - before.timeSec);
  }
}
