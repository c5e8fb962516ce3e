import { NotResident } from "../../src/format/bytes/resident-source.ts";
import { type Attributes, type FileSystem, ROOT_INODE } from "../../src/fs/file-system.ts";
import { makeFileSystem, type DatastoreMountArgument } from "../../src/fs/make-file-system.ts";
import { NeedResolver } from "../../src/fs/need-resolver.ts";
import { describeError, rebuildError } from "../../src/fs/thread-error.ts";
import { PLAIN_ZERO_CHUNKS } from "../../src/fs/zero-chunks.ts";
import { type DatastoreView } from "../../src/fs/datastore-view.ts";

/** A file system of ours without a kernel: calls are repeated until what they need has been fetched. */
export class DrivenFileSystem {
  readonly fileSystem: FileSystem;
  readonly resolver: NeedResolver;
  /** What was asked for, by demand or ahead of it. */
  readonly needs: { readonly kind: string; readonly isAhead: boolean }[] = [];
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(view: DatastoreView, argument: Partial<DatastoreMountArgument>) {
    this.resolver = new NeedResolver(view);
    this.fileSystem = makeFileSystem(
      {
        root: { kind: "namespace", namespace: "" },
        cacheBytes: 0,
        uid: 1,
        gid: 2,
        zeroChunks: PLAIN_ZERO_CHUNKS,
        ...argument,
      },
      {
        prefetch: (need) => {
          this.needs.push({ kind: (need as { kind: string }).kind, isAhead: true });
          void this.#fetch(need);
        },
        giveBack: () => undefined,
      },
    );
  }

  /** Runs one call, fetching what it needs in between. */
  async run<Result>(call: (fileSystem: FileSystem) => Result): Promise<Result> {
    for (let tries = 0; tries < 1000; tries++) {
      try {
        return call(this.fileSystem);
      } catch (error) {
        if (!(error instanceof NotResident)) throw error;
        this.needs.push({ kind: (error.need as { kind: string }).kind, isAhead: false });
        await this.#fetch(error.need);
      }
    }
    throw new Error("the call never ends");
  }

  /** Waits for everything that is being fetched. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  /** Attributes of a path from the root. */
  async stat(path: string): Promise<Attributes> {
    let attributes: Attributes | undefined;
    let ino = ROOT_INODE;
    for (const name of path.split("/").filter((component) => component !== "")) {
      attributes = await this.run((fs) => fs.lookup(ino, Buffer.from(name, "latin1")));
      ({ ino } = attributes);
    }
    return attributes ?? (await this.run((fs) => fs.getAttributes(ROOT_INODE)));
  }

  /** Names in a directory. */
  async list(path: string): Promise<string[]> {
    const { ino } = await this.stat(path);
    const { entries } = await this.run((fs) => fs.readDirectory(ino));
    return entries.map(({ name }) => Buffer.from(name).toString("latin1"));
  }

  /** A range of a file. */
  async read(path: string, offset = 0, size = 1024 * 1024): Promise<Buffer> {
    const { ino } = await this.stat(path);
    return await this.readInode(ino, offset, size);
  }

  /** A range of a file by inode number. */
  async readInode(ino: number, offset = 0, size = 1024 * 1024): Promise<Buffer> {
    return Buffer.concat(await this.run((fs) => fs.read(ino, offset, size)));
  }

  /** Every path with its attributes, directories before their content. */
  async walk(path = ""): Promise<Map<string, Attributes>> {
    const found = new Map<string, Attributes>();
    const visit = async (ino: number, prefix: string): Promise<void> => {
      const { entries } = await this.run((fs) => fs.readDirectory(ino));
      for (const { name, attributes } of entries) {
        const child = `${prefix}${Buffer.from(name).toString("latin1")}`;
        found.set(child, attributes);
        if (attributes.kind === "directory") await visit(attributes.ino, `${child}/`);
      }
    };
    const { ino } = await this.stat(path);
    await visit(ino, "");
    return found;
  }

  // eslint-disable-next-line @typescript-eslint/promise-function-async -- gives out the promise under way
  #fetch(need: unknown): Promise<void> {
    const key = JSON.stringify(need);
    const known = this.#underWay.get(key);
    if (known) return known;
    const fetching = this.resolver
      .resolve(need)
      .catch((error: unknown) => error)
      .then((answer) => {
        this.#underWay.delete(key);
        const arrived =
          answer instanceof Error ? rebuildError(describeError(answer)) : structuredClone(answer);
        this.fileSystem.accept(need, arrived);
      });
    this.#underWay.set(key, fetching);
    return fetching;
  }
}
