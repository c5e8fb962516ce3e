import { type Digest, digestOfBytes } from "../format/chunk/digest.ts";
import { type CodecProvider } from "../format/crypto/codec-provider.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { FilledBytes } from "./filled-bytes.ts";

/** How long nothing may come before it is given up: a piece takes less than a thousandth of it on an idle machine. */
const WAIT_MS_MAX = 3000;

/** The half of a decode that names what the other half, a `DecodeAheadTask`, makes. */
export interface DigestBehindTask {
  readonly op: "digestBehind";
  /** Shared memory that the other half fills from its front. */
  readonly plain: Uint8Array;
  /** Of the {@link FilledBytes} that tell how far it has come. */
  readonly filled: SharedArrayBuffer;
  /** Makes the digest a keyed one. */
  readonly keyId: number | undefined;
}

/** What {@link digestBehind} found. */
export interface DigestBehind {
  /** `undefined` when the other half failed, or did not come on for too long. */
  readonly digest: Digest | undefined;
  /** Bytes it is the digest of. */
  readonly size: number;
}

/** Hashes memory while another thread fills it; blocks until that is done. */
export function digestBehind(
  provider: CodecProvider,
  { plain, filled }: DigestBehindTask,
  key: CryptKey | undefined,
): DigestBehind {
  const progress = new FilledBytes(filled);
  const hash = provider.sha256Stream();
  let done = 0;
  for (;;) {
    const { size, state } = progress.beyond(done, WAIT_MS_MAX);
    if (state === "failed") return { digest: undefined, size: done };
    hash.update(plain.subarray(done, size));
    done = size;
    if (state === "growing") continue;
    // As `chunkDigest`: the key is part of the name (spec blob.md §3.2).
    if (key) hash.update(key.idKey);
    return { digest: digestOfBytes(hash.digest()), size };
  }
}
