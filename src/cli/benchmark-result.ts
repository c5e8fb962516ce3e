import { type Computation } from "../client/benchmark/measure-computation.ts";
import { renderTable, type TableStyle } from "./table.ts";

/** One measurement of `amber benchmark`, as the official client names it in JSON. */
export type Measurement = "tls" | Computation;

/** Speed of one thing in bytes a second, beside that of the reference machine. */
export interface ComparedSpeed {
  /** `null` for what was not measured. */
  readonly speed: number | null;
  readonly top: number;
}

/** All measurements by name. */
export type BenchmarkResult = Readonly<Record<Measurement, ComparedSpeed>>;

/** Bytes of the unit that speeds are printed in. */
const MB = 1_000_000;

/** Every measurement in the order of the table, with its name there. */
const titles: readonly (readonly [Measurement, string])[] = [
  ["tls", "TLS (maximal backup upload speed)"],
  ["sha256", "SHA256 checksum computation speed"],
  ["compress", "ZStd level 1 compression speed"],
  ["decompress", "ZStd level 1 decompression speed"],
  ["verify", "Chunk verification speed"],
  ["aes256_gcm", "AES256 GCM encryption speed"],
];

/**
 * Speeds to compare with: what the official client 3.2.4 measured on a machine of two cores (AMD EPYC), so that 100 % is as
 * fast as the official client there. The machine that it compares with itself is not known (spec client-cli.md §2.3).
 */
const reference: Readonly<Record<Measurement, number>> = {
  aes256_gcm: 718 * MB,
  compress: 472 * MB,
  decompress: 600 * MB,
  sha256: 1707 * MB,
  tls: 409 * MB,
  verify: 412 * MB,
};

/**
 * Puts measured speeds beside those of the reference machine.
 *
 * @param speeds Bytes a second; what is missing was not measured.
 */
export function benchmarkResult(speeds: ReadonlyMap<Measurement, number>): BenchmarkResult {
  const compared = (name: Measurement): ComparedSpeed => ({
    speed: speeds.get(name) ?? null,
    top: reference[name],
  });
  return {
    aes256_gcm: compared("aes256_gcm"),
    compress: compared("compress"),
    decompress: compared("decompress"),
    sha256: compared("sha256"),
    tls: compared("tls"),
    verify: compared("verify"),
  };
}

/** Renders a result as the official client does (spec client-cli.md §2.3). */
export function benchmarkTable(result: BenchmarkResult, style: TableStyle): string {
  return renderTable(
    titles,
    [
      { title: "Name", align: "left", cell: ([, title]) => title },
      { title: "Value", align: "left", cell: ([name]) => comparedText(result[name]) },
    ],
    style,
  );
}

/** Renders a speed in bytes a second, for example `123.45 MB/s`. */
export function speedText(bytesPerSecond: number): string {
  return `${(bytesPerSecond / MB).toFixed(2)} MB/s`;
}

function comparedText({ speed, top }: ComparedSpeed): string {
  if (speed === null) return "not tested";
  return `${speedText(speed)} (${((100 * speed) / top).toFixed(0)}%)`;
}
