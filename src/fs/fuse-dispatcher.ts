import { NotResident } from "../format/bytes/resident-source.ts";
import { FsError } from "./fs-error.ts";
import { FuseOperations, type FuseOperationsParts, type FuseReply } from "./fuse-operations.ts";
import { FUSE_MAJOR } from "./fuse-protocol.ts";
import { type FuseOperation, type FuseRequest } from "./fuse-request.ts";
import { isWorthReporting } from "./worth-reporting.ts";
import { type NeedBook } from "./need-book.ts";

/**
 * Times one request may ask for the same thing. Beyond, the file system cannot keep what it got long enough to use it,
 * and an error is better than a request that never ends.
 */
const SAME_NEED_MAX = 8;

/** Where replies go. */
export interface ReplyChannel {
  /** Sends the first `size` bytes of the encoder's memory. */
  send(size: number): void;
  /** Sends pieces as one reply, the first of which is its header. */
  sendPieces(pieces: readonly Uint8Array[]): void;
}

/** What a dispatcher is made of. */
export interface FuseDispatcherParts extends FuseOperationsParts {
  readonly needs: NeedBook;
  readonly channel: ReplyChannel;
  /** Called once the kernel and this program have agreed on a protocol. */
  readonly onReady: () => void;
  /** Whether a thread is about to be ended by a signal. */
  readonly isEnding: (thread: number) => boolean;
  /** Called for every request that failed for a reason worth a line in the log. */
  readonly onError: (error: unknown) => void;
}

interface ParkedRequest {
  readonly request: FuseRequest;
  /** How often each need has been asked for by this request. */
  readonly askedByKey: Map<string, number>;
  needId: number;
  /** A signal has arrived that the waiting thread handles: it goes on waiting, but may be ended by the next one. */
  isInterrupted: boolean;
}

/**
 * Answers the kernel's requests from a file system, one after another, without ever waiting.
 *
 * A request whose bytes are not there is parked until {@link accept} brings them, then run again from its start;
 * meanwhile others are answered.
 *
 * The request of a process that is being killed is answered at once with EINTR: one that cannot be killed would be the
 * worst a mount can do. A signal that the process handles changes nothing, as with files on a disk: few programs expect
 * EINTR from one. The kernel announces only the first signal, so from then on {@link reviewInterrupted} looks for more.
 */
export class FuseDispatcher {
  readonly #parts: FuseDispatcherParts;
  readonly #operations: FuseOperations;
  readonly #parkedByUnique = new Map<number, ParkedRequest>();

  /** Starts without a request seen; the kernel's first is INIT. */
  constructor(parts: FuseDispatcherParts) {
    this.#parts = parts;
    this.#operations = new FuseOperations(parts);
  }

  /** Requests that wait for something. */
  get parkedCount(): number {
    return this.#parkedByUnique.size;
  }

  /** Whether {@link reviewInterrupted} has something to look at, and so should be called every now and then. */
  get hasInterrupted(): boolean {
    for (const parked of this.#parkedByUnique.values()) if (parked.isInterrupted) return true;
    return false;
  }

  /**
   * Lets the file system work ahead while the kernel asks for nothing.
   *
   * @returns Whether it did something.
   */
  prepare(): boolean {
    try {
      return this.#parts.fileSystem.prepare();
    } catch (error) {
      // What fails will fail again for whoever asks for it, and be reported then.
      if (error instanceof NotResident) this.#parts.needs.want(error.need);
      return false;
    }
  }

  /** Answers EINTR to those of the interrupted requests whose process is being killed by now. */
  reviewInterrupted(): void {
    for (const parked of [...this.#parkedByUnique.values()]) {
      if (parked.isInterrupted) this.#interrupt(parked.request.unique);
    }
  }

  /**
   * Answers a request now or parks it. Names in it may be borrowed: a parked request copies them.
   *
   * @throws {FormatError} `FORMAT_UNSUPPORTED` when the kernel speaks a protocol this program does not; no other error.
   */
  handle(request: FuseRequest): void {
    const { operation } = request;
    if (operation.kind === "interrupt") this.#interrupt(operation.target);
    else if (operation.kind === "init") this.#agree(request.unique, operation);
    else this.#run(request, undefined);
  }

  /** Gives the file system what a need asked for, or the `Error` that came instead, and runs again what waited for it. */
  accept(needId: number, answer: unknown): void {
    const open = this.#parts.needs.settle(needId);
    if (!open) return;
    const refusal = this.#giveToFileSystem(open.need, answer);
    for (const parked of [...this.#parkedByUnique.values()]) {
      if (parked.needId !== needId) continue;
      this.#parkedByUnique.delete(parked.request.unique);
      if (refusal) this.#fail(parked.request, refusal.reason);
      else this.#run(parked.request, parked);
    }
  }

  #agree(unique: number, offer: FuseOperation & { readonly kind: "init" }): void {
    this.#send(this.#operations.answerInit(unique, offer));
    // A newer major version only learns ours from this, and says INIT again.
    if (offer.major === FUSE_MAJOR) this.#parts.onReady();
  }

  #send(reply: FuseReply): void {
    if (typeof reply === "number") this.#parts.channel.send(reply);
    else if (reply) this.#parts.channel.sendPieces(reply);
  }

  #giveToFileSystem(need: unknown, answer: unknown): { readonly reason: unknown } | undefined {
    try {
      this.#parts.fileSystem.accept(need, answer);
      return undefined;
    } catch (reason) {
      return { reason };
    }
  }

  /** A request that is not parked has been answered already: there is nothing to interrupt. */
  #interrupt(unique: number): void {
    const parked = this.#parkedByUnique.get(unique);
    if (!parked) return;
    parked.isInterrupted = true;
    if (!this.#parts.isEnding(parked.request.thread)) return;
    this.#parkedByUnique.delete(unique);
    this.#fail(parked.request, new FsError("EINTR", "finish the request of a process that ends"));
  }

  #run(request: FuseRequest, parked: ParkedRequest | undefined): void {
    try {
      this.#send(this.#operations.answer(request));
    } catch (error) {
      if (error instanceof NotResident) this.#park(request, parked, error.need);
      else this.#fail(request, error);
    }
  }

  #park(request: FuseRequest, before: ParkedRequest | undefined, need: unknown): void {
    const { id, key } = this.#parts.needs.want(need);
    const parked = before ?? {
      request: withOwnedName(request),
      askedByKey: new Map<string, number>(),
      needId: id,
      isInterrupted: false,
    };
    const asked = (parked.askedByKey.get(key) ?? 0) + 1;
    if (asked > SAME_NEED_MAX) {
      this.#fail(request, new FsError("EIO", "keep what was fetched long enough to use it"));
      return;
    }
    parked.askedByKey.set(key, asked);
    parked.needId = id;
    this.#parkedByUnique.set(request.unique, parked);
  }

  #fail(request: FuseRequest, error: unknown): void {
    const code = error instanceof FsError ? error.code : "EIO";
    this.#send(this.#operations.answerFailure(request, code));
    if (isWorthReporting(error)) this.#parts.onError(error);
  }
}

/** The same request with its name in memory of its own, as the request's is used again for the next. */
function withOwnedName(request: FuseRequest): FuseRequest {
  const { operation } = request;
  if (operation.kind !== "lookup" && operation.kind !== "getxattr") return request;
  return { ...request, operation: { ...operation, name: operation.name.slice() } };
}
