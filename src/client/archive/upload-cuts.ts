import { type Cut } from "../../chunks/chunk-cutter.ts";
import { type CodecPool } from "../../chunks/codec-pool.ts";
import { mapConcurrent } from "../../chunks/map-concurrent.ts";
import { type SharedArena } from "../../chunks/shared-arena.ts";
import { digestOfBytes } from "../../format/chunk/digest.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { type ArchiveEntry } from "../session/archive-upload.ts";

/** The part of an `ArchiveUpload` that is needed here. */
export interface CutUpload {
  /** Whether a chunk can be added without its blob. */
  isKnown(digest: ArchiveEntry["digest"]): boolean;
  /** Adds the next chunk; a blob is `onSettled` once it is acknowledged or has failed. */
  add(entry: ArchiveEntry): Promise<void>;
}

/** What cuts are uploaded with. */
export interface UploadCutsOptions {
  readonly arena: SharedArena;
  readonly pool: CodecPool;
  /** Encrypts, and makes the digests keyed ones. */
  readonly key?: CryptKey | undefined;
  readonly upload: CutUpload;
  /** What most chunks will turn out to be, as far as anyone knows: decides what is done first to the first ones. */
  readonly expected: "new" | "known";
}

/** Bytes of blobs that are handed to the upload and not acknowledged; one blob may always go. */
const BLOB_BYTES_MAX = 24 * 1024 * 1024;

/**
 * Names, encodes and uploads the pieces of a stream in order, until it ends.
 *
 * A chunk's slot is free again as soon as its blob is made, or as soon as it is known to the server. While chunks turn out
 * to be new, the next are digested and encoded in one go. Memory besides the arena: blobs that are not acknowledged, of
 * {@link BLOB_BYTES_MAX} bytes at most, and those that wait for this, one for each slot.
 */
export async function uploadCuts(
  cuts: AsyncIterable<Cut>,
  options: UploadCutsOptions,
): Promise<void> {
  const { arena, upload } = options;
  const preparation = new Preparation(options);
  const prepared = mapConcurrent(
    cuts,
    arena.slotCount,
    async (cut) => await preparation.prepare(cut),
  );
  const underWay = new BytesUnderWay(BLOB_BYTES_MAX);
  for await (const entries of prepared) {
    for (const entry of entries) {
      if ("blob" in entry) {
        const { length } = await entry.blob;
        await underWay.take(length);
        await upload.add({
          ...entry,
          onSettled: () => {
            underWay.giveBack(length);
          },
        });
      } else await upload.add(entry);
    }
  }
}

/** Counts bytes that are being uploaded, for one who takes at a time. */
class BytesUnderWay {
  readonly #bytesMax: number;
  #bytes = 0;
  #wake: () => void = () => undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Waits until these bytes fit beside the others, or there are no others. */
  async take(size: number): Promise<void> {
    while (this.#bytes > 0 && this.#bytes + size > this.#bytesMax) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#bytes += size;
  }

  giveBack(size: number): void {
    this.#bytes -= size;
    this.#wake();
  }
}

class Preparation {
  readonly #options: UploadCutsOptions;
  #expected: "new" | "known";

  constructor(options: UploadCutsOptions) {
    this.#options = options;
    this.#expected = options.expected;
  }

  async prepare(cut: Cut): Promise<readonly ArchiveEntry[]> {
    if (cut.kind === "known") {
      return cut.entries.map(({ digest, size }) => ({ digest: digestOfBytes(digest), size }));
    }
    return [
      this.#expected === "new" ? await this.#digestAndEncode(cut) : await this.#digestFirst(cut),
    ];
  }

  async #digestAndEncode(cut: Cut & { readonly kind: "data" }): Promise<ArchiveEntry> {
    const { arena, pool, key, upload } = this.#options;
    const { slot, size } = cut;
    const { digest, blob } = await pool.digestAndEncode(arena.view(slot, 0, size), {
      compress: true,
      key,
    });
    arena.release(slot);
    if (!upload.isKnown(digest)) return { digest, size, blob };
    this.#expected = "known";
    return { digest, size };
  }

  async #digestFirst(cut: Cut & { readonly kind: "data" }): Promise<ArchiveEntry> {
    const { arena, pool, key, upload } = this.#options;
    const { slot, size } = cut;
    const plain = arena.view(slot, 0, size);
    const digest = await pool.digest(plain, { key });
    if (upload.isKnown(digest)) {
      arena.release(slot);
      return { digest, size };
    }
    this.#expected = "new";
    const blob = await pool.encode(plain, { compress: true, key });
    arena.release(slot);
    return { digest, size, blob };
  }
}
