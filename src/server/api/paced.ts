import { Readable } from "node:stream";

import { type Call, RawReply } from "../http/route.ts";
import { peerOf } from "../http/peer-of.ts";
import { type TrafficControl, type TransferPace } from "../traffic/traffic-control.ts";

/** Bytes that go out at once; a rate of a few KiB a second still looks like one. */
const PIECE_BYTES = 64 * 1024;

/**
 * Makes the content of a reply obey the rules of traffic control, as sessions do.
 *
 * Bytes that are there wait before the reply begins, a stream waits between its pieces. Waiting ends when the client hangs up.
 */
export async function paced(
  traffic: TrafficControl,
  { caller, request, reply }: Pick<Call, "caller" | "request" | "reply">,
  { body, headers }: RawReply,
): Promise<RawReply> {
  const pace = traffic.paceOf({ authId: caller, address: peerOf(request) });
  const hangUp = new AbortController();
  reply.raw.once("close", () => {
    hangUp.abort();
  });
  if (!(body instanceof Readable)) {
    await pace.take("out", body.length, hangUp.signal);
    return new RawReply(body, headers);
  }
  const stream = Readable.from(pacedPieces(body, pace, hangUp.signal));
  stream.once("close", () => {
    body.destroy(); // What was never read has a file open all the same.
  });
  return new RawReply(stream, headers);
}

async function* pacedPieces(
  content: Readable,
  pace: TransferPace,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const pieces: AsyncIterable<unknown> = content;
  for await (const part of pieces) {
    if (!(part instanceof Uint8Array)) throw new TypeError("content of a reply is no bytes");
    for (let start = 0; start < part.length; start += PIECE_BYTES) {
      const piece = part.subarray(start, start + PIECE_BYTES);
      await pace.take("out", piece.length, signal);
      yield piece;
    }
  }
}
