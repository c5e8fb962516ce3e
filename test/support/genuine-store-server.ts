import { cpSync } from "node:fs";
import { join } from "node:path";

import { type ServerProcess, startServerProcess } from "./amber-program.ts";
import { fixtures } from "./fixtures.ts";
import { tempDir } from "./temp-dir.ts";

/** A server process with a copy of a genuine server's datastore, in a folder that goes with it. */
export interface GenuineStoreServer extends AsyncDisposable {
  /** The folder; the datastore is `store` in it. */
  readonly home: string;
  readonly server: ServerProcess;
}

/** Starts it on the fixture `datastore-real`. */
export async function startOnGenuineStore(): Promise<GenuineStoreServer> {
  const folder = await tempDir();
  const home = folder.path;
  cpSync(join(fixtures, "datastore-real/store"), join(home, "store"), { recursive: true });
  const server = await startServerProcess(home);
  return {
    home,
    server,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
