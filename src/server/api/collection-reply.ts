import { Type, type TNull, type TNumber, type TString, type TUnion } from "typebox";

import {
  type CollectionStatus,
  noCollection,
  parseCollectionStatus,
} from "../store/collection-status.ts";
import { type Datastore } from "../store/datastore.ts";

/** Members of a reply with the figures of a collection (spec rest-api.md §5.5). */
export const collectionMembers: {
  readonly [Member in keyof CollectionStatus]: Member extends "upid"
    ? TUnion<[TString, TNull]>
    : TNumber;
} = {
  "index-file-count": Type.Number(),
  "index-data-bytes": Type.Number(),
  "disk-bytes": Type.Number(),
  "disk-chunks": Type.Number(),
  "removed-bytes": Type.Number(),
  "removed-chunks": Type.Number(),
  "pending-bytes": Type.Number(),
  "pending-chunks": Type.Number(),
  "removed-bad": Type.Number(),
  "still-bad": Type.Number(),
  upid: Type.Union([Type.String(), Type.Null()]),
};

/** Figures of the last collection of a datastore; zeros before the first one. */
export async function lastCollection(datastore: Datastore): Promise<CollectionStatus> {
  const text = await datastore.readGcStatus();
  return text === undefined ? noCollection() : parseCollectionStatus(text);
}
