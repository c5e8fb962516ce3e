/** Draws what threads did as flame graphs, one above the other: an SVG that is readable in light and dark. */
import { escaped } from "./chart.ts";
import { type Frame, type ThreadProfile } from "./cpu-profile.ts";

const WIDTH = 1200;
const MARGIN = 12;
const ROW = 16;
const HEAD = 34;
/** Narrower frames are left out. */
const WIDTH_MIN = 1;
/** Pixels that a letter takes, about. */
const LETTER = 6.2;

const style = `
  svg { --ground: #ffffff; --ink: #1f2328; --ours: #f2b75c; --package: #b5d6a7; --node: #a9c7e8; --engine: #d0d4da }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #0d1117; --ink: #f0f6fc; --ours: #8a5a12; --package: #3d6b32; --node: #2f5683; --engine: #4a515b }
  }
  text { font: 11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink) }
  .head { font-size: 15px; font-weight: 600 }
  .ground { fill: var(--ground) }
  .ours { fill: var(--ours) } .package { fill: var(--package) } .node { fill: var(--node) } .engine { fill: var(--engine) }
  rect { stroke: var(--ground); stroke-width: 0.5 }
`;

/** Every thread has the same scale: a frame is as wide as its share of the busiest thread's time. */
export function drawFlameGraph(title: string, threads: readonly ThreadProfile[]): string {
  const longestMs = Math.max(1, ...threads.map(({ busyMs }) => busyMs));
  const scale = (WIDTH - 2 * MARGIN) / longestMs;
  const parts: string[] = [];
  let y = 40;
  for (const { name, busyMs, root } of threads) {
    parts.push(text(MARGIN, y + 14, "head", `${name}, ${(busyMs / 1000).toFixed(2)} s`));
    y += HEAD - 12;
    y += drawChildren(root, { x: MARGIN, y, scale }, parts) * ROW + HEAD - 12;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-labelledby="title">`,
    `<title id="title">${escaped(title)}</title>`,
    `<style>${style}</style>`,
    `<rect class="ground" width="${WIDTH}" height="${y}"/>`,
    text(MARGIN, 24, "head", title),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

/** Draws what a frame called, below it, the longest first; returns how many rows that took. */
function drawChildren(
  frame: Frame,
  at: { readonly x: number; readonly y: number; readonly scale: number },
  parts: string[],
): number {
  let { x } = at;
  let rows = 0;
  for (const child of [...frame.children.values()].sort((a, b) => b.totalMs - a.totalMs)) {
    const width = child.totalMs * at.scale;
    if (width < WIDTH_MIN) break;
    parts.push(drawFrame(child, x, at.y, width));
    rows = Math.max(rows, 1 + drawChildren(child, { ...at, x, y: at.y + ROW }, parts));
    x += width;
  }
  return rows;
}

function drawFrame(frame: Frame, x: number, y: number, width: number): string {
  const { name, origin, totalMs, selfMs } = frame;
  const letters = Math.floor((width - 4) / LETTER);
  const label = letters < 3 ? "" : text(x + 2, y + 11, "", name.slice(0, letters));
  return `<g><title>${escaped(name)}: ${totalMs.toFixed(0)} ms, itself ${selfMs.toFixed(0)} ms</title><rect class="${origin}" x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}"/>${label}</g>`;
}

function text(x: number, y: number, kind: string, content: string): string {
  const attribute = kind === "" ? "" : ` class="${kind}"`;
  return `<text${attribute} x="${x.toFixed(1)}" y="${y}">${escaped(content)}</text>`;
}
