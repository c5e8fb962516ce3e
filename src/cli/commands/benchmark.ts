import { type Command } from "commander";

import type { MeasureOptions } from "../../client/benchmark/measured-speed.ts";
import type { Measurement } from "../benchmark-result.ts";
import { CliError } from "../cli-error.ts";
import {
  addConnectionOptions,
  type ConnectionOptions,
  isRepositoryGiven,
  withServer,
} from "../connection-options.ts";
import { commandLog } from "../log.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runCommand } from "../run-command.ts";

/** How many times longer than a computation the upload is measured: connections are slow to get up to speed. */
const UPLOAD_SHARE = 5;

/** Longest `--duration` in seconds. */
const DURATION_SEC_MAX = 3600;

interface BenchmarkOptions extends ConnectionOptions, OutputFormatOptions {
  readonly keyfile?: string;
  readonly duration: string;
}

/** Adds `amber benchmark`: how fast this machine and the way to the server are. */
export function registerBenchmarkCommand(program: Command): void {
  const command = program
    .command("benchmark")
    .description("measure this machine, and with a repository the upload to its server")
    .option("--keyfile <path>", "key file of the encryption key, instead of one made for this")
    .option(
      "--duration <seconds>",
      "how long each computation is measured; the upload, 5 times",
      "1",
    );
  addOutputFormatOption(addConnectionOptions(command)).action(async (options: BenchmarkOptions) => {
    await runCommand(async (signal) => {
      const { benchmarkResult, benchmarkTable } = await import("../benchmark-result.ts");
      const { tableStyle } = await import("../table.ts");
      const durationMs = durationSec(options.duration) * 1000;
      const measure = { durationMs, monotonicMs: () => performance.now(), signal };
      const speeds = new Map<Measurement, number>();
      if (await isRepositoryGiven(options)) speeds.set("tls", await upload(options, measure));
      await compute(options, measure, speeds);
      await printResult(benchmarkResult(speeds), options, (result) =>
        benchmarkTable(result, tableStyle()),
      );
    });
  });
}

/** Sends to the server; gives bytes a second. */
async function upload(options: BenchmarkOptions, measure: MeasureOptions): Promise<number> {
  const { measureUpload } = await import("../../client/benchmark/measure-upload.ts");
  const { bytesPerSecond } = await import("../../client/benchmark/measured-speed.ts");
  const { speedText } = await import("../benchmark-result.ts");
  const { systemClock } = await import("../../format/clock.ts");
  const longer = { ...measure, durationMs: measure.durationMs * UPLOAD_SHARE };
  const measured = await withServer(
    options,
    async (server) => await measureUpload(server, systemClock.nowSec(), longer),
  );
  const { count, elapsedMs } = measured;
  const seconds = Math.round(elapsedMs / 1000);
  const requestUs = Math.round((elapsedMs * 1000) / count);
  commandLog.line("info", `Uploaded ${count} chunks in ${seconds} seconds.`);
  commandLog.line("info", `Time per request: ${requestUs} microseconds.`);
  commandLog.line("info", `TLS speed: ${speedText(bytesPerSecond(measured))}`);
  return bytesPerSecond(measured);
}

const computationNames = {
  sha256: "SHA256",
  compress: "Compression",
  decompress: "Decompress",
  aes256_gcm: "AES256/GCM",
  verify: "Verify",
} as const;

async function compute(
  { keyfile }: BenchmarkOptions,
  measure: MeasureOptions,
  speeds: Map<Measurement, number>,
): Promise<void> {
  const { computations, measureComputation } =
    await import("../../client/benchmark/measure-computation.ts");
  const { bytesPerSecond } = await import("../../client/benchmark/measured-speed.ts");
  const { speedText } = await import("../benchmark-result.ts");
  const { chooseReadKey } = await import("../choose-crypt.ts");
  const { cryptKeyOf } = await import("../../format/crypto/crypt-key.ts");
  const { createNativeProvider } = await import("../../format/crypto/native-provider.ts");
  const provider = createNativeProvider();
  const loaded = keyfile === undefined ? undefined : await chooseReadKey({ keyfile });
  const key = loaded?.key ?? cryptKeyOf(provider, provider.randomBytes(32));
  for (const computation of computations) {
    const measured = await measureComputation(computation, { provider, key }, measure);
    const speed = bytesPerSecond(measured);
    commandLog.line("info", `${computationNames[computation]} speed: ${speedText(speed)}`);
    speeds.set(computation, speed);
  }
}

function durationSec(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= DURATION_SEC_MAX) return value;
  throw new CliError(
    "CLI_USAGE",
    `Cannot use "${text}" for --duration: seconds, more than 0, at most ${DURATION_SEC_MAX}`,
  );
}
