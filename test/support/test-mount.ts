import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Mount, type MountOptions, type Transport } from "../../src/fs/transport.ts";
import { FETCHED_BLOCK_BYTES, type BlockNeed, patternBytes } from "./memory-file-system.ts";

/** A mount of the contract suite's file system on a directory of its own. */
export interface TestMount {
  readonly path: string;
  readonly mount: Mount;
  /** What the file system asked for, in order. */
  readonly needs: BlockNeed[];
  /** What the transport reported. */
  readonly errors: Error[];
  /** Unmounts and removes the directory. */
  close(): Promise<void>;
}

/** Block of a fetched file, as the host brings it. */
export function fetchedBlock(block: number): Uint8Array {
  return patternBytes(block * FETCHED_BLOCK_BYTES, FETCHED_BLOCK_BYTES);
}

/** Brings every block after a turn of the event loop, fails for `failing` and never settles for `never`. */
export async function bringBlock(need: BlockNeed): Promise<Uint8Array> {
  await new Promise((resolve) => setImmediate(resolve));
  if (need.file === "failing") throw new Error("the host cannot fetch this");
  if (need.file === "never") await new Promise(() => undefined);
  return fetchedBlock(need.block);
}

/** Module that makes the contract suite's file system. */
export const memoryFileSystemUrl: string = new URL("./memory-file-system.ts", import.meta.url).href;

/** Mounts; the caller closes. */
export async function mountForTest(
  transport: Transport,
  options: Partial<MountOptions> & { readonly argument?: unknown } = {},
): Promise<TestMount> {
  const path = options.mountPoint ?? (await mkdtemp(join(tmpdir(), "amber-mount-")));
  const needs: BlockNeed[] = [];
  const errors: Error[] = [];
  const { argument, ...rest } = options;
  const mount = await transport.mount(
    { moduleUrl: memoryFileSystemUrl, argument },
    {
      mountPoint: path,
      sourceName: "amber test",
      allowOther: false,
      resolve: async (need) => {
        needs.push(need as BlockNeed);
        return await bringBlock(need as BlockNeed);
      },
      onError: (error) => errors.push(error),
      ...rest,
    },
  );
  return {
    path,
    mount,
    needs,
    errors,
    close: async () => {
      await mount.unmount();
      await rm(path, { recursive: true });
    },
  };
}
