import { once } from "node:events";
import { connect, createServer, type ServerHttp2Session } from "node:http2";
import { type AddressInfo } from "node:net";

import { expect } from "chai";

import { OpenStreams } from "../../../src/server/session/open-streams.ts";

describe("server/session/open-streams", () => {
  it("counts bytes that came and were not taken, and streams as they come", async () => {
    const server = createServer({ settings: { initialWindowSize: 100 } }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const counts: number[] = [];
    const streams = new Promise<OpenStreams>((resolve) => {
      server.on("session", (session: ServerHttp2Session) => {
        resolve(new OpenStreams(session, (count) => counts.push(count)));
      });
    });
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const open = await streams;
    if (client.remoteSettings.initialWindowSize !== 100) await once(client, "remoteSettings");

    const requests = [0, 1].map(() => client.request({ ":method": "POST" }));
    for (const request of requests) request.on("error", () => undefined).write(Buffer.alloc(1000));
    await new Promise<void>((resolve) => {
      client.ping(() => {
        resolve(); // What was sent before has come.
      });
    });

    expect(counts).to.deep.equal([1, 2]);
    expect(open.untakenBytes).to.equal(200);
    for (const request of requests) request.close();
    while (open.untakenBytes > 0) await new Promise((resolve) => setImmediate(resolve));
    client.destroy();
    server.close();
  });
});
