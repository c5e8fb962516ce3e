import { expect } from "chai";

import { eventually } from "./eventually.ts";
import { rawCall, type RawAnswer } from "./raw-client.ts";
import { type TestServer } from "./test-server.ts";

/** How a task ended. */
export interface EndedTask {
  readonly status: string;
  /** Its log, without the times. */
  readonly lines: readonly string[];
}

/** Calls of the API as one caller; bodies and answers are JSON. */
export class ApiCalls {
  readonly #server: TestServer;
  readonly #authorization: string;

  constructor(server: TestServer, authorization: string = server.authorization) {
    this.#server = server;
    this.#authorization = authorization;
  }

  /** The whole answer to a call, whatever it is. */
  async answer(method: string, path: string, body?: object): Promise<RawAnswer> {
    return await rawCall(this.#server.port, `${method} /api2/json${path}`, {
      headers: { authorization: this.#authorization, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** What a call that must succeed gives. */
  async call<Data>(method: string, path: string, body?: object): Promise<Data> {
    const { status, text } = await this.answer(method, path, body);
    expect(status, text).to.equal(200);
    return (JSON.parse(text) as { data: Data }).data;
  }

  /** Waits for the end of a task. */
  async ended(upid: string): Promise<EndedTask> {
    const path = `/nodes/localhost/tasks/${encodeURIComponent(upid)}`;
    let status: string | undefined;
    await eventually(async () => {
      ({ exitstatus: status } = await this.call<{ exitstatus?: string }>("GET", `${path}/status`));
      return status !== undefined;
    });
    const log = await this.call<{ t: string }[]>("GET", `${path}/log?limit=0`);
    return { status: status ?? "", lines: log.map(({ t }) => t.slice(27)) };
  }

  /** Runs a call that starts a task, and waits for its end. */
  async run(method: string, path: string, body?: object): Promise<EndedTask> {
    return await this.ended(await this.call<string>(method, path, body));
  }
}
