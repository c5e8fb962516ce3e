import { type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";

/** The streams of a session that are open. */
export class OpenStreams {
  readonly #streams = new Set<ServerHttp2Stream>();

  /** Follows a session, whose first stream has yet to come; `onOpen` is told how many are open, each time that one more is. */
  constructor(session: ServerHttp2Session, onOpen: (count: number) => void) {
    session.on("stream", (stream) => {
      this.#streams.add(stream);
      stream.once("close", () => this.#streams.delete(stream));
      onOpen(this.#streams.size);
    });
  }

  /** Bytes that have come and that nobody has taken. */
  get untakenBytes(): number {
    let bytes = 0;
    for (const { readableLength } of this.#streams) bytes += readableLength;
    return bytes;
  }
}
