import { apiPath, apiUrl, type ApiParameters } from "../api/api-call.ts";
import { type SnapshotPlace, snapshotParameters } from "../api/snapshot-place.ts";

/** A request of the vault that was refused; the words are the server's. */
export class VaultFetchError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "VaultFetchError";
    this.status = status;
  }
}

/** A file of a snapshot as it is stored. */
export async function fetchStored(place: SnapshotPlace, fileName: string): Promise<Uint8Array> {
  const path = apiPath`/admin/datastore/${place.store}/download`;
  return await fetchBytes(path, { ...snapshotParameters(place), "file-name": fileName });
}

/** A chunk of an archive as it is stored, by its position in the index. */
export async function fetchChunk(
  place: SnapshotPlace,
  fileName: string,
  position: number,
): Promise<Uint8Array> {
  const path = apiPath`/amber/datastore/${place.store}/chunk`;
  return await fetchBytes(path, { ...snapshotParameters(place), "file-name": fileName, position });
}

/** The only requests of the vault: reading, with nothing in them but names that the server gave. */
async function fetchBytes(path: string, parameters: ApiParameters): Promise<Uint8Array> {
  const response = await fetch(apiUrl(path, parameters), { credentials: "same-origin" });
  if (!response.ok) throw new VaultFetchError(response.status, (await response.text()).trim());
  return new Uint8Array(await response.arrayBuffer());
}
