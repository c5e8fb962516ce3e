import { cp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { tempDir } from "./temp-dir.ts";
import { startTestServer, type TestServer } from "./test-server.ts";

/** The datastore that a genuine server made; never written to. */
export const realStore: string = fileURLToPath(
  new URL("../../fixtures/datastore-real/store", import.meta.url),
);

/** A test server on a copy of {@link realStore}, which goes with it. */
export async function startServerOnRealStore(): Promise<TestServer> {
  const temp = await tempDir();
  const storePath = join(temp.path, "store1");
  await cp(realStore, storePath, { recursive: true });
  const server = await startTestServer({ storePath });
  return {
    ...server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}
