import { randomBytes } from "node:crypto";
import { expect } from "chai";

import { type RawSession, type SessionAnswer } from "../support/raw-client.ts";
import { backUp, openSession } from "../support/small-backup.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";
import { type TranscriptChunk } from "../support/transcript.ts";

const PLACE = { ns: "", id: "slow", timeSec: 1_719_000_000 };

/** Chunks that one session asks for at once. */
const AT_ONCE = 10;

describe("integration/slow-readers", () => {
  let server: TestServer;
  let chunk: TranscriptChunk;

  before(async () => {
    server = await startTestServer();
    const content = randomBytes(2 * 1024 * 1024).toString("hex");
    chunk = await backUp(server, PLACE, server.authorization, content);
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function openReader(windowBytes: number): Promise<RawSession> {
    const { authorization } = server;
    const session = await openSession(server, "reader", PLACE, { authorization });
    expect((await session.call("GET /download?file-name=root.pxar.didx")).status).to.equal(200);
    await setWindow(session, windowBytes);
    return session;
  }

  async function setWindow(session: RawSession, initialWindowSize: number): Promise<void> {
    await new Promise<void>((resolve) => {
      session.http2.settings({ initialWindowSize }, () => {
        resolve();
      });
    });
  }

  async function askForChunks(session: RawSession): Promise<SessionAnswer[]> {
    const line = `GET /chunk?digest=${chunk.digest}`;
    const answers = Array.from({ length: AT_ONCE }, async () => await session.call(line));
    return await Promise.all(answers);
  }

  function areRight(answers: readonly SessionAnswer[]): boolean {
    return answers.every(({ status, body }) => status === 200 && body.equals(chunk.blob));
  }

  it("serves readers while others hold all memory for chunks, and those when they go on", async () => {
    const stalled = await Promise.all([0, 0, 0, 0].map(openReader));
    const held = stalled.map(askForChunks);
    // Asked behind the chunks, so the chunks that were read are in memory when it is answered.
    for (const session of stalled) await setWindow(session, 0);
    const quick = await openReader(16 * 1024 * 1024);

    const answers = await askForChunks(quick);

    expect(areRight(answers)).to.equal(true);
    for (const session of stalled) await setWindow(session, 16 * 1024 * 1024);
    for (const answersOfOne of held) expect(areRight(await answersOfOne)).to.equal(true);
    for (const session of [quick, ...stalled]) await session.close();
  });

  it("serves readers after others went away with their answers under way", async () => {
    for (let i = 0; i < 6; i++) {
      const session = await openReader(64 * 1024);
      const answers = askForChunks(session).catch(() => undefined);
      await setWindow(session, 128 * 1024);
      await session.close();
      await answers;
    }
    const quick = await openReader(16 * 1024 * 1024);

    const answers = await askForChunks(quick);

    expect(areRight(answers)).to.equal(true);
    await quick.close();
  });
});
