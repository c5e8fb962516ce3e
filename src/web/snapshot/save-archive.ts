import { decodedFileUrl, storedFileUrl } from "../api/snapshots-api.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { saveFrom } from "../parts/save-from.ts";
import { saveStream } from "../parts/save-stream.ts";
import { wholePieces } from "../vault/vault-folder-source.ts";
import { type ShownArchive } from "./archive-list.ts";

/** Encrypted for the master key: no key of the vault opens it (docs/encryption.md). */
const WRAPPED_KEY = "rsa-encrypted.key.blob";

/** Saves a whole archive, decrypted here where the vault has the key, else decoded by the server. */
export async function saveArchive(
  place: SnapshotPlace,
  { name, shortName, size, cryptMode }: ShownArchive,
  isInVault: boolean,
): Promise<void> {
  if (isInVault && cryptMode === "encrypt" && name !== WRAPPED_KEY) {
    await saveStream(wholePieces({ snapshot: place, archive: name }), shortName, size);
  } else if (name === WRAPPED_KEY) saveFrom(storedFileUrl(place, name), name);
  else saveFrom(decodedFileUrl(place, name), shortName);
}
