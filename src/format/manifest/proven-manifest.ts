import { decodeBlob } from "../chunk/data-blob.ts";
import { type CodecProvider } from "../crypto/codec-provider.ts";
import { type CryptKey } from "../crypto/crypt-key.ts";
import { FormatError } from "../format-error.ts";
import { MANIFEST_BYTES_MAX } from "../limits.ts";
import { type SnapshotId, snapshotIdText } from "../snapshot/snapshot-id.ts";
import { type Manifest, decodeManifest } from "./manifest.ts";
import { verifyManifest } from "./signature.ts";

/** How much a manifest proves: everything, nothing because nobody signed it, or nothing because there is no key. */
export type ManifestTrust = "signed" | "unsigned" | "unchecked";

/** What a manifest has to stand up to. */
export interface ManifestProof {
  /** The snapshot that was asked for. */
  readonly snapshot: SnapshotId;
  /** Checks the signature; without it nothing can be proven. */
  readonly key: CryptKey | undefined;
  /** What becomes of a snapshot that was made without any key, when there is one now. */
  readonly unsigned: "accepted" | "refused";
}

/** A manifest that stood up to what could be checked. */
export interface ProvenManifest {
  readonly manifest: Manifest;
  /** Its text as it was stored, UTF-8. */
  readonly text: Uint8Array;
  readonly trust: ManifestTrust;
}

/**
 * Opens `index.json.blob` for a reader: the one way to a manifest that anything is read by.
 *
 * With a key the signature must be there and fit, and the snapshot signed must be the one asked for: a server could
 * otherwise hand out the files of one snapshot under the name of another. A manifest without a signature is accepted, as by
 * the official client, only if it lists nothing that a key was used for: nobody makes such a snapshot but by taking the
 * signature away. Whoever gets `unsigned` tells the user that nothing is proven. The name of an unsigned snapshot
 * is not compared: it proves nothing, and administrators rename groups.
 *
 * @param raw Borrowed.
 * @throws {FormatError} As `decodeManifest` and `verifyManifest`; `FORMAT_NOT_SIGNED`, `FORMAT_OTHER_SNAPSHOT`.
 * @see spec manifest.md §3.3
 */
export function proveManifest(
  provider: CodecProvider,
  raw: Uint8Array,
  { snapshot, key, unsigned }: ManifestProof,
): ProvenManifest {
  const manifest = decodeManifest(provider, raw);
  const text = decodeBlob(provider, raw, { sizeMax: MANIFEST_BYTES_MAX, what: "manifest" });
  if (!key) return { manifest, text, trust: "unchecked" };
  const trust = verifyManifest(provider, manifest, key);
  if (trust === "unsigned") checkNeverSigned(manifest, unsigned);
  else checkSnapshot(manifest.snapshot, snapshot);
  return { manifest, text, trust };
}

function checkNeverSigned({ snapshot, files }: Manifest, unsigned: "accepted" | "refused"): void {
  const what = `manifest of ${snapshotIdText(snapshot)}`;
  const keyed = files.find(({ cryptMode }) => cryptMode !== "none");
  if (keyed) {
    const detail = `it lists "${keyed.filename}" with mode ${keyed.cryptMode}, and has no signature`;
    throw new FormatError("FORMAT_NOT_SIGNED", what, detail);
  }
  if (unsigned === "refused") {
    const detail = "the snapshot is neither encrypted nor signed, and only signed ones are wanted";
    throw new FormatError("FORMAT_NOT_SIGNED", what, detail);
  }
}

function checkSnapshot(signed: SnapshotId, asked: SnapshotId): void {
  const [present, wanted] = [snapshotIdText(signed), snapshotIdText(asked)];
  if (present === wanted) return;
  throw new FormatError(
    "FORMAT_OTHER_SNAPSHOT",
    `manifest of ${wanted}`,
    `it was signed for ${present}`,
  );
}
