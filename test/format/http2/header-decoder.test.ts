import { performServerHandshake } from "node:http2";
import { duplexPair } from "node:stream";

import { expect } from "chai";

import { FrameReader } from "../../../src/format/http2/frame-reader.ts";
import {
  CLIENT_PREFACE,
  encodeFrame,
  encodeSettings,
  frameFlags,
} from "../../../src/format/http2/frames.ts";
import { HeaderBlocks } from "../../../src/format/http2/header-blocks.ts";
import { HeaderDecoder } from "../../../src/format/http2/header-decoder.ts";
import { Http2Error } from "../../../src/format/http2/http2-error.ts";
import { encodeRequestHead } from "../../../src/format/http2/request-head.ts";
import { prng } from "../../support/prng.ts";

type Headers = Readonly<Record<string, string>>;

/** Asks nghttp2, as Node.js has it, for these; gives the heads of its answers and what it has understood. */
async function exchange(
  requests: readonly Headers[],
  answers: readonly Headers[],
): Promise<{ asked: Headers[]; answered: ReadonlyMap<string, string>[] }> {
  const [near, far] = duplexPair();
  const session = performServerHandshake(far);
  const asked: Headers[] = [];
  session.on("stream", (stream, headers) => {
    asked.push(headers as Headers);
    stream.respond(answers[asked.length - 1], { endStream: true });
  });
  near.write(CLIENT_PREFACE);
  near.write(encodeSettings({}));
  for (const [i, headers] of requests.entries()) {
    const flags = frameFlags.endHeaders | frameFlags.endStream;
    near.write(encodeFrame("headers", flags, 2 * i + 1, encodeRequestHead(headers)));
  }
  const answered: ReadonlyMap<string, string>[] = [];
  const blocks = new HeaderBlocks();
  await new Promise<void>((resolve) => {
    const reader = new FrameReader({
      onBody: () => undefined,
      onBodyFrame: () => undefined,
      onFrame: (frame) => {
        if (frame.type !== 1 && frame.type !== 9) return;
        const block = blocks.take(frame);
        if (block) answered.push(block.headers);
        if (answered.length === answers.length) resolve();
      },
    });
    near.on("data", (part: Buffer) => {
      reader.read(part);
    });
  });
  session.destroy();
  return { asked, answered };
}

const request = { ":method": "GET", ":scheme": "https", ":authority": "x", ":path": "/" };

describe("format/http2/header-decoder", () => {
  it("decodes the answers of RFC 7541 appendix C.6, whose table drops what is old", () => {
    const decoder = new HeaderDecoder();
    const redirect = [
      ["cache-control", "private"],
      ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
      ["location", "https://www.example.com"],
    ] as const;
    // The table of the example has 256 bytes, which is said here at the start.
    const blocks = [
      "3fe10148826402" +
        "5885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      "4883640effc1c0bf",
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960" +
        "d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ].map((hex) => decoder.decode(Buffer.from(hex, "hex")));

    expect(blocks.map((headers) => Object.fromEntries(headers))).to.deep.equal([
      { ":status": "302", ...Object.fromEntries(redirect) },
      { ":status": "307", ...Object.fromEntries(redirect) },
      {
        ":status": "200",
        ...Object.fromEntries(redirect),
        date: "Mon, 21 Oct 2013 20:13:22 GMT",
        "content-encoding": "gzip",
        "set-cookie": "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
      },
    ]);
  });

  it("understands nghttp2, and is understood: every letter, long values, names seen before and forgotten", async () => {
    const letters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");
    const answers = Array.from({ length: 80 }, (_, i) => ({
      ":status": ["200", "204", "418", "500"][i % 4] ?? "",
      date: "Mon, 21 Oct 2013 20:13:21 GMT",
      "content-length": String(i ** 5),
      [`x-name-${i % 30}`]: `${letters.trim()}${i % 7}`,
      "x-long": "é/0".repeat(i * 3) + "end",
    }));
    const requests = answers.map((_, i) => ({ ...request, ":path": `/${"y".repeat(i * 40)}` }));

    const { asked, answered } = await exchange(requests, answers);

    expect(asked.map((headers) => headers[":path"])).to.deep.equal(
      requests.map((headers) => headers[":path"]),
    );
    for (const [i, headers] of answered.entries()) {
      expect(Object.fromEntries(headers)).to.deep.include({
        ...answers[i],
        ":status": answers[i]?.[":status"],
      });
    }
  });

  for (const [what, hex] of Object.entries({
    "a number beyond both tables": "be",
    "the number 0": "80",
    "a table larger than allowed": "3fe27f",
    "a text that is cut off": "0003616263",
    "a number without end": "00ffffffffffffff",
    "a head that is cut off": "00",
  })) {
    it(`refuses ${what}`, () => {
      expect(() => new HeaderDecoder().decode(Buffer.from(hex, "hex"))).to.throw(
        Http2Error,
        "COMPRESSION_ERROR",
      );
    });
  }

  it("answers any bytes with headers or a refusal", () => {
    for (let seed = 1; seed < 2000; seed++) {
      try {
        expect(new HeaderDecoder().decode(prng(seed, seed % 60))).to.be.instanceOf(Map);
      } catch (error) {
        expect(error).to.be.instanceOf(Http2Error);
      }
    }
  });
});
