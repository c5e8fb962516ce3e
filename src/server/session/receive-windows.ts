/** What the windows of one connection can be set to, at any time. */
export interface AdjustableWindow {
  /** Wants another window for every body, open ones too; the last wish counts. */
  want(bytes: number): void;
}

/** What one connection gives to every body that its client sends. */
export interface ReceiveWindow extends Disposable {
  /** Bytes that may come before they are taken, for now. */
  readonly bytes: number;
  /** Tells a window at once what it may be, and whenever that changes. */
  follow(window: AdjustableWindow): void;
}

/** Window of every body of a connection that is alone: what a line of 0.8 Gbit/s carries in 160 ms. */
const ALONE_BYTES = 16 * 1024 * 1024;

/** What several connections share. */
const SHARED_BYTES = 8 * 1024 * 1024;

/** HTTP/2 begins with as much, whatever the settings say that come after. */
const NARROWEST_BYTES = 64 * 1024;

/**
 * Shares {@link SHARED_BYTES} among the connections that upload: each gives every body its part, in powers of two.
 *
 * Memory for uploads is bounded, but a body that waits for it is received all the same as far as its window goes, and lies in the
 * HTTP/2 layer. Node gives the window of a connection back as bytes come, whether anybody reads them or not, so nothing but the
 * windows of the bodies bounds what lies there. One client alone is not slowed down on any line; with several bodies under way, as
 * all clients have them, sixteen still fill 1 Gbit/s over 50 ms each (docs/decisions/0016-shared-receive-windows.md).
 */
export class ReceiveWindows {
  readonly #open = new Set<Part>();
  #bytes = ALONE_BYTES;

  /** Adds a connection until it is disposed of. */
  open(): ReceiveWindow {
    const part = new Part();
    this.#open.add(part);
    this.#share();
    const bytesNow = (): number => this.#bytes;
    return {
      get bytes() {
        return bytesNow();
      },
      follow: (window) => {
        part.window = window;
        window.want(this.#bytes);
      },
      [Symbol.dispose]: () => {
        this.#open.delete(part);
        this.#share();
      },
    };
  }

  #share(): void {
    const bytes = windowAmong(this.#open.size);
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    for (const { window } of this.#open) window?.want(bytes);
  }
}

function windowAmong(connections: number): number {
  if (connections < 2) return ALONE_BYTES;
  return Math.max(SHARED_BYTES / 2 ** Math.ceil(Math.log2(connections)), NARROWEST_BYTES);
}

class Part {
  window: AdjustableWindow | undefined;
}
