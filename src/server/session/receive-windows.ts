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
  /** Says how many bodies are under way, each time that one more is. */
  bodies(count: number): void;
}

/** Window of every body of a connection that is alone: what a line of 0.8 Gbit/s carries in 160 ms. */
const ALONE_BYTES = 16 * 1024 * 1024;

/** What several connections share. */
const SHARED_BYTES = 8 * 1024 * 1024;

/** Bodies of one connection that may each have the whole of its window. */
const BODIES_MANY = 16;

/** What all bodies of a connection that has many share: as much as its connection's window. */
const MANY_BODIES_BYTES = 32 * 1024 * 1024;

/** HTTP/2 begins with as much, whatever the settings say that come after. */
const NARROWEST_BYTES = 64 * 1024;

/**
 * Shares {@link SHARED_BYTES} among the connections that upload: each gives every body its part, in powers of two.
 *
 * Memory for uploads is bounded, but a body that waits for it is received all the same as far as its window goes, and lies in the
 * HTTP/2 layer. Node gives the window of a connection back as bytes come, whether anybody reads them or not, so nothing but the
 * windows of the bodies bounds what lies there. One client alone is not slowed down on any line; with several bodies under way, as
 * all clients have them, sixteen still fill 1 Gbit/s over 50 ms each (docs/decisions/0016-shared-receive-windows.md).
 * A connection that has had more than {@link BODIES_MANY} bodies at once gives them less from then on, {@link MANY_BODIES_BYTES} together.
 */
export class ReceiveWindows {
  readonly #open = new Set<Part>();

  /** Adds a connection until it is disposed of. */
  open(): ReceiveWindow {
    const part = new Part();
    this.#open.add(part);
    this.#share();
    return {
      get bytes() {
        return part.bytes;
      },
      follow: (window) => {
        part.window = window;
        window.want(part.bytes);
      },
      bodies: (count) => {
        part.bodiesMost = Math.max(part.bodiesMost, count);
        part.share(this.#open.size);
      },
      [Symbol.dispose]: () => {
        this.#open.delete(part);
        this.#share();
      },
    };
  }

  #share(): void {
    for (const part of this.#open) part.share(this.#open.size);
  }
}

/** What one connection has. */
class Part {
  window: AdjustableWindow | undefined;
  /** Most bodies that were under way at once. */
  bodiesMost = 0;
  bytes = ALONE_BYTES;

  /** Finds its window among so many connections, and tells it when it is another. */
  share(connections: number): void {
    const bytes = Math.max(
      Math.min(windowAmong(connections), windowOfEach(this.bodiesMost)),
      NARROWEST_BYTES,
    );
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.window?.want(bytes);
  }
}

function windowAmong(connections: number): number {
  return connections < 2 ? ALONE_BYTES : partOf(SHARED_BYTES, connections);
}

function windowOfEach(bodies: number): number {
  return bodies <= BODIES_MANY ? ALONE_BYTES : partOf(MANY_BODIES_BYTES, bodies);
}

/** A power of two, so that it does not change with every one that comes or goes. */
function partOf(bytes: number, count: number): number {
  return bytes / 2 ** Math.ceil(Math.log2(count));
}
