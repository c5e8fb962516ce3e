import { expect } from "chai";

import { NotResident } from "../../src/format/bytes/resident-source.ts";
import { FsError } from "../../src/fs/fs-error.ts";
import { FuseDispatcher } from "../../src/fs/fuse-dispatcher.ts";
import { FuseReplyEncoder } from "../../src/fs/fuse-reply.ts";
import { type FuseOperation } from "../../src/fs/fuse-request.ts";
import { NeedBook } from "../../src/fs/need-book.ts";
import { restartWith } from "../../src/fs/restart-with.ts";
import { fuseField } from "../support/fuse-layout.ts";
import {
  memoryDirectory,
  memoryFile,
  MemoryFileSystem,
  type MemoryNode,
} from "../support/memory-file-system.ts";
import { thrown } from "../support/thrown.ts";

interface Sent {
  readonly unique: number;
  /** 0, or the errno. */
  readonly error: number;
  readonly body: Buffer;
}

const FILE_INO = 2;
const content = Buffer.from("content");

/** A file whose content is absent until it was accepted. */
function fetchedFile(arrived: Map<string, unknown>, needs = ["chunk"]): MemoryNode {
  return {
    kind: "file",
    size: content.length,
    read: () => {
      for (const need of needs) {
        const answer = arrived.get(need);
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- a miss is no failure and carries no stack
        if (answer === undefined) throw new NotResident(need);
        if (answer instanceof Error) throw new FsError("EIO", "read a file", { cause: answer });
      }
      return [content];
    },
  };
}

function makeDispatcher(
  root: Record<string, MemoryNode>,
  options: {
    accept?: (need: unknown, answer: unknown) => void;
    allowOther?: boolean;
    isImmutable?: boolean;
    isEnding?: () => boolean;
  } = {},
) {
  const encoder = new FuseReplyEncoder();
  const sent: Sent[] = [];
  const posted: { id: number; need: unknown }[] = [];
  const errors: unknown[] = [];
  let isReady = false;
  const take = (bytes: Buffer): void => {
    sent.push({
      unique: Number(fuseField(bytes, 0, "fuse_out_header", "unique")),
      error: Math.abs(bytes.readInt32LE(4)),
      body: bytes.subarray(16),
    });
  };
  const fileSystem = new MemoryFileSystem(memoryDirectory(root), options);
  // Gives the children their inode numbers, in order, from 2.
  fileSystem.readDirectory(1);
  const dispatcher = new FuseDispatcher({
    fileSystem,
    encoder,
    needs: new NeedBook((id, need) => posted.push({ id, need })),
    channel: {
      send: (size) => {
        take(Buffer.from(encoder.bytes.slice(0, size)));
      },
      sendPieces: (pieces) => {
        take(Buffer.concat(pieces));
      },
    },
    enforcesAccessLists: options.allowOther ?? false,
    onReady: () => {
      isReady = true;
    },
    isEnding: options.isEnding ?? (() => true),
    onError: (error) => errors.push(error),
  });
  let unique = 0;
  const ask = (operation: FuseOperation, ino = FILE_INO): number => {
    dispatcher.handle({ unique: ++unique, ino, thread: 77, operation });
    return unique;
  };
  return { dispatcher, fileSystem, sent, posted, errors, ask, isReady: () => isReady };
}

const read = { kind: "read", offset: 0, size: 100 } as const;

describe("fs/fuse-dispatcher", () => {
  it("answers from the file system at once when it can", () => {
    const { ask, sent } = makeDispatcher({ file: memoryFile(content) });

    ask(read);

    expect(sent).to.deep.equal([{ unique: 1, error: 0, body: content }]);
  });

  it("lets the file system work ahead, asks for what that needs, and keeps its failures to itself", () => {
    const { dispatcher, fileSystem, posted, errors } = makeDispatcher({
      file: memoryFile(content),
    });
    const outcomes: boolean[] = [];

    for (const work of [
      () => true,
      () => restartWith("chunk"),
      () => {
        throw new Error("damaged");
      },
    ]) {
      fileSystem.prepare = work;
      outcomes.push(dispatcher.prepare());
    }

    expect(outcomes).to.deep.equal([true, false, false]);
    expect(posted).to.deep.equal([{ id: 1, need: "chunk" }]);
    expect(errors).to.deep.equal([]);
  });

  it("parks a request until what it needs has come, and answers others meanwhile", () => {
    const arrived = new Map<string, unknown>();
    const { ask, sent, posted, dispatcher } = makeDispatcher(
      { file: fetchedFile(arrived), other: memoryFile(Buffer.from("other")) },
      { accept: (need, answer) => arrived.set(String(need), answer) },
    );

    ask(read);
    ask(read, 3);
    expect(sent.map(({ unique }) => unique)).to.deep.equal([2]);
    expect(dispatcher.parkedCount).to.equal(1);
    dispatcher.accept(posted[0]!.id, "bytes");

    expect(sent.map(({ unique }) => unique)).to.deep.equal([2, 1]);
    expect(sent[1]?.body.toString()).to.equal("content");
    expect(dispatcher.parkedCount).to.equal(0);
  });

  it("asks once for what several requests need, and answers all of them", () => {
    const arrived = new Map<string, unknown>();
    const { ask, sent, posted, dispatcher } = makeDispatcher(
      { file: fetchedFile(arrived) },
      { accept: (need, answer) => arrived.set(String(need), answer) },
    );
    for (let i = 0; i < 5; i++) ask(read);

    expect(posted).to.deep.equal([{ id: 1, need: "chunk" }]);
    dispatcher.accept(1, "bytes");

    expect(sent.map(({ unique }) => unique)).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it("runs a request as often as it needs something new", () => {
    const arrived = new Map<string, unknown>();
    const needs = Array.from({ length: 20 }, (_, i) => `chunk ${i}`);
    const { ask, sent, posted, dispatcher } = makeDispatcher(
      { file: fetchedFile(arrived, needs) },
      { accept: (need, answer) => arrived.set(String(need), answer) },
    );
    ask(read);

    for (let i = 0; i < needs.length; i++) dispatcher.accept(posted[i]!.id, "bytes");

    expect(posted.map(({ need }) => need)).to.deep.equal(needs);
    expect(sent).to.have.length(1).with.nested.property("[0].error", 0);
  });

  it("keeps the name of a parked lookup when the memory of the request is used again", () => {
    const arrived = new Map<string, unknown>();
    const { ask, sent, dispatcher } = makeDispatcher(
      {
        folder: {
          kind: "directory",
          children: () => {
            // eslint-disable-next-line @typescript-eslint/only-throw-error -- a miss is no failure
            if (!arrived.has("listing")) throw new NotResident("listing");
            return { name: memoryFile(content) };
          },
        },
      },
      { accept: (need, answer) => arrived.set(String(need), answer) },
    );
    const name = Buffer.from("name");

    ask({ kind: "lookup", name });
    name.fill(0x78);
    dispatcher.accept(1, "entries");

    expect(sent[0]?.error).to.equal(0);
  });

  it("lets a process that handles its signals wait on, until one kills it", () => {
    let isEnding = false;
    const { ask, sent, dispatcher } = makeDispatcher(
      { file: fetchedFile(new Map()) },
      { isEnding: () => isEnding },
    );
    const first = ask(read);

    ask({ kind: "interrupt", target: first });
    dispatcher.reviewInterrupted();
    expect(sent).to.deep.equal([]);
    expect(dispatcher.hasInterrupted).to.equal(true);
    isEnding = true;
    dispatcher.reviewInterrupted();

    expect(sent).to.deep.equal([{ unique: first, error: 4, body: Buffer.alloc(0) }]);
    expect(dispatcher.hasInterrupted).to.equal(false);
  });

  it("answers the request of a process that is being killed with EINTR, and forgets it", () => {
    const arrived = new Map<string, unknown>();
    const { ask, sent, dispatcher, errors } = makeDispatcher(
      { file: fetchedFile(arrived) },
      { accept: (need, answer) => arrived.set(String(need), answer) },
    );
    const first = ask(read);
    const second = ask(read);

    ask({ kind: "interrupt", target: first });
    expect(sent).to.deep.equal([{ unique: first, error: 4, body: Buffer.alloc(0) }]);
    ask({ kind: "interrupt", target: 999 });
    dispatcher.accept(1, "bytes");

    expect(sent.map(({ unique }) => unique)).to.deep.equal([first, second]);
    expect(errors).to.deep.equal([]);
  });

  it("gives a failed need to the file system, whose error is answered and reported", () => {
    const arrived = new Map<string, unknown>();
    const { ask, sent, dispatcher, errors } = makeDispatcher(
      { file: fetchedFile(arrived) },
      { accept: (need, answer) => arrived.set(String(need), answer) },
    );
    ask(read);

    dispatcher.accept(1, new Error("no such chunk"));

    expect(sent[0]).to.include({ unique: 1, error: 5 });
    expect(errors).to.have.length(1).with.nested.property("[0].cause.message", "no such chunk");
  });

  it("answers EIO when the file system refuses what was fetched", () => {
    const { ask, sent, dispatcher, errors } = makeDispatcher(
      { file: fetchedFile(new Map()) },
      {
        accept: () => {
          throw new Error("not what was asked for");
        },
      },
    );
    ask(read);

    dispatcher.accept(1, "wrong");

    expect(sent[0]).to.include({ error: 5 });
    expect(errors).to.have.length(1);
  });

  it("gives up on a request that asks for the same thing again and again", () => {
    const { ask, sent, posted, dispatcher } = makeDispatcher({ file: fetchedFile(new Map()) });
    ask(read);

    for (let i = 0; i < 20 && sent.length === 0; i++) dispatcher.accept(posted[i]!.id, "bytes");

    expect(sent).to.have.length(1).with.nested.property("[0].error", 5);
    expect(dispatcher.parkedCount).to.equal(0);
  });

  it("reports faults, but not what programs ask all day", () => {
    const { ask, sent, errors } = makeDispatcher({
      file: memoryFile(content),
      bug: {
        kind: "file",
        size: 1,
        read: () => {
          throw new TypeError("a mistake");
        },
      },
    });

    ask({ kind: "lookup", name: Buffer.from("missing") }, 1);
    ask({ kind: "getxattr", name: Buffer.from("user.a"), size: 10 });
    ask({ kind: "change" });
    ask({ kind: "unsupported", opcode: 4711 });
    ask(read, 3);

    expect(sent.map(({ error }) => error)).to.deep.equal([0, 61, 30, 38, 5]);
    expect(errors).to.have.length(1);
  });

  it("lets the kernel remember that a name is missing only where the directory cannot change", () => {
    const { ask, sent } = makeDispatcher({
      stable: memoryDirectory({}),
      changing: memoryDirectory({}, { timeoutMs: 1000 }),
    });
    const lookup = { kind: "lookup", name: Buffer.from("missing") } as const;

    ask(lookup, 2);
    ask(lookup, 3);

    expect(sent.map(({ error }) => error)).to.deep.equal([0, 2]);
    expect(fuseField(sent[0]!.body, 0, "fuse_entry_out", "nodeid")).to.equal(0n);
  });

  it("lets a kernel that opens directories keep listings only of those that cannot change", () => {
    const { ask, sent } = makeDispatcher({
      stable: memoryDirectory({}),
      changing: memoryDirectory({}, { timeoutMs: 1000 }),
    });

    ask({ kind: "opendir" }, 2);
    ask({ kind: "opendir" }, 3);

    const flags = sent.map(({ body }) => fuseField(body, 0, "fuse_open_out", "open_flags"));
    expect(flags).to.deep.equal([2n | 8n, 0n]);
  });

  it("shows the listing of one moment to a reader of a directory", () => {
    let generation = 0;
    const { ask, sent } = makeDispatcher({
      changing: {
        kind: "directory",
        timeoutMs: 0,
        children: () => ({ [`entry ${++generation}`]: memoryFile(content) }),
      },
    });
    ask({ kind: "opendir" });
    const handle = Number(fuseField(sent[0]!.body, 0, "fuse_open_out", "fh"));

    ask({ kind: "readdir", handle, offset: 2, size: 4096 });
    ask({ kind: "readdir", handle, offset: 2, size: 4096 });
    ask({ kind: "releasedir", handle });
    ask({ kind: "readdir", handle, offset: 2, size: 4096 });

    expect(sent[1]?.body).to.deep.equal(sent[2]?.body);
    expect(sent.slice(3).map(({ error }) => error)).to.deep.equal([0, 22]);
  });

  it("lets the kernel open directories by itself, and pages through them all the same", () => {
    const names = Array.from({ length: 40 }, (_, i) => `entry ${String(i).padStart(2, "0")}`);
    const { ask, sent } = makeDispatcher({
      folder: memoryDirectory(Object.fromEntries(names.map((n) => [n, memoryFile(content)]))),
    });
    ask({ kind: "init", major: 7, minor: 45, maxReadahead: 131_072, flags: 0xffff_ffff });
    ask({ kind: "opendir" });
    const found: string[] = [];
    let offset = 0;

    for (;;) {
      ask({ kind: "readdir", handle: 0, offset, size: 400 });
      const { body } = sent.at(-1)!;
      if (body.length === 0) break;
      for (let at = 0; at < body.length;) {
        offset = Number(fuseField(body, at, "fuse_dirent", "off"));
        const size = Number(fuseField(body, at, "fuse_dirent", "namelen"));
        found.push(body.toString("latin1", at + 24, at + 24 + size));
        at += (24 + size + 7) & ~7;
      }
    }

    expect(sent[1]?.error).to.equal(38);
    expect(found).to.deep.equal([".", "..", ...names]);
  });

  it("lists a directory that changes anew for who starts to read it, whatever others have left behind", () => {
    let generation = 0;
    const children = (): Record<string, MemoryNode> => ({
      [`entry ${++generation}`]: memoryFile(content),
    });
    const { ask, sent } = makeDispatcher({
      changing: { kind: "directory", timeoutMs: 1000, children },
      lasting: { kind: "directory", children },
    });
    ask({ kind: "init", major: 7, minor: 45, maxReadahead: 131_072, flags: 0xffff_ffff });
    const firstEntry = (ino: number, offset: number): string => {
      ask({ kind: "readdir", handle: 0, offset, size: 100 }, ino);
      return sent.at(-1)!.body.subarray(-8).toString().replace(/\0+$/, "");
    };

    const changing = [0, 0, 2].map((offset) => firstEntry(2, offset));
    const lasting = [0, 0, 2].map((offset) => firstEntry(3, offset));

    expect(changing).to.deep.equal(["entry 1", "entry 2", "entry 2"]);
    expect(lasting).to.deep.equal(["entry 3", "entry 3", "entry 3"]);
  });

  it("opens directories for a kernel that insists on it", () => {
    const { ask, sent } = makeDispatcher({ folder: memoryDirectory({}) });
    ask({ kind: "init", major: 7, minor: 23, maxReadahead: 131_072, flags: 0 });

    ask({ kind: "opendir" });

    expect(sent[1]?.error).to.equal(0);
  });

  it("tells the kernel not to ask for values of extended attributes only where there are none at all", () => {
    const errorsOf = (isImmutable: boolean, attributes?: Record<string, Uint8Array>): number[] => {
      const { ask, sent } = makeDispatcher(
        {
          file: memoryFile(content),
          other: memoryFile(content, attributes ? { attributes } : {}),
        },
        { isImmutable },
      );
      ask({ kind: "listxattr", size: 0 });
      ask({ kind: "getxattr", name: Buffer.from("user.a"), size: 0 });
      return sent.map(({ error }) => error);
    };

    expect(errorsOf(true)).to.deep.equal([0, 38]);
    expect(errorsOf(true, { "user.a": content })).to.deep.equal([0, 61]);
    expect(errorsOf(false)).to.deep.equal([0, 61]);
  });

  it("refuses to open for writing, and else spares the kernel the asking", () => {
    const { ask, sent } = makeDispatcher({ file: memoryFile(content) });
    ask({ kind: "init", major: 7, minor: 45, maxReadahead: 131_072, flags: 0xffff_ffff });

    ask({ kind: "open", writes: true });
    ask({ kind: "open", writes: false });

    expect(sent.slice(1).map(({ error }) => error)).to.deep.equal([30, 38]);
  });

  it("opens files for a kernel that insists on it", () => {
    const { ask, sent } = makeDispatcher({ file: memoryFile(content) });
    ask({ kind: "init", major: 7, minor: 23, maxReadahead: 131_072, flags: 0 });

    ask({ kind: "open", writes: false });

    expect(sent[1]?.error).to.equal(0);
    expect(fuseField(sent[1]!.body, 0, "fuse_open_out", "open_flags")).to.equal(2n);
  });

  it("agrees only to what the kernel offers, and to access lists only when others may see it", () => {
    const flagsFor = (offered: number, allowOther: boolean): bigint => {
      const { ask, sent, isReady } = makeDispatcher({}, { allowOther });
      ask({ kind: "init", major: 7, minor: 45, maxReadahead: 131_072, flags: offered });
      expect(isReady()).to.equal(true);
      return fuseField(sent[0]!.body, 0, "fuse_init_out", "flags");
    };
    const accessLists = 1n << 20n;

    expect(flagsFor(0, true)).to.equal(0n);
    expect(flagsFor(0xffff_ffff, true) & accessLists).to.equal(accessLists);
    expect(flagsFor(0xffff_ffff, false) & accessLists).to.equal(0n);
  });

  it("waits for a second INIT from a kernel with a newer major version", () => {
    const { ask, isReady } = makeDispatcher({});

    ask({ kind: "init", major: 8, minor: 0, maxReadahead: 131_072, flags: 0 });

    expect(isReady()).to.equal(false);
  });

  it("fails with FORMAT_UNSUPPORTED for a kernel that is too old", () => {
    const { ask } = makeDispatcher({});

    const error = thrown(() =>
      ask({ kind: "init", major: 7, minor: 22, maxReadahead: 0, flags: 0 }),
    );

    expect(error).to.have.property("code", "FORMAT_UNSUPPORTED");
  });

  it("sends content of many small pieces as one reply", () => {
    const { ask, sent } = makeDispatcher({
      file: {
        kind: "file",
        size: 5000,
        read: (offset, size) => Array.from({ length: size }, (_, i) => Uint8Array.of(offset + i)),
      },
    });

    ask({ kind: "read", offset: 0, size: 5000 });

    expect(sent[0]?.body).to.have.length(5000);
    expect(sent[0]?.body[4999]).to.equal(4999 & 255);
  });

  it("sends no reply to what the kernel has forgotten", () => {
    const { ask, sent } = makeDispatcher({ file: memoryFile(content) });

    ask({ kind: "forget", forgotten: [{ ino: FILE_INO, count: 1 }] });

    expect(sent).to.deep.equal([]);
  });
});
