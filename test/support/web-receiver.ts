import { once } from "node:events";
import { createServer as createPlainServer, type RequestListener } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo } from "node:net";

import { type TestCertificate } from "./test-certificate.ts";

/** A request as the receiver got it. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A web server that takes what it is sent. */
export interface WebReceiver extends AsyncDisposable {
  readonly url: string;
  readonly requests: ReceivedRequest[];
  /** Answers of the next requests, in their order; 200 when there are none left, none at all for `silent`. */
  readonly answers: ({ readonly status: number; readonly location?: string } | "silent")[];
}

/** Starts a web server on a free port, with TLS when it gets a certificate. */
export async function startWebReceiver(certificate?: TestCertificate): Promise<WebReceiver> {
  const requests: ReceivedRequest[] = [];
  const answers: WebReceiver["answers"] = [];
  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.once("end", () => {
      requests.push({
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(parts).toString("utf8"),
      });
      const answer = answers.shift() ?? { status: 200 };
      if (answer === "silent") return;
      response.writeHead(answer.status, answer.location ? { location: answer.location } : {});
      response.end("taken");
    });
  };
  const server = certificate
    ? createServer({ key: certificate.keyPem, cert: certificate.certificatePem }, listener)
    : createPlainServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `${certificate ? "https" : "http"}://localhost:${port}`,
    requests,
    answers,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
