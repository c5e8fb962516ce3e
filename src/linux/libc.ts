import { getEnvironmentData } from "node:worker_threads";

import koffi from "koffi";

import { holdThread, THREAD_WORD } from "../format/bytes/thread-hold.ts";

/** A C function bound by {@link bindLibc}; sizes and results are numbers or bigints as the prototype says. */
export type LibcFunction = (...args: unknown[]) => number;

type Library = ReturnType<typeof koffi.load>;

let library: Library | undefined;

/**
 * Binds a function of the C library by its C prototype, for example `int close(int fd)`.
 *
 * The library is opened on first use, so a program that needs none of this pays nothing. Typed arrays may be passed
 * for pointers, also over shared memory. On failure (the function's own convention) read {@link lastErrno} at once.
 */
export function bindLibc(prototype: string): LibcFunction {
  return bound(prototype) as LibcFunction;
}

/** A C function bound by {@link bindLibcAsync}; `errno` is meaningful only if the result says that the call failed. */
export type AsyncLibcFunction = (
  ...args: unknown[]
) => Promise<{ readonly result: number; readonly errno: number }>;

/** Binds like {@link bindLibc} a function that may block for long; its calls run on a pool thread. */
export function bindLibcAsync(prototype: string): AsyncLibcFunction {
  const call = bound(prototype);
  return async (...args) =>
    await new Promise((resolve, reject) => {
      call.async(...args, (error: unknown, result: number) => {
        if (error instanceof Error) reject(error);
        else resolve({ result, errno: koffi.errno() });
      });
    });
}

/** A thread that is ended while it binds takes the process along: see `endThread`. */
function bound(prototype: string): ReturnType<Library["func"]> {
  const word = getEnvironmentData(THREAD_WORD);
  return holdThread(word instanceof Int32Array ? word : undefined, () => {
    library ??= koffi.load("libc.so.6");
    return library.func(prototype);
  });
}

/** `errno` of this thread after the last failed call. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Linux number of an errno name, for comparisons with {@link lastErrno}. */
export function errnoNumber(name: string): number {
  const value = koffi.os.errno[name];
  if (value === undefined) throw new TypeError(`no such errno: ${name}`);
  return value;
}
