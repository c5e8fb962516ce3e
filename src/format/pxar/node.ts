import { type PxarMetadata } from "./metadata.ts";

/** What every entry of an archive has. */
export interface PxarNodeBase {
  /** Owned; empty for the root. */
  readonly name: Uint8Array;
  /** Archive offset of the FILENAME item, which identifies the entry; 0 for the root, which has none. */
  readonly nameOffset: number;
}

/** Where the content of a regular file lies. */
export interface PxarPayloadPlace {
  /** `"metadata"`: in the archive itself; `"payload"`: in the payload archive of a split one. */
  readonly archive: "metadata" | "payload";
  /** Offset of the PAYLOAD item's header. */
  readonly headerOffset: number;
  /** Offset of the first byte of content. */
  readonly offset: number;
}

/** A regular file with its own ENTRY. */
export interface PxarFile extends PxarNodeBase {
  readonly kind: "file";
  readonly metadata: PxarMetadata;
  /** Archive offset of the first byte behind the entry. */
  readonly end: number;
  /** Bytes of content. */
  readonly size: number;
  readonly payload: PxarPayloadPlace;
}

/** A directory. */
export interface PxarDirectory extends PxarNodeBase {
  readonly kind: "directory";
  readonly metadata: PxarMetadata;
  /** Archive offset of the ENTRY item; 0 for the root, whatever precedes it. */
  readonly entryOffset: number;
  /** Archive offset of the first item of its content. */
  readonly contentOffset: number;
  /** Archive offset of the first byte behind its goodbye table; 0 while a sequential decoder does not know it. */
  readonly end: number;
}

/** A symbolic link. */
export interface PxarSymlink extends PxarNodeBase {
  readonly kind: "symlink";
  readonly metadata: PxarMetadata;
  readonly end: number;
  /** Any bytes but NUL. */
  readonly target: Uint8Array;
}

/** A device node. */
export interface PxarDevice extends PxarNodeBase {
  readonly kind: "block-device" | "character-device";
  readonly metadata: PxarMetadata;
  readonly end: number;
  readonly major: number;
  readonly minor: number;
}

/** A FIFO or a socket. */
export interface PxarSpecial extends PxarNodeBase {
  readonly kind: "fifo" | "socket";
  readonly metadata: PxarMetadata;
  readonly end: number;
}

/** A further name of an earlier regular file; has no metadata of its own. */
export interface PxarHardLink extends PxarNodeBase {
  readonly kind: "hardlink";
  readonly end: number;
  /** Archive offset of the target's FILENAME item. */
  readonly targetNameOffset: number;
  /** Path of the target from the root, without a leading slash; untrusted. */
  readonly targetPath: Uint8Array;
}

/** One entry of an archive, as decoders give it out; immutable, and owns its bytes. */
export type PxarNode =
  PxarFile | PxarDirectory | PxarSymlink | PxarDevice | PxarSpecial | PxarHardLink;

/** An entry that has metadata of its own. */
export type PxarOwnNode = Exclude<PxarNode, PxarHardLink>;
