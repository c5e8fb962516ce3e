/** Bytes that have to come in the time of a request for it to have as much time again; ours: 4 kB/s where the time is a minute. */
const PROGRESS_BYTES = 256 * 1024;

/** Times that a request gets as much time again because the line was busy with others. */
const WAITS_MAX = 10;

/** What an {@link AnswerDeadline} is made of. */
export interface AnswerDeadlineParts {
  /** Milliseconds without progress. */
  readonly timeoutMs: number;
  /** Bytes that have come on the connection so far, for whatever request. */
  readonly receivedBytes: () => number;
  /** Called once, when the time is over. */
  readonly onOver: () => void;
}

/**
 * Gives a request time as long as its answer comes, however slow the line is.
 *
 * Requests that are under way together share the line, and a server may answer one after the other: so a busy line counts as well, but only so
 * often, as an answer that is forgotten must not be waited for for ever.
 */
export class AnswerDeadline implements Disposable {
  readonly #parts: AnswerDeadlineParts;
  readonly #timer: NodeJS.Timeout;
  #answerBytes = 0;
  #lineBytes: number;
  #waits = 0;

  /** Starts now. */
  constructor(parts: AnswerDeadlineParts) {
    this.#parts = parts;
    this.#lineBytes = parts.receivedBytes();
    this.#timer = setTimeout(() => {
      this.#look();
    }, parts.timeoutMs);
  }

  /** Notes that so many bytes of the answer have come. */
  progress(bytes: number): void {
    this.#answerBytes += bytes;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    const lineBytes = this.#parts.receivedBytes();
    const isAnswerComing = this.#answerBytes >= PROGRESS_BYTES;
    const isLineBusy = lineBytes - this.#lineBytes >= PROGRESS_BYTES;
    if (isAnswerComing) this.#waits = 0;
    else if (!isLineBusy || ++this.#waits > WAITS_MAX) {
      this.#parts.onOver();
      return;
    }
    this.#answerBytes = 0;
    this.#lineBytes = lineBytes;
    this.#timer.refresh();
  }
}
