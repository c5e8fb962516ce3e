import { Readable } from "node:stream";

import { type Call, RawReply } from "../http/route.ts";
import { peerOf } from "../http/peer-of.ts";
import { type TrafficControl, type TransferPace } from "../traffic/traffic-control.ts";

/** Bytes that go out at once; a rate of a few KiB a second still looks like one. */
const PIECE_BYTES = 64 * 1024;

/**
 * Makes the content of a reply obey the rules of traffic control between its pieces, as sessions do, until the client hangs up.
 */
export function paced(traffic: TrafficControl, call: PacedCall, content: Readable): RawReply {
  const stream = Readable.from(pacedPieces(content, paceOf(traffic, call), hangUpOf(call)));
  stream.once("close", () => {
    content.destroy(); // What was never read has a file open all the same.
  });
  return new RawReply(stream);
}

/**
 * Waits until the rules of traffic control let a reply of `size` bytes go, in one piece.
 *
 * To be called before its content is read: whoever waits holds none of it in memory.
 *
 * @throws {Error} The reason of the end, when the client hangs up.
 */
export async function paceWhole(
  traffic: TrafficControl,
  call: PacedCall,
  size: number,
): Promise<void> {
  await paceOf(traffic, call).take("out", size, hangUpOf(call));
}

type PacedCall = Pick<Call, "caller" | "request" | "reply">;

function paceOf(traffic: TrafficControl, { caller, request }: PacedCall): TransferPace {
  return traffic.paceOf({ authId: caller, address: peerOf(request) });
}

function hangUpOf({ reply }: PacedCall): AbortSignal {
  const hangUp = new AbortController();
  reply.raw.once("close", () => {
    hangUp.abort();
  });
  return hangUp.signal;
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
