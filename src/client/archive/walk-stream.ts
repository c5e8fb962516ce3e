import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";

import { SharedArena, type SharedArenaHandle } from "../../chunks/shared-arena.ts";
import { type SourceProblem } from "../source/source-problem.ts";
import { type CarriedFailure } from "./carried-failure.ts";

/** What the walking thread tells the packing thread about one tree, in this order. */
export type WalkMessage =
  /** The tree's root is open; the receiver closes the descriptor. */
  | { readonly kind: "begin"; readonly rootFd: number }
  /** Records of entries at the front of a slot, which the receiver gives back. */
  | { readonly kind: "block"; readonly slot: number; readonly size: number }
  /** A record that is too large for a slot. */
  | { readonly kind: "record"; readonly bytes: Uint8Array }
  /** Something could not be read; may come early. */
  | { readonly kind: "problem"; readonly problem: SourceProblem }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly failure: CarriedFailure };

/** One end of a stream of {@link WalkMessage}; its port has to be transferred to the thread. */
export interface WalkStreamEnd {
  readonly port: MessagePort;
  /** One 32-bit number that grows with every message. */
  readonly signal: SharedArrayBuffer;
  readonly arena: SharedArenaHandle;
}

/** Bytes of a block: some hundred entries. */
const BLOCK_BYTES = 128 * 1024;

/**
 * Blocks in all: 16 MiB, so that the walk may be some hundred thousand entries ahead.
 *
 * It is memory of the client only as far as the walk does get ahead.
 */
const BLOCK_COUNT = 128;

/** Makes both ends. */
export function createWalkStream(): {
  readonly sending: WalkStreamEnd;
  readonly receiving: WalkStreamEnd;
} {
  const { port1, port2 } = new MessageChannel();
  const signal = new SharedArrayBuffer(4);
  const arena = SharedArena.create({ slotCount: BLOCK_COUNT, slotBytes: BLOCK_BYTES }).handle;
  return { sending: { port: port1, signal, arena }, receiving: { port: port2, signal, arena } };
}

/** The walking thread's end. */
export class WalkSender {
  /** Where blocks are filled; taking a slot blocks the thread while the receiver is far behind. */
  readonly arena: SharedArena;
  readonly #port: MessagePort;
  readonly #signal: Int32Array;

  constructor({ port, signal, arena }: WalkStreamEnd) {
    this.arena = SharedArena.attach(arena);
    this.#port = port;
    this.#signal = new Int32Array(signal);
  }

  /** Sends a message. */
  send(message: WalkMessage): void {
    this.#port.postMessage(message);
    Atomics.add(this.#signal, 0, 1);
    Atomics.notify(this.#signal, 0);
  }
}

/** The packing thread's end. */
export class WalkReceiver {
  readonly #port: MessagePort;
  readonly #signal: Int32Array;
  readonly #arena: SharedArena;

  constructor({ port, signal, arena }: WalkStreamEnd) {
    this.#port = port;
    this.#signal = new Int32Array(signal);
    this.#arena = SharedArena.attach(arena);
  }

  /** The next message; blocks the thread until there is one. */
  receive(): WalkMessage {
    for (;;) {
      const before = Atomics.load(this.#signal, 0);
      const received = receiveMessageOnPort(this.#port);
      // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the other end sends nothing else
      if (received) return received.message as WalkMessage;
      Atomics.wait(this.#signal, 0, before);
    }
  }

  /** Takes the bytes of a block out of the shared memory, owned, and gives its slot back. */
  takeBlock(slot: number, size: number): Uint8Array {
    const bytes = this.#arena.view(slot, 0, size).slice();
    this.#arena.release(slot);
    return bytes;
  }
}
