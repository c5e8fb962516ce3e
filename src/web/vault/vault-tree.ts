import { typeLetters } from "../../format/catalog/type-letters.ts";
import { ITEM_HEADER_BYTES } from "../../format/pxar/item.ts";
import {
  type PxarDirectory,
  type PxarFile,
  type PxarHardLink,
  type PxarNode,
  type PxarOwnNode,
} from "../../format/pxar/node.ts";
import { checkPayloadHeader, PxarTree } from "../../format/pxar/tree-reader.ts";
import { idOfParts, nameOfPart, partsOf } from "../snapshot/archive-path.ts";
import { type VaultArchive } from "./vault-archive.ts";
import { VaultFetchError } from "./vault-fetch.ts";
import { type VaultEntry, type VaultFolder, type VaultItem } from "./vault-messages.ts";

/** The tree in an archive, named by the identities that the page uses. */
export class VaultTree {
  readonly #archive: string;
  readonly #metadata: VaultArchive;
  readonly #payload: VaultArchive | undefined;
  readonly #tree: PxarTree;

  /**
   * Reads nothing yet.
   *
   * @param archive Name of the archive, the first part of every identity.
   */
  constructor(archive: string, metadata: VaultArchive, payload: VaultArchive | undefined) {
    this.#archive = archive;
    this.#metadata = metadata;
    this.#payload = payload;
    this.#tree = new PxarTree(metadata.resident);
  }

  /** Entries of a folder, in the archive's order; the root for an empty identity. */
  async list(id: string): Promise<readonly VaultItem[]> {
    const parts = id === "" ? [this.#archive] : partsOf(id);
    const children = await this.#run(() => this.#tree.children(this.#folder(parts)));
    return children.map((node) => itemOf(node, parts));
  }

  /** A folder and its entries, with what is to be known to save them; hard links are followed to their files. */
  async describe(id: string): Promise<VaultFolder> {
    const parts = id === "" ? [this.#archive] : partsOf(id);
    const folder = await this.#run(() => this.#folder(parts));
    const entries: VaultEntry[] = [];
    for (const node of await this.children(folder)) {
      entries.push(
        node.kind === "hardlink"
          ? await this.#run(() => this.#linkEntry(node, parts))
          : entryOf(node, parts),
      );
    }
    return { own: entryOf(folder, parts.slice(0, -1)), entries };
  }

  /** The same as nodes, for those who walk the whole tree. */
  async children(folder: PxarDirectory): Promise<readonly PxarNode[]> {
    return await this.#run(() => this.#tree.children(folder));
  }

  /** The root folder. */
  async root(): Promise<PxarDirectory> {
    return await this.#run(() => this.#tree.root());
  }

  /** What an identity names, `undefined` when it is not there. */
  async find(id: string): Promise<PxarNode | undefined> {
    const parts = id === "" ? [this.#archive] : partsOf(id);
    return await this.#run(() => this.#node(parts));
  }

  /** A piece of a file, or of the file that a hard link names; shorter only at its end. */
  async read(id: string, offset: number, size: number): Promise<Uint8Array> {
    const file = await this.#run((): PxarFile => {
      const node = this.#node(partsOf(id));
      if (node?.kind === "hardlink") return this.#tree.resolveHardLink(node);
      if (node?.kind === "file") return node;
      throw new VaultFetchError(404, `"${shownPath(id)}" is no file`);
    });
    const { archive, headerOffset, offset: start } = file.payload;
    const length = Math.max(0, Math.min(size, file.size - offset));
    if (archive === "metadata") return await this.#metadata.bytes.readAt(start + offset, length);
    const bytes = this.#payload?.bytes;
    if (!bytes) throw new VaultFetchError(404, "the payload archive is missing");
    checkPayloadHeader(await bytes.readAt(headerOffset, ITEM_HEADER_BYTES), file.size);
    return await bytes.readAt(start + offset, length);
  }

  #folder(parts: readonly string[]): PxarDirectory {
    const node = this.#node(parts);
    if (node?.kind === "directory") return node;
    throw new VaultFetchError(404, `"${parts.slice(1).map(nameOfPart).join("/")}" is no folder`);
  }

  /** A hard link; one whose path does not lead to its file, which the archive says apart from it, is a file of its own. */
  #linkEntry(link: PxarHardLink, parent: readonly string[]): VaultEntry {
    const file = this.#tree.resolveHardLink(link);
    const parts = [this.#archive, ...partOfBytes(link.targetPath).split("/")];
    const isThere = this.#node(parts)?.nameOffset === link.targetNameOffset;
    return {
      ...entryOf(file, parent),
      ...itemOf(link, parent),
      ...(isThere ? { fileId: idOfParts(parts) } : {}),
    };
  }

  #node(parts: readonly string[]): PxarNode | undefined {
    let node: PxarNode | undefined = this.#tree.root();
    for (const part of parts.slice(1)) {
      if (node?.kind !== "directory") return undefined;
      node = this.#tree.lookup(node, bytesOfPart(part));
    }
    return node;
  }

  async #run<Value>(operation: () => Value): Promise<Value> {
    return await this.#metadata.resident.run(operation);
  }
}

/** A node as the page shows it. */
export function itemOf(node: PxarNode, parent: readonly string[]): VaultItem {
  const part = partOfBytes(node.name);
  return {
    id: idOfParts([...parent, part]),
    name: nameOfPart(part),
    type: typeLetters[node.kind],
    ...(node.kind === "file" ? { size: node.size } : {}),
    ...(node.kind === "hardlink" ? {} : { mtimeSec: node.metadata.mtimeSec }),
  };
}

function entryOf(node: PxarOwnNode, parent: readonly string[]): VaultEntry {
  const { mode, uid, gid, mtimeSec } = node.metadata;
  return {
    ...itemOf(node, parent),
    ...{ mode, uid, gid, mtimeSec },
    ...(node.kind === "symlink" ? { target: nameOfPart(partOfBytes(node.target)) } : {}),
  };
}

/** A name in bytes as one character a byte. */
export function partOfBytes(name: Uint8Array): string {
  return Array.from(name, (byte) => String.fromCharCode(byte)).join("");
}

function bytesOfPart(part: string): Uint8Array {
  return Uint8Array.from(part, (character) => character.charCodeAt(0));
}

function shownPath(id: string): string {
  return partsOf(id).slice(1).map(nameOfPart).join("/");
}
