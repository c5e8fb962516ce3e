import { ChunkError } from "../chunks/chunk-error.ts";
import { parseDigest } from "../format/chunk/digest.ts";
import { FormatError } from "../format/format-error.ts";
import { type DatastoreView, type OpenSnapshot } from "./datastore-view.ts";
import { FsError } from "./fs-error.ts";
import { movableAnswer } from "./movable-answer.ts";
import {
  type ChunkAnswer,
  type FsNeed,
  type SnapshotFile,
  type SnapshotKey,
  snapshotPath,
} from "./fs-need.ts";

/** Snapshots that stay open, each a session with a server. */
const OPEN_MAX = 8;

/** Bytes around a view above which it is copied rather than sent with all the memory behind it. */
const SLACK_BYTES_MAX = 64 * 1024;

interface Session {
  readonly opened: Promise<OpenSnapshot>;
  /** Indexes read in this session: only their chunks are handed out by a server. */
  readonly indexes: Map<string, Promise<Uint8Array>>;
  users: number;
  /** Whether nobody else will use it, so that the last user closes it. */
  isDropped: boolean;
}

/** Options of a {@link NeedResolver}. */
export interface NeedResolverOptions {
  /** The loan of a chunk that was read with `loanBytes`, if its memory has to come back. */
  readonly loanOf?: ((bytes: Uint8Array) => number | undefined) | undefined;
}

/**
 * Answers the needs of a mounted datastore from a view of it; runs in the thread that has an event loop.
 *
 * Keeps the snapshots used last open. One that stops answering is opened anew, once per need: a server that was
 * away and came back is found again without unmounting. The old session stays until the last need that uses it has its
 * answer: what fails for one may still succeed for another, which would otherwise lose the time it has left to wait.
 */
export class NeedResolver implements AsyncDisposable {
  readonly #view: DatastoreView;
  readonly #loanOf: (bytes: Uint8Array) => number | undefined;
  readonly #sessions = new Map<string, Session>();
  #isClosed = false;

  constructor(view: DatastoreView, { loanOf }: NeedResolverOptions = {}) {
    this.#view = view;
    this.#loanOf = loanOf ?? (() => undefined);
  }

  /** The answer to a need, as `FsAnswers` says for its kind. Rejects with any `Error`. */
  async resolve(need: unknown): Promise<unknown> {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- comes from DatastoreTree by way of a transport
    const wanted = need as FsNeed;
    switch (wanted.kind) {
      case "namespaces":
        return await this.#view.listNamespaces(wanted.namespace);
      case "groups":
        return await this.#view.listGroups(wanted.namespace);
      case "snapshots":
        return await this.#view.listSnapshots(wanted.group);
      case "open-snapshot":
        return await this.#inSession(wanted.snapshot, async (session) => {
          const { files, manifest } = await session.opened;
          return { files, manifest: compact(manifest) };
        });
      case "open-archive":
        return await this.#inSession(wanted.snapshot, async (session) =>
          compact(await readIndex(session, wanted.archive)),
        );
      case "blob":
        return await this.#inSession(wanted.snapshot, async (session) =>
          compact(await (await session.opened).readBlob(wanted.archive)),
        );
      case "chunk":
        return await this.#inSession(
          wanted.snapshot,
          async (session) => await this.#readChunk(session, wanted),
        );
    }
  }

  /** What the manifest of a snapshot lists; opens it, so that it is known to be readable. */
  async files(snapshot: SnapshotKey): Promise<readonly SnapshotFile[]> {
    return await this.#inSession(snapshot, async (session) => (await session.opened).files);
  }

  /** Closes all snapshots and opens none from then on; needs under way may fail, later ones do. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.all(sessions.map(closeQuietly));
  }

  async #readChunk(
    session: Session,
    { archive, digest, size }: FsNeed & { readonly kind: "chunk" },
  ): Promise<ChunkAnswer> {
    await readIndex(session, archive);
    const { chunks } = await session.opened;
    const bytes = await chunks.readChunk(parseDigest(digest), { loanBytes: size });
    const loan = this.#loanOf(bytes);
    return loan === undefined ? { bytes: movableAnswer(compact(bytes)) } : { bytes, loan };
  }

  async #inSession<Answer>(
    snapshot: SnapshotKey,
    use: (session: Session) => Promise<Answer>,
  ): Promise<Answer> {
    const first = this.#sessionOf(snapshot);
    try {
      return await counted(first, use);
    } catch (error) {
      // What is wrong with the bytes stays wrong in another session; and at the end, losing the session is meant.
      if (this.#isClosed || isAboutBytes(error)) throw error;
      this.#drop(snapshot, first);
    }
    return await counted(this.#sessionOf(snapshot), use);
  }

  #sessionOf(snapshot: SnapshotKey): Session {
    const path = snapshotPath(snapshot);
    const known = this.#sessions.get(path);
    if (known) {
      this.#sessions.delete(path); // To the end: the order is that of last use.
      this.#sessions.set(path, known);
      return known;
    }
    if (this.#isClosed) throw new FsError("ESTALE", "read from a mount that has ended");
    const opened = this.#view.openSnapshot(snapshot);
    opened.catch(() => undefined); // Awaited by whoever uses it.
    const session: Session = { opened, indexes: new Map(), users: 0, isDropped: false };
    this.#sessions.set(path, session);
    this.#closeOldest();
    return session;
  }

  #closeOldest(): void {
    for (const [path, session] of this.#sessions) {
      if (this.#sessions.size <= OPEN_MAX) return;
      if (session.users > 0) continue;
      this.#sessions.delete(path);
      void closeQuietly(session);
    }
  }

  #drop(snapshot: SnapshotKey, session: Session): void {
    const path = snapshotPath(snapshot);
    if (this.#sessions.get(path) === session) this.#sessions.delete(path);
    if (session.isDropped) return;
    session.isDropped = true;
    if (session.users === 0) void closeQuietly(session);
  }
}

async function counted<Answer>(
  session: Session,
  use: (session: Session) => Promise<Answer>,
): Promise<Answer> {
  session.users++;
  try {
    return await use(session);
  } finally {
    session.users--;
    if (session.isDropped && session.users === 0) void closeQuietly(session);
  }
}

async function readIndex(session: Session, archive: string): Promise<Uint8Array> {
  const known = session.indexes.get(archive);
  if (known) return await known;
  const reading = session.opened.then(async (snapshot) => await snapshot.readIndex(archive));
  session.indexes.set(archive, reading);
  reading.catch(() => session.indexes.delete(archive));
  return await reading;
}

async function closeQuietly({ opened }: Session): Promise<void> {
  try {
    await (await opened).close();
  } catch {
    // It never opened, or is gone already: either way it is closed.
  }
}

/** A missing key counts as well: it will be missing in the next session. */
function isAboutBytes(error: unknown): boolean {
  if (error instanceof FormatError) return true;
  if (!(error instanceof ChunkError)) return false;
  return error.code !== "CHUNK_UNREADABLE" || error.cause instanceof FormatError;
}

/** The same bytes, alone in their memory unless it is shared: what crosses to another thread takes its memory along. */
function compact(bytes: Uint8Array): Uint8Array {
  const isShared = bytes.buffer instanceof SharedArrayBuffer;
  const isTight = bytes.buffer.byteLength - bytes.length <= SLACK_BYTES_MAX;
  return isShared || isTight ? bytes : bytes.slice();
}
