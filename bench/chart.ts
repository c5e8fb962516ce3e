/** Draws a run as horizontal bars, grouped by step: an SVG that is readable in light and dark, with text as text. */
import { type HistoryLine, isAmber, median, secondsOf } from "./history.ts";

const WIDTH = 760;
const MARGIN = 24;
const NAME_WIDTH = 96;
const VALUE_WIDTH = 64;
const BAR_HEIGHT = 14;
const BAR_PITCH = 18;
const STEP_TITLE_HEIGHT = 26;
const STEP_GAP = 10;
const HEAD_HEIGHT = 80;

const style = `
  svg { --ground: #ffffff; --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --ours: #c77700; --peer: #8c959f; --whisker: #1f2328 }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #0d1117; --ink: #f0f6fc; --quiet: #9198a1; --line: #3d444d; --ours: #f2a72e; --peer: #656c76; --whisker: #f0f6fc }
  }
  text { font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink) }
  .head { font-size: 16px; font-weight: 600 }
  .step { font-size: 13px; font-weight: 600 }
  .quiet { fill: var(--quiet) }
  .name { text-anchor: end }
  .ground { fill: var(--ground) }
  .ours { fill: var(--ours) }
  .peer { fill: var(--peer) }
  .axis { stroke: var(--line) }
  .whisker { stroke: var(--whisker) }
`;

/** The times of one run at some steps: for each step a bar a tool, as long as its median; a thin line from the fastest round to the slowest. */
export function drawTimes(line: HistoryLine, wanted: readonly string[]): string {
  const tools = line.tools.map(({ name }) => name);
  const measured = line.measurements.filter(({ step }) => wanted.includes(step));
  const steps = [...new Set(measured.map(({ step }) => step))];
  const longest = Math.max(...measured.flatMap(({ seconds }) => seconds));
  const start = MARGIN + NAME_WIDTH + 8;
  const scale = (WIDTH - start - VALUE_WIDTH - MARGIN) / longest;
  const parts: string[] = [];
  let y = HEAD_HEIGHT;
  for (const step of steps) {
    const present = tools.filter((tool) => secondsOf(line, step, tool).length > 0);
    parts.push(text(MARGIN, y + 16, "step", step));
    y += STEP_TITLE_HEIGHT;
    parts.push(
      `<line class="axis" x1="${start}" x2="${start}" y1="${y - 2}" y2="${y + present.length * BAR_PITCH - 2}"/>`,
      ...present.map((tool, i) =>
        drawBar(tool, secondsOf(line, step, tool), { start, y: y + i * BAR_PITCH, scale }),
      ),
    );
    y += present.length * BAR_PITCH + STEP_GAP;
  }
  const height = y + MARGIN - STEP_GAP;
  const title = "Seconds for each step, less is better";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="desc">${escaped(describe(line, steps, tools))}</desc>`,
    `<style>${style}</style>`,
    `<rect class="ground" width="${WIDTH}" height="${height}" rx="8"/>`,
    text(MARGIN, 32, "head", title),
    ...subtitles(line).map((content, i) => text(MARGIN, 50 + i * 16, "quiet", content)),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function drawBar(
  tool: string,
  seconds: readonly number[],
  { start, y, scale }: { readonly start: number; readonly y: number; readonly scale: number },
): string {
  const value = median(seconds);
  const [low, high] = [Math.min(...seconds), Math.max(...seconds)];
  const at = (second: number): string => (start + second * scale).toFixed(1);
  const middle = y + BAR_HEIGHT / 2;
  const spread = low === high ? "" : ` (${low.toFixed(2)}–${high.toFixed(2)} s)`;
  return [
    `<g><title>${escaped(`${tool}: ${value.toFixed(2)} s${spread}`)}</title>`,
    text(start - 8, middle + 4, "name", tool),
    `<rect class="${isAmber(tool) ? "ours" : "peer"}" x="${start}" y="${y}" width="${(value * scale).toFixed(1)}" height="${BAR_HEIGHT}" rx="2"/>`,
    ...(low === high
      ? []
      : [`<line class="whisker" x1="${at(low)}" x2="${at(high)}" y1="${middle}" y2="${middle}"/>`]),
    text(Number(at(high)) + 6, middle + 4, "value", `${value.toFixed(2)} s`),
    "</g>",
  ].join("");
}

function text(x: number, y: number, kind: string, content: string): string {
  return `<text class="${kind}" x="${x.toFixed(0)}" y="${y.toFixed(0)}">${escaped(content)}</text>`;
}

/** On what it was measured, and how. */
function subtitles({ date, machine, node, rounds, tools }: HistoryLine): readonly string[] {
  const versions = tools.flatMap(({ name, version }) =>
    version === undefined || isAmber(name) ? [] : [`${name} ${version}`],
  );
  const how = rounds === 1 ? "one round" : `median of ${rounds} rounds, lines from least to most`;
  return [
    `${date}, ${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, Node ${node}`,
    [how, ...versions].join(", "),
  ];
}

/** What the bars say, in words, for who cannot see them. */
function describe(line: HistoryLine, steps: readonly string[], tools: readonly string[]): string {
  const sentences = steps.map((step) => {
    const values = tools.flatMap((tool) => {
      const seconds = secondsOf(line, step, tool);
      return seconds.length === 0 ? [] : [`${tool} ${median(seconds).toFixed(2)}`];
    });
    return `${step}: ${values.join(", ")}.`;
  });
  return `${subtitles(line).join("; ")}. ${sentences.join(" ")}`;
}

/** Text as it may stand in an SVG. */
export function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
