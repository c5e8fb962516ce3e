import { readFile } from "node:fs/promises";

import { rawCall } from "./raw-client.ts";
import { startTestServer } from "./test-server.ts";

/** The documentation of the API as a server gives it now, with the version of the package. */
export async function apiDocument(): Promise<string> {
  await using server = await startTestServer();
  const { text } = await rawCall(server.port, "GET /api2/json/amber/openapi", {
    headers: { authorization: server.authorization },
  });
  const document = JSON.parse(text) as { info: { version: string } };
  const manifest = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  document.info.version = (JSON.parse(manifest) as { version: string }).version;
  return `${JSON.stringify(document, null, 2)}\n`;
}
