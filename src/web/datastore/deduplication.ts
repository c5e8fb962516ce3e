import { type CollectionStatus } from "../api/datastore-api.ts";

/** How much larger the data of all indexes is than the chunks; `undefined` before the first collection. */
export function deduplicationOf(status: CollectionStatus | undefined): number | undefined {
  if (!status || status["disk-bytes"] === 0) return undefined;
  return status["index-data-bytes"] / status["disk-bytes"];
}
