import { clientOf } from "./client-of-server.ts";
import { tempDir } from "./temp-dir.ts";
import { startTestServer, type TestServer } from "./test-server.ts";
import { VmLab } from "./vm-lab.ts";

/** A server, and a lab that backs guests up to it, with a folder for their disks. */
export interface VmLabPlace extends AsyncDisposable {
  readonly folder: string;
  readonly server: TestServer;
  readonly lab: VmLab;
}

/**
 * Starts one.
 *
 * @param port Where the lab connects to, in place of the server itself.
 */
export async function startVmLab(
  port?: (server: TestServer) => Promise<number>,
): Promise<VmLabPlace> {
  const folder = await tempDir();
  const server = await startTestServer();
  const client = await clientOf(server, folder.path, await port?.(server));
  const lab = new VmLab(client, folder.path);
  return {
    folder: folder.path,
    server,
    lab,
    [Symbol.asyncDispose]: async () => {
      await lab[Symbol.asyncDispose]();
      client[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
