import koffi from "koffi";

const loaded = new Map<string, ReturnType<typeof koffi.load>>();

/**
 * Loads a shared library into the process for good, so that an addon loaded later which needs a library of that name
 * (its `SONAME`) gets this one instead of the system's, which need not be installed.
 *
 * @throws {Error} When there is no such file or it is not for this machine.
 */
export function loadSharedLibrary(path: string): void {
  if (!loaded.has(path)) loaded.set(path, koffi.load(path));
}
