import { systemClock } from "../../format/clock.ts";

/** Milliseconds without a sign of life after which a login ends; ours. */
export const IDLE_MS_MAX = 60 * 60_000;

/** Where the tabs of one browser tell each other of signs of life: they share one login. */
const ACTIVE_ITEM = "amber.active";

/** Milliseconds between two notes of activity: often enough to be exact, seldom enough to cost nothing. */
const NOTE_MS = 5000;

const signs = ["pointerdown", "keydown", "wheel", "touchstart", "scroll"] as const;

let noted = 0;
let workUnderWay = 0;

/** Notes signs of life from now on; gives the function that ends that. */
export function watchActivity(): () => void {
  noteActivity();
  const note = (): void => {
    if (performance.now() - noted >= NOTE_MS) noteActivity();
  };
  for (const sign of signs) addEventListener(sign, note, { passive: true, capture: true });
  return () => {
    for (const sign of signs) removeEventListener(sign, note, { capture: true });
  };
}

/** Milliseconds since the last sign of life in any tab; 0 while something is being saved. */
export function idleMs(nowMs: number): number {
  if (workUnderWay > 0) {
    noteActivity(nowMs);
    return 0;
  }
  return Math.max(0, nowMs - Number(localStorage.getItem(ACTIVE_ITEM) ?? "0"));
}

/** Keeps the login alive until the work has ended: a large download outlasts anybody's patience. */
export async function whileWorking<Result>(work: () => Promise<Result>): Promise<Result> {
  workUnderWay += 1;
  try {
    return await work();
  } finally {
    workUnderWay -= 1;
  }
}

function noteActivity(nowMs: number = systemClock.nowMs()): void {
  noted = performance.now();
  localStorage.setItem(ACTIVE_ITEM, String(nowMs));
}
