import { expect } from "chai";

import { FrameConnection } from "../../../src/client/session/frame-connection.ts";
import { FrameReader, type Http2Frame } from "../../../src/format/http2/frame-reader.ts";
import {
  CLIENT_PREFACE,
  encodeFrame,
  frameFlags,
  frameTypes,
} from "../../../src/format/http2/frames.ts";
import { encodeRequestHead } from "../../../src/format/http2/request-head.ts";
import { prng } from "../../support/prng.ts";

const { endHeaders, endStream, padded, priority, acknowledge } = frameFlags;
const MIB = 1024 * 1024;
const settings = encodeFrame("settings", 0, 0);
const ok = encodeRequestHead({ ":status": "200", "content-length": "4" });
const text = (bytes: string): Uint8Array => new TextEncoder().encode(bytes);
const number = (...numbers: readonly number[]): Uint8Array => {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [i, value] of numbers.entries()) bytes.writeUInt32BE(value, 4 * i);
  return bytes;
};

/** A connection to nobody: what it sends, and what its streams are told. */
class Talk {
  readonly sent: Http2Frame[] = [];
  readonly heard: string[] = [];
  preface = "";
  waitingBytes = 0;
  readonly #reader = new FrameReader({
    onBody: () => undefined,
    onBodyFrame: () => undefined,
    onFrame: (frame) => this.sent.push({ ...frame, payload: frame.payload.slice() }),
  });
  readonly connection: FrameConnection = new FrameConnection({
    send: (bytes) => {
      if (this.preface === "") this.preface = new TextDecoder().decode(bytes);
      else this.#reader.read(bytes);
      return this.waitingBytes;
    },
    onEnd: () => this.heard.push("end"),
  });

  ask(name: string): () => void {
    return this.connection.request(
      { ":path": `/${name}` },
      {
        onHead: ({ status, contentLength }) =>
          this.heard.push(`${name} ${status} ${contentLength}`),
        onBody: (piece) => this.heard.push(`${name} "${new TextDecoder().decode(piece)}"`),
        onEnd: () => this.heard.push(`${name} over`),
        onLost: (cause) => this.heard.push(`${name} lost: ${cause?.message}`),
      },
    );
  }

  receive(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.connection.receive(frame);
  }

  typesSent(): string[] {
    return this.sent.map(({ type, streamId }) => {
      const [name] = Object.entries(frameTypes).find(([, value]) => value === type) ?? [];
      return `${name} ${streamId}`;
    });
  }

  /** The reason in the GOAWAY that was sent, if there was one. */
  goodbye(): number | undefined {
    const frame = this.sent.find(({ type }) => type === frameTypes.goAway);
    return frame && Buffer.from(frame.payload).readUInt32BE(4);
  }
}

describe("client/session/frame-connection", () => {
  it("starts with the preface, its settings and a window for the connection", () => {
    const talk = new Talk();

    expect(talk.preface).to.equal(CLIENT_PREFACE);
    expect(talk.typesSent()).to.deep.equal(["settings 0", "windowUpdate 0"]);
    expect(Buffer.from(talk.sent[0]!.payload).toString("hex")).to.equal(
      "000200000000" + "000401000000",
    );
  });

  it("tells of an answer however its bytes are cut, with padding, priorities, news and trailers in it", () => {
    const conversation = Buffer.concat([
      settings,
      encodeFrame("headers", endHeaders, 1, encodeRequestHead({ ":status": "103" })),
      encodeFrame(
        "headers",
        padded | priority,
        1,
        Buffer.concat([Uint8Array.of(3), new Uint8Array(5), ok.subarray(0, 7), new Uint8Array(3)]),
      ),
      encodeFrame("continuation", 0, 1),
      encodeFrame("continuation", endHeaders, 1, ok.subarray(7)),
      encodeFrame(
        "data",
        padded,
        1,
        Buffer.concat([Uint8Array.of(2), text("ab"), new Uint8Array(2)]),
      ),
      encodeFrame("priority", 0, 1, new Uint8Array(5)),
      Buffer.from([0, 0, 1, 99, 0, 0, 0, 0, 1, 7]),
      encodeFrame("data", padded, 1, Uint8Array.of(0)),
      encodeFrame("data", 0, 1),
      encodeFrame("data", 0, 1, text("cd")),
      encodeFrame("headers", endHeaders | endStream, 1, encodeRequestHead({ "x-sum": "1" })),
    ]);
    for (let step = 1; step <= conversation.length; step++) {
      const talk = new Talk();
      talk.ask("a");

      for (let at = 0; at < conversation.length; at += step) {
        talk.receive(conversation.subarray(at, at + step));
      }

      expect(talk.heard.join(" ").replaceAll('" a "', ""), `pieces of ${step}`).to.equal(
        'a 200 4 a "abcd" a over',
      );
    }
  });

  it("asks no more at once than the server takes, and in order", () => {
    const talk = new Talk();
    talk.receive(encodeFrame("settings", 0, 0, Buffer.from("000300000002", "hex")));

    for (const name of ["a", "b", "c", "d"]) talk.ask(name);
    const before = talk.typesSent().filter((sent) => sent.startsWith("headers"));
    talk.receive(encodeFrame("headers", endHeaders | endStream, 3, ok));

    expect(before).to.deep.equal(["headers 1", "headers 3"]);
    expect(talk.typesSent().at(-1)).to.equal("headers 5");
    expect(talk.connection.openCount).to.equal(3);
  });

  it("says that it heeds it when the server keeps fewer headers than before, once", () => {
    const talk = new Talk();
    const tableOf = (bytes: number): Uint8Array =>
      encodeFrame("settings", 0, 0, Buffer.concat([Uint8Array.of(0, 1), number(bytes)]));
    const blocks = (): string[] =>
      talk.sent
        .filter(({ type }) => type === frameTypes.headers)
        .map(({ payload }) => ((payload[0] ?? 0) === 0x20 ? "told" : "-"));

    talk.receive(tableOf(65_536));
    talk.ask("a");
    talk.receive(tableOf(4096));
    talk.ask("b");
    talk.ask("c");
    talk.receive(tableOf(0));
    talk.ask("d");

    expect(blocks()).to.deep.equal(["-", "told", "-", "told"]);
  });

  it("forgets a request that is taken back, whether it was sent or not", () => {
    const talk = new Talk();
    talk.receive(encodeFrame("settings", 0, 0, Buffer.from("000300000001", "hex")));
    const takeBack = talk.ask("a");
    const takeBackWaiting = talk.ask("b");

    takeBackWaiting();
    takeBack();
    takeBack();
    talk.receive(
      encodeFrame("headers", endHeaders, 1, ok),
      encodeFrame("data", endStream, 1, text("late")),
      encodeFrame("resetStream", 0, 1, number(8)),
    );

    expect(talk.heard).to.deep.equal([]);
    expect(talk.typesSent().filter((sent) => sent.startsWith("resetStream"))).to.deep.equal([
      "resetStream 1",
    ]);
    expect(talk.connection.openCount).to.equal(0);
  });

  it("opens the windows again for what came, padding and late data too", () => {
    const talk = new Talk();
    const takeBack = talk.ask("a");
    talk.ask("b");
    talk.receive(
      settings,
      encodeFrame("headers", endHeaders, 1, ok),
      encodeFrame("headers", endHeaders, 3, ok),
    );
    takeBack();
    talk.sent.length = 0;
    const frame = Buffer.concat([Uint8Array.of(255), new Uint8Array(16_383)]);

    for (let i = 0; i < (8 * MIB) / 16_384; i++)
      talk.receive(encodeFrame("data", padded, i % 2 === 0 ? 1 : 3, frame));

    const updates = talk.sent.map(({ streamId, payload }) => [
      streamId,
      Buffer.from(payload).readUInt32BE(),
    ]);
    expect(updates).to.deep.equal([
      [0, 4 * MIB],
      [0, 4 * MIB],
      [3, 4 * MIB],
    ]);
  });

  it("answers pings and settings, and hears answers to its own pings", () => {
    const talk = new Talk();
    let pongs = 0;
    talk.connection.ping(() => pongs++);

    talk.receive(
      settings,
      encodeFrame("ping", 0, 0, text("12345678")),
      encodeFrame("ping", acknowledge, 0, new Uint8Array(8)),
    );

    expect(talk.typesSent().slice(2)).to.deep.equal(["ping 0", "settings 0", "ping 0"]);
    expect(talk.sent.at(-1)?.flags).to.equal(acknowledge);
    expect(new TextDecoder().decode(talk.sent.at(-1)?.payload)).to.equal("12345678");
    expect(pongs).to.equal(1);
  });

  it("finishes what the server has begun with when it says goodbye, and nothing else", () => {
    const talk = new Talk();
    talk.ask("a");
    talk.ask("b");

    talk.receive(settings, encodeFrame("goAway", 0, 0, number(1, 0)));
    const isOpen = talk.connection.isOpen;
    talk.receive(encodeFrame("headers", endHeaders | endStream, 1, ok));

    expect(isOpen).to.equal(false);
    expect(talk.heard).to.deep.equal([
      "b lost: the server said goodbye (0)",
      "a 200 4",
      "a over",
      "end",
    ]);
  });

  it("loses at once what is asked when it is over", () => {
    const talk = new Talk();
    talk.connection.end();

    const takeBack = talk.ask("a");
    takeBack();

    expect(talk.heard).to.deep.equal(["end", "a lost: undefined"]);
    expect(talk.connection.openCount).to.equal(0);
  });

  it("loses one stream to a reset and keeps the others", () => {
    const talk = new Talk();
    talk.ask("a");
    talk.ask("b");

    talk.receive(
      settings,
      encodeFrame("resetStream", 0, 1, number(2)),
      encodeFrame("headers", endHeaders | endStream, 3, ok),
    );

    expect(talk.heard).to.deep.equal([
      "a lost: the server reset the stream (2)",
      "b 200 4",
      "b over",
    ]);
    expect(talk.connection.isOpen).to.equal(true);
  });

  it("lets go of a server that asks and does not listen", () => {
    const talk = new Talk();
    talk.ask("a");
    const ping = encodeFrame("ping", 0, 0, new Uint8Array(8));
    talk.receive(settings);
    talk.sent.length = 0;

    for (let i = 1; i <= 5000; i++) {
      talk.waitingBytes = 17 * i;
      talk.receive(ping);
    }

    expect(talk.sent).to.have.length(4098);
    expect(talk.heard).to.deep.equal(["a lost: the server asks and does not listen", "end"]);
  });

  it("keeps a server that listens, as long as it asks", () => {
    const talk = new Talk();
    talk.receive(settings);

    for (let i = 0; i < 20_000; i++) {
      talk.waitingBytes = 30_000;
      talk.receive(encodeFrame("ping", 0, 0, new Uint8Array(8)));
    }

    expect(talk.connection.isOpen).to.equal(true);
  });

  const head = encodeFrame("headers", endHeaders, 1, ok);
  const broken: Readonly<Record<string, readonly [reason: number, ...frames: Uint8Array[]]>> = {
    "no settings first": [1, head],
    "a body for a stream that was never opened": [
      1,
      settings,
      encodeFrame("data", 0, 3, text("x")),
    ],
    "a body for a stream of its own": [1, settings, encodeFrame("data", 0, 2, text("x"))],
    "a body for the connection": [1, settings, encodeFrame("data", 0, 0, text("x"))],
    "a body before its head": [1, settings, encodeFrame("data", 0, 1, text("x"))],
    "a continuation of nothing": [1, settings, encodeFrame("continuation", endHeaders, 1)],
    "a body in the middle of a head": [
      1,
      settings,
      encodeFrame("headers", 0, 1, ok),
      encodeFrame("data", 0, 1),
    ],
    "a ping in the middle of a head": [
      1,
      settings,
      encodeFrame("headers", 0, 1, ok),
      encodeFrame("ping", 0, 0, new Uint8Array(8)),
    ],
    "a second head": [1, settings, head, head],
    "a head without a status": [1, settings, encodeFrame("headers", endHeaders, 1)],
    "a head whose status is no number": [
      1,
      settings,
      encodeFrame("headers", endHeaders, 1, encodeRequestHead({ ":status": "2OO" })),
    ],
    "a head that switches to another protocol": [
      1,
      settings,
      encodeFrame("headers", endHeaders, 1, encodeRequestHead({ ":status": "101" })),
    ],
    "a head that cannot be decoded": [
      9,
      settings,
      encodeFrame("headers", endHeaders, 1, Uint8Array.of(0xff, 0xff)),
    ],
    "a head without end": [
      11,
      settings,
      encodeFrame("headers", 0, 1),
      ...Array.from({ length: 20 }, () => encodeFrame("continuation", 0, 1)),
    ],
    "a head that is all padding": [
      1,
      settings,
      encodeFrame("headers", endHeaders | padded, 1, Uint8Array.of(9, 0)),
    ],
    "padding longer than its frame": [
      1,
      settings,
      head,
      encodeFrame("data", padded, 1, Uint8Array.of(2, 0)),
    ],
    "a padded frame of nothing": [6, settings, head, encodeFrame("data", padded, 1)],
    "a frame that is too long": [6, settings, Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1])],
    "half a setting": [6, encodeFrame("settings", 0, 0, new Uint8Array(5))],
    "settings for a stream": [1, encodeFrame("settings", 0, 1)],
    "a ping of 7 bytes": [6, settings, encodeFrame("ping", 0, 0, new Uint8Array(7))],
    "a reset of the connection": [1, settings, encodeFrame("resetStream", 0, 0, number(0))],
    "a short goodbye": [6, settings, encodeFrame("goAway", 0, 0, number(0))],
    "a push": [1, settings, encodeFrame("pushPromise", endHeaders, 1, number(2))],
    "plain HTTP": [6, text("HTTP/1.1 400 Bad Request\r\n\r\n")],
  };
  for (const [what, [reason, ...frames]] of Object.entries(broken)) {
    it(`ends, and says why, after ${what}`, () => {
      const talk = new Talk();
      talk.ask("a");

      talk.receive(...frames);

      expect(talk.goodbye()).to.equal(reason);
      expect(talk.heard.at(-1)).to.equal("end");
      expect(talk.heard.at(-2)).to.match(/^a lost: Cannot read the server's HTTP\/2: [A-Z_]+: /);
      expect(talk.connection.isOpen).to.equal(false);
    });
  }

  it("survives any bytes", () => {
    for (let seed = 1; seed < 2000; seed++) {
      const talk = new Talk();
      talk.ask("a");
      const noise = prng(seed, 200);
      // Plausible frames: short, of a type and a stream that there are.
      for (let at = 0; at + 9 < noise.length; at += 9 + (noise[at + 2] ?? 0)) {
        noise.set([0, 0, (noise[at + 2] ?? 0) % 24, (noise[at + 3] ?? 0) % 11], at);
        noise.set([0, 0, 0, (noise[at + 8] ?? 0) % 4], at + 5);
      }

      talk.receive(settings, noise);

      expect(talk.heard.filter((line) => line === "end").length).to.be.at.most(1);
    }
  });
});
