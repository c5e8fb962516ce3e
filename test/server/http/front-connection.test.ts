import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { type TLSSocket } from "node:tls";
import { expect } from "chai";

import { FrontConnection } from "../../../src/server/http/front-connection.ts";

describe("server/http/front-connection", () => {
  it("hands the connection out with every byte that was read too far", async () => {
    const http = createServer();
    const tcp = createTcpServer((socket) => {
      // Everything the class uses of a TLS socket is there on a plain one.
      FrontConnection.attach(socket as unknown as TLSSocket, http);
    });
    tcp.listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const client = connect((tcp.address() as AddressInfo).port, "127.0.0.1");
    const released = new Promise<Buffer>((resolve) => {
      http.on("upgrade", (_request, stream, head) => {
        const socket = FrontConnection.of(stream)?.release(head);
        const parts: Buffer[] = [];
        socket?.on("data", (part: Buffer) => parts.push(part));
        socket?.on("end", () => {
          resolve(Buffer.concat(parts));
        });
        socket?.resume();
      });
    });

    client.write("GET /api2/json/backup?x=1 HTTP/1.1\r\nUpgrade: proxmox-backup-protocol-v1\r\n");
    client.write("Host: x\r\n\r\nfirst ");
    await new Promise((resolve) => setImmediate(resolve));
    client.end("second");

    expect((await released).toString()).to.equal("first second");
    client.destroy();
    tcp.close();
  });

  it("adds nothing to requests that are no upgrade of ours", async () => {
    const http = createServer((request, response) => {
      response.end(JSON.stringify(request.headers));
    });
    const tcp = createTcpServer((socket) => {
      FrontConnection.attach(socket as unknown as TLSSocket, http);
    });
    tcp.listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const client = connect((tcp.address() as AddressInfo).port, "127.0.0.1");

    client.write("GET /api2/json/backup HTTP/1.1\r\nUpgrade: websocket\r\nHost: x\r\n\r\n");
    const [bytes] = (await once(client, "data")) as [Buffer];

    expect(bytes.toString()).to.include('{"upgrade":"websocket","host":"x"}');
    client.destroy();
    tcp.close();
  });
});
