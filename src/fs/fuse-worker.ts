import { writevSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";

import { announceLoaded } from "../chunks/announce-loaded.ts";
import { readDescriptor, writeDescriptor } from "../linux/descriptor-io.ts";
import { clearEvent } from "../linux/event-descriptor.ts";
import { type MakeFileSystem } from "./file-system.ts";
import { errnoNumber } from "../linux/libc.ts";
import { Poller } from "../linux/poll.ts";
import { isEndedBySignal } from "../linux/deadly-signal.ts";
import { addressOf } from "../linux/scratch-memory.ts";
import { SystemError } from "../linux/system-error.ts";
import { FuseDispatcher, type ReplyChannel } from "./fuse-dispatcher.ts";
import {
  fuseControlWords,
  type FuseWorkerData,
  type FuseWorkerOrder,
  type FuseWorkerReport,
} from "./fuse-messages.ts";
import { FUSE_REQUEST_BYTES_MAX } from "./fuse-protocol.ts";
import { FuseReplyEncoder } from "./fuse-reply.ts";
import { FuseRequestDecoder } from "./fuse-request.ts";
import { loadMaker } from "./load-maker.ts";
import { NeedBook } from "./need-book.ts";
import { describeError, rebuildError } from "./thread-error.ts";

// The thread that answers the kernel. It has no event loop: it reads requests from the descriptor until there have been none
// for a moment and then sleeps in poll(2) on the descriptor and on an event that the main thread signals. It ends when the mount is
// gone or when it is told to stop; it never sits in a call that neither of the two would end.

announceLoaded();

/**
 * Reads in vain after a request, about 0.1 ms, before the thread sleeps: whoever asks for one thing usually asks for the next at
 * once, and to be woken costs more than to look (bench/results.md: a quarter less time for `find`, a fifth for `cp -a`).
 */
const READS_IN_VAIN_MAX = 100;

/** How often to look whether a process that was interrupted, and waits on, is being killed meanwhile. */
const REVIEW_MS = 100;

const port = parentPort;
if (!port) throw new TypeError("fuse-worker is started as a thread");
// eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- startFuseThread gives exactly this
const data = workerData as FuseWorkerData;
const control = new Int32Array(data.control);

function report(message: FuseWorkerReport): void {
  port?.postMessage(message);
}

const needs = new NeedBook((needId, need) => {
  report({ kind: "need", needId, need });
});

const encoder = new FuseReplyEncoder();
const replyAddress = addressOf(encoder.bytes);
/** Set by the order to serve, which comes before the first request. */
let descriptor = -1;

const channel: ReplyChannel = {
  send: (size) => {
    const written = writeDescriptor(descriptor, replyAddress, size);
    if (written < 0) reportLostReply(-written);
  },
  sendPieces: (pieces) => {
    try {
      writevSync(descriptor, pieces);
    } catch (error) {
      const { errno } = error instanceof Error && "errno" in error ? error : { errno: undefined };
      reportLostReply(typeof errno === "number" ? -errno : errnoNumber("EIO"));
    }
  },
};

/** A request that was aborted, or a mount that is gone, needs no reply; anything else is our mistake. */
function reportLostReply(errno: number): void {
  if (errno === errnoNumber("ENOENT") || errno === errnoNumber("ENODEV")) return;
  report({ kind: "error", error: describeError(new SystemError(String(errno), "write reply")) });
}

type MakeOrder = FuseWorkerOrder & { readonly kind: "make" };

function makeDispatcher(makeFileSystem: MakeFileSystem, order: MakeOrder): FuseDispatcher {
  const fileSystem = makeFileSystem(order.argument, {
    prefetch: (need) => {
      needs.want(need);
    },
    giveBack: (loan) => {
      report({ kind: "give-back", loan });
    },
  });
  return new FuseDispatcher({
    fileSystem,
    needs,
    encoder,
    channel,
    enforcesAccessLists: order.enforcesAccessLists,
    isEnding: isEndedBySignal,
    onReady: () => {
      report({ kind: "ready" });
    },
    onError: (error) => {
      report({ kind: "error", error: describeError(error) });
    },
  });
}

function isStopped(): boolean {
  return Atomics.load(control, fuseControlWords.stop) !== 0;
}

/** The first order, until it is carried out. */
let making: MakeOrder | undefined;
let dispatcher: FuseDispatcher | undefined;

/** Orders are taken when their count has changed: cheaper than asking the port after every request. */
let ordersSeen = 0;
function takeOrders(): void {
  const posted = Atomics.load(control, fuseControlWords.ordersPosted);
  if (posted === ordersSeen) return;
  ordersSeen = posted;
  for (;;) {
    const received = port ? receiveMessageOnPort(port) : undefined;
    if (!received) return;
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- FuseThread posts nothing else
    const order = received.message as FuseWorkerOrder;
    switch (order.kind) {
      case "make":
        making = order;
        break;
      case "serve":
        descriptor = order.descriptor;
        break;
      case "answer":
        dispatcher?.accept(order.needId, order.answer);
        break;
      case "failure":
        dispatcher?.accept(order.needId, rebuildError(order.error));
        break;
    }
  }
}

/** Sleeps until an order has brought it about, or the thread is stopped; does something each time before. */
function waitUntil(isThere: () => boolean, meanwhile: () => void = () => undefined): void {
  const poller = new Poller([data.wakeDescriptor]);
  while (!isThere() && !isStopped()) {
    meanwhile();
    if (poller.wait(-1)) clearEvent(data.wakeDescriptor);
    takeOrders();
  }
}

/** Sleeps until the kernel or the main thread has something, or it is time to look after interrupted requests. */
function rest(poller: Poller, dispatcher: FuseDispatcher): void {
  const { hasInterrupted } = dispatcher;
  const isSomethingThere = poller.wait(hasInterrupted ? REVIEW_MS : -1);
  if (isSomethingThere && poller.isReadable(1)) clearEvent(data.wakeDescriptor);
  if (hasInterrupted) dispatcher.reviewInterrupted();
}

function serve(dispatcher: FuseDispatcher): void {
  const request = new Uint8Array(new SharedArrayBuffer(FUSE_REQUEST_BYTES_MAX));
  const requestAddress = addressOf(request);
  const decoder = new FuseRequestDecoder(request);
  const poller = new Poller([descriptor, data.wakeDescriptor]);
  const [again, interrupted, aborted, gone, disconnected] = (
    ["EAGAIN", "EINTR", "ENOENT", "ENODEV", "ECONNABORTED"] as const
  ).map(errnoNumber);

  let readsInVain = 0;
  while (!isStopped()) {
    takeOrders();
    const size = readDescriptor(descriptor, requestAddress, FUSE_REQUEST_BYTES_MAX);
    if (size > 0) {
      readsInVain = 0;
      dispatcher.handle(decoder.decode(size));
      continue;
    }
    switch (-size) {
      case again:
        if (dispatcher.prepare()) break;
        if (++readsInVain > READS_IN_VAIN_MAX || dispatcher.hasInterrupted)
          rest(poller, dispatcher);
        break;
      case interrupted:
      case aborted:
        break;
      case 0:
      case gone:
      case disconnected:
        return;
      default:
        throw new SystemError(String(-size), "read request");
    }
  }
}

async function start(): Promise<void> {
  const makeFileSystem = await loadMaker(data.moduleUrl);
  waitUntil(() => making !== undefined);
  if (!making) return;
  const made = makeDispatcher(makeFileSystem, making);
  making = undefined;
  dispatcher = made;
  report({ kind: "loaded" });
  waitUntil(
    () => descriptor >= 0,
    () => {
      made.prepare();
    },
  );
  if (descriptor >= 0) serve(made);
}

// Not awaited here: modules that wait cannot be bundled. A failure ends the thread all the same.
void start();
