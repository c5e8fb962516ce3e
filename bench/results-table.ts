/** A run as the table that bench/results.md shows. */
import { type HistoryLine, isAmber, measurementOf, median, secondsOf } from "./history.ts";

/** What is compared with the best peer, or, encrypted, with what is not. */
const ratioColumns = [
  ["amber", "amber ÷ best peer"],
  ["amber-one", "amber-one ÷ best peer"],
  ["amber-dir", "amber-dir ÷ best peer"],
  ["amber-enc", "encrypted ÷ not"],
] as const;

/** Medians and spreads in seconds, CPU seconds, peak memory, and ratios; a sentence about the machine above. Only tools of the run have columns. */
export function resultsTable(line: HistoryLine): string {
  const { machine, node, rounds } = line;
  const tools = line.tools.map(({ name }) => name);
  const ratios = ratioColumns.filter(([tool]) => tools.includes(tool));
  const steps = [...new Set(line.measurements.map(({ step }) => step))];
  const titles = ["step", ...tools, ...ratios.map(([, title]) => title)];
  return [
    `Machine: ${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, Node ${node}. Seconds: median (minimum–maximum) of ${rounds} ${rounds === 1 ? "round" : "rounds"}; CPU seconds of client, server and mount together; peak memory of the client or mount process in MiB; p50/p99 of single reads in ms.`,
    "",
    `| ${titles.join(" | ")} |`,
    `|${titles.map(() => "---|").join("")}`,
    ...steps.map((step) => {
      const cells = tools.map((tool) => cell(line, step, tool));
      const shown = ratios.map(([tool]) => ratio(line, step, tool));
      return `| ${[step, ...cells, ...shown].join(" | ")} |`;
    }),
  ].join("\n");
}

function cell(line: HistoryLine, step: string, tool: string): string {
  const found = measurementOf(line, step, tool);
  if (!found || found.seconds.length === 0) return "–";
  const { seconds, peakMiB, cpuSeconds = [], p50Ms = [], p99Ms = [] } = found;
  const [low, high] = [Math.min(...seconds), Math.max(...seconds)];
  const cpu = cpuSeconds.length === 0 ? "" : `, ${median(cpuSeconds).toFixed(2)} CPU`;
  const peak = peakMiB.length === 0 ? "" : `, ${Math.max(...peakMiB)} MiB`;
  const each =
    p50Ms.length === 0 ? "" : `, ${median(p50Ms).toFixed(3)}/${median(p99Ms).toFixed(3)} ms`;
  return `${median(seconds).toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})${cpu}${peak}${each}`;
}

function ratio(line: HistoryLine, step: string, tool: string): string {
  const of = (name: string): number => median(secondsOf(line, step, name));
  const peers = line.tools.filter(({ name }) => !isAmber(name)).map(({ name }) => of(name));
  const other = tool === "amber-enc" ? of("amber") : Math.min(...peers);
  const value = of(tool) / other;
  return Number.isFinite(value) && value > 0 ? value.toFixed(2) : "–";
}
