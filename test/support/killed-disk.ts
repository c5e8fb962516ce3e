import * as fsPromises from "node:fs/promises";
import { type FileHandle } from "node:fs/promises";

import { exchangeNames } from "../../src/linux/exchange-names.ts";
import { type DiskCalls } from "../../src/server/store/atomic-file.ts";

/** What every call fails with once the process is "dead". */
export class KilledError extends Error {}

/** A disk that stops working, as if the process had been killed there. */
export interface KilledDisk {
  readonly calls: DiskCalls;
  /** Lets two paths change places, a step of its own. */
  readonly exchange: (a: string, b: string) => Promise<boolean>;
  /** Steps made so far. */
  readonly stepCount: number;
  /** Closes what the dead process had open, as the kernel would: its locks go. */
  closeAll(): Promise<void>;
}

/**
 * Wraps the real disk so that the process dies in its n-th changing step; a write that dies leaves half its bytes.
 *
 * @param killAt Number of the step that does not happen; `Infinity` to count steps only.
 */
export function killedDisk(killAt: number): KilledDisk {
  const open = new Set<FileHandle>();
  let stepCount = 0;
  const step = (): void => {
    stepCount++;
    if (stepCount >= killAt) throw new KilledError(`killed at step ${killAt}`);
  };
  const alive = (): void => {
    if (stepCount >= killAt) throw new KilledError(`killed at step ${killAt}`);
  };

  const wrapFile = (file: FileHandle): FileHandle =>
    new Proxy(file, {
      get(target, property) {
        if (property === "write") {
          return async (bytes: Uint8Array, offset: number, length: number, position: number) => {
            try {
              step();
            } catch (error) {
              if (stepCount === killAt) {
                await target.write(bytes, offset, Math.floor(length / 2), position);
              }
              throw error;
            }
            return await target.write(bytes, offset, length, position);
          };
        }
        if (property === "close" || property === Symbol.asyncDispose) {
          return async () => {
            open.delete(target);
            await target.close();
          };
        }
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          if (["sync", "truncate", "chmod"].includes(String(property))) step();
          else alive();
          if (property === "sync") return undefined; // A killed process loses no synced byte, and no unsynced one.
          return (await Reflect.apply(value, target, args)) as unknown;
        };
      },
    });

  const changing = new Set(["link", "lutimes", "mkdir", "rename", "rm", "rmdir", "unlink"]);
  const calls = new Proxy(fsPromises, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (property === "open") {
        return async (path: string, flags: string, mode?: number) => {
          if (flags === "r") alive();
          else step();
          const file = await target.open(path, flags, mode);
          open.add(file);
          return wrapFile(file);
        };
      }
      if (typeof value !== "function") return value;
      return async (...args: unknown[]) => {
        if (changing.has(String(property))) step();
        else alive();
        return (await Reflect.apply(value, target, args)) as unknown;
      };
    },
  }) as DiskCalls;

  return {
    calls,
    exchange: async (a, b) => {
      step();
      return await Promise.resolve(exchangeNames(a, b));
    },
    get stepCount() {
      return stepCount;
    },
    closeAll: async () => {
      for (const file of open) await file.close();
      open.clear();
    },
  };
}
