import { expect } from "chai";

import { ChunkError } from "../../src/chunks/chunk-error.ts";
import { type Digest, parseDigest } from "../../src/format/chunk/digest.ts";
import { type DatastoreView } from "../../src/fs/datastore-view.ts";
import { type FsNeed } from "../../src/fs/fs-need.ts";
import { NeedResolver } from "../../src/fs/need-resolver.ts";
import { rejection } from "../support/rejection.ts";

const snapshot = { namespace: "", type: "host", id: "elsa", timeSec: 1 };
const digestOf = (i: number): Digest => parseDigest(String(i).padStart(64, "0"));
const chunk = (i: number): FsNeed => ({
  kind: "chunk",
  snapshot,
  archive: "root.ppxar.didx",
  digest: digestOf(i),
  size: 4,
  holds: "content",
});

/** A view whose sessions are counted, and read as `readChunk` says. */
function countedView(readChunk: (digest: Digest, session: number) => Promise<Uint8Array>): {
  view: DatastoreView;
  closed: number[];
  openedCount: () => number;
} {
  const closed: number[] = [];
  let opened = 0;
  const never = async (): Promise<never> => await Promise.reject(new Error("not asked for here"));
  const view: DatastoreView = {
    listNamespaces: never,
    listGroups: never,
    listSnapshots: never,
    openSnapshot: async () => {
      const session = ++opened;
      return await Promise.resolve({
        manifest: new Uint8Array(0),
        files: [],
        readIndex: async () => await Promise.resolve(new Uint8Array(0)),
        readBlob: never,
        chunks: { readChunk: async (digest: Digest) => await readChunk(digest, session) },
        close: async () => {
          closed.push(session);
          await Promise.resolve();
        },
      });
    },
  };
  return { view, closed, openedCount: () => opened };
}

describe("fs/need-resolver", () => {
  it("lets the other needs of a session go on when it is replaced because of one", async () => {
    let giveSlow: (bytes: Uint8Array) => void = () => undefined;
    const slow = new Promise<Uint8Array>((resolve) => (giveSlow = resolve));
    const { view, closed } = countedView(async (digest) => {
      if (digest === digestOf(1)) return await slow;
      throw new ChunkError("CHUNK_UNREADABLE", digest);
    });
    await using resolver = new NeedResolver(view);
    const waiting = resolver.resolve(chunk(1));

    const failed = await rejection(resolver.resolve(chunk(2)));
    const closedMeanwhile = [...closed];
    giveSlow(Uint8Array.of(1, 2, 3, 4));

    expect(failed).to.have.property("code", "CHUNK_UNREADABLE");
    expect(closedMeanwhile).to.deep.equal([]);
    expect(await waiting).to.deep.equal({ bytes: Uint8Array.of(1, 2, 3, 4) });
    expect(closed).to.deep.equal([1]);
  });

  it("opens no session after its end, neither for what that broke off nor for what comes late", async () => {
    let breakOff: (error: Error) => void = () => undefined;
    const reading = new Promise<Uint8Array>((_resolve, reject) => (breakOff = reject));
    const { view, closed, openedCount } = countedView(async () => await reading);
    const resolver = new NeedResolver(view);
    const early = rejection(resolver.resolve(chunk(1)));

    await resolver[Symbol.asyncDispose]();
    breakOff(new ChunkError("CHUNK_UNREADABLE", digestOf(1)));
    const late = rejection(resolver.resolve(chunk(2)));

    expect(await early).to.have.property("code", "CHUNK_UNREADABLE");
    expect(await late).to.have.property("code", "ESTALE");
    expect({ opened: openedCount(), closed }).to.deep.equal({ opened: 1, closed: [1] });
  });

  it("opens a snapshot anew once for what failed in its session", async () => {
    const { view } = countedView(async (digest, session) => {
      if (session > 1) return await Promise.resolve(Uint8Array.of(session));
      throw new ChunkError("CHUNK_UNREADABLE", digest);
    });
    await using resolver = new NeedResolver(view);

    const answer = await resolver.resolve(chunk(1));

    expect(answer).to.deep.equal({ bytes: Uint8Array.of(2) });
  });
});
