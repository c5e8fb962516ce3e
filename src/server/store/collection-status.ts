import { type Json } from "../../format/manifest/canonical-json.ts";

/** Figures of one collection under the names of its file (spec datastore.md §7.7); `Bytes` are of stored blobs. */
export const collectionFigures = {
  "index-file-count": "indexes that were read",
  "index-data-bytes": "size of all archives, as if nothing were shared",
  "disk-bytes": "chunks in use",
  "disk-chunks": "number of chunks in use",
  "removed-bytes": "what was removed, set aside chunks included",
  "removed-chunks": "number of good chunks removed",
  "pending-bytes": "not in use, but too young to remove, set aside chunks included",
  "pending-chunks": "number of good chunks too young to remove",
  "removed-bad": "number of chunks removed that had been set aside",
  "still-bad": "number of chunks set aside that are too young to remove",
} as const;

/** Name of a figure. */
export type CollectionFigure = keyof typeof collectionFigures;

/** Result of a collection, in the form of its file and of the API. */
export type CollectionStatus = Readonly<Record<CollectionFigure, number>> & {
  /** Task that collected; `null` before the first collection. */
  readonly upid: string | null;
};

/** Figures of a datastore in which nothing was ever collected. */
export function noCollection(): Record<CollectionFigure, number> & { upid: string | null } {
  return {
    "index-file-count": 0,
    "index-data-bytes": 0,
    "disk-bytes": 0,
    "disk-chunks": 0,
    "removed-bytes": 0,
    "removed-chunks": 0,
    "pending-bytes": 0,
    "pending-chunks": 0,
    "removed-bad": 0,
    "still-bad": 0,
    upid: null,
  };
}

/** Reads the file of the last collection; unknown members are passed over, a text that makes no sense counts as none. */
export function parseCollectionStatus(text: string): CollectionStatus {
  const status = noCollection();
  const stored = parsed(text);
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) return status;
  for (const [name, value] of Object.entries(stored)) {
    if (isFigure(name) && typeof value === "number") status[name] = value;
    if (name === "upid" && typeof value === "string") status.upid = value;
  }
  return status;
}

function parsed(text: string): Json {
  try {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- what JSON can be
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}

function isFigure(name: string): name is CollectionFigure {
  return Object.hasOwn(collectionFigures, name);
}
