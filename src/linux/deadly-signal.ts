import { readFileSync } from "node:fs";

/**
 * Signals whose default action does not end a process: CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG and WINCH (signal(7), the
 * numbers of x86 and ARM).
 */
const HARMLESS: bigint = [17, 18, 19, 20, 21, 22, 23, 28].reduce(
  (mask, number) => mask | (1n << BigInt(number - 1)),
  0n,
);

/**
 * Whether a thread is about to be ended by a signal it has received: one it neither handles, ignores nor holds back.
 *
 * A thread that cannot be looked at (gone, or in another PID namespace) counts as ending.
 *
 * @param thread Thread id, as the kernel gives it with a FUSE request.
 * @see proc(5), /proc/pid/status: SigPnd, ShdPnd, SigBlk, SigIgn, SigCgt
 */
export function isEndedBySignal(thread: number): boolean {
  let status: string;
  try {
    status = readFileSync(`/proc/${thread}/status`, "latin1");
  } catch {
    return true;
  }
  return hasDeadlySignal(status);
}

/** The same for the text of `/proc/pid/status`. */
export function hasDeadlySignal(status: string): boolean {
  const mask = (name: string): bigint => {
    const digits = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1];
    return digits === undefined ? 0n : BigInt(`0x${digits}`);
  };
  const pending = mask("SigPnd") | mask("ShdPnd");
  return (pending & ~(mask("SigBlk") | mask("SigIgn") | mask("SigCgt") | HARMLESS)) !== 0n;
}
