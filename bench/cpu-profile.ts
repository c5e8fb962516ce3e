/** What `node --cpu-prof` writes for each thread: a tree of functions, and which of them ran at each sample. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** The file that a thread leaves behind, as far as it is used here; times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** The function that ran, by number, at each sample. */
  readonly samples: readonly number[];
  /** Time before each sample. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0. */
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}

/** A function where it was called from, with the time spent in it and below. */
export interface Frame {
  /** Function, file and line. */
  readonly name: string;
  /** Whose code it is. */
  readonly origin: "ours" | "package" | "node" | "engine";
  selfMs: number;
  totalMs: number;
  /** By name. */
  readonly children: Map<string, Frame>;
}

/** One thread of a program. */
export interface ThreadProfile {
  /** Program, and the module that the thread began with. */
  readonly name: string;
  /** Time in which something ran or a system call was waited for. */
  readonly busyMs: number;
  readonly root: Frame;
}

/** Frames in which a thread sleeps, or which are no code. */
const quiet: readonly string[] = ["(idle)", "(root)"];

/** Reads what the threads of one program left in a folder, the busiest first. */
export function readProfiles(folder: string, program: string): readonly ThreadProfile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".cpuprofile"))
    .map((name) =>
      threadProfile(JSON.parse(readFileSync(join(folder, name), "utf8")) as CpuProfile, program),
    )
    .sort((a, b) => b.busyMs - a.busyMs);
}

/** Adds up the samples of a thread. */
export function threadProfile(profile: CpuProfile, program: string): ThreadProfile {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const selfMs = new Map<number, number>();
  profile.samples.forEach((id, i) => {
    selfMs.set(id, (selfMs.get(id) ?? 0) + (profile.timeDeltas[i] ?? 0) / 1000);
  });
  const root = newFrame("all", "engine");
  const [top] = profile.nodes;
  for (const id of top?.children ?? []) add(root, id);
  root.totalMs = [...root.children.values()].reduce((sum, { totalMs }) => sum + totalMs, 0);
  return { name: `${program}: ${threadName(profile)}`, busyMs: root.totalMs, root };

  function add(parent: Frame, id: number): void {
    const node = byId.get(id);
    if (!node || quiet.includes(node.callFrame.functionName)) return;
    const { name, origin } = described(node);
    const frame = parent.children.get(name) ?? newFrame(name, origin);
    parent.children.set(name, frame);
    const before = frame.totalMs;
    const own = selfMs.get(id) ?? 0;
    frame.selfMs += own;
    const below = [...frame.children.values()].reduce((sum, { totalMs }) => sum + totalMs, 0);
    for (const child of node.children ?? []) add(frame, child);
    const after = [...frame.children.values()].reduce((sum, { totalMs }) => sum + totalMs, 0);
    frame.totalMs = before + own + after - below;
  }
}

/** Self time of every function wherever it was called from, the longest first. */
export function selfTimes({ root }: ThreadProfile): readonly (readonly [string, number])[] {
  const times = new Map<string, number>();
  const visit = (frame: Frame): void => {
    times.set(frame.name, (times.get(frame.name) ?? 0) + frame.selfMs);
    for (const child of frame.children.values()) visit(child);
  };
  visit(root);
  return [...times].sort(([, a], [, b]) => b - a);
}

function newFrame(name: string, origin: Frame["origin"]): Frame {
  return { name, origin, selfMs: 0, totalMs: 0, children: new Map() };
}

/** A thread is called after the module it began with; one that ended before it was there has no name. */
function threadName({ nodes }: CpuProfile): string {
  const urls = nodes.map(({ callFrame }) => callFrame.url);
  if (urls.some((url) => url.endsWith("/bin/amber.js"))) return "main";
  const entry = urls.find((url) => /-worker\.[jt]s$/.test(url) && !url.includes("start-worker."));
  return entry === undefined
    ? "a thread that was not used"
    : basename(entry).replace(/\.[jt]s$/, "");
}

function described({ callFrame: { functionName, url, lineNumber } }: ProfileNode): {
  readonly name: string;
  readonly origin: Frame["origin"];
} {
  const called = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return { name: called, origin: "engine" };
  const place = url.replace(/^file:\/\//, "").replace(/^.*\/(?:dist|node_modules)\//, "");
  const origin = url.startsWith("node:")
    ? "node"
    : url.includes("/node_modules/")
      ? "package"
      : "ours";
  return { name: `${called} ${place}:${lineNumber + 1}`, origin };
}
