/** Where progress goes, and how. */
export interface ProgressLineOptions {
  /** A terminal gets one line that is written again and again, anything else a line now and then. */
  readonly output: { readonly isTTY?: boolean; write(text: string): unknown };
  /** The state at this moment; `undefined` when there is nothing to say. */
  readonly describe: () => string | undefined;
}

/** Milliseconds between updates on a terminal, and between lines elsewhere. */
const TERMINAL_MS = 200;
const PLAIN_MS = 10_000;

/** Clears the line the cursor is in. */
const CLEAR_LINE = "\r\u001b[K";

/** Shows how far a long command is, until it is disposed; other output of the command goes through {@link print}. */
export class ProgressLine implements Disposable {
  readonly #options: ProgressLineOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #isTerminal: boolean;
  #isShown = false;

  constructor(options: ProgressLineOptions) {
    this.#options = options;
    this.#isTerminal = options.output.isTTY === true;
    this.#timer = setInterval(
      () => {
        this.#show();
      },
      this.#isTerminal ? TERMINAL_MS : PLAIN_MS,
    );
    this.#timer.unref();
  }

  /** Runs `write`, which writes whole lines, where the progress line does not disturb them. */
  print(write: () => void): void {
    this.#clear();
    write();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #show(): void {
    const text = this.#options.describe();
    if (text === undefined) return;
    if (!this.#isTerminal) {
      this.#options.output.write(`${text}\n`);
      return;
    }
    this.#options.output.write(`${CLEAR_LINE}${text.slice(0, TERMINAL_COLUMNS)}`);
    this.#isShown = true;
  }

  #clear(): void {
    if (this.#isShown) this.#options.output.write(CLEAR_LINE);
    this.#isShown = false;
  }
}

/** A longer line would wrap on the smallest usual terminal, and then could not be cleared. */
const TERMINAL_COLUMNS = 79;

/** A terminal that gets lines, as a file does. */
export function asPlain(output: { write(text: string): unknown }): {
  write(text: string): unknown;
} {
  return { write: (text) => output.write(text) };
}
