import { checkSafeId } from "./safe-id.ts";

/** Name of a datastore as its server's configuration has it. */
export type DatastoreName = string & { readonly __brand: "DatastoreName" };

/**
 * Parses a name of 3 to 32 letters, digits, `_`, `.` and `-` (spec datastore.md §2).
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseDatastoreName(text: string): DatastoreName {
  checkSafeId(text, { min: 3, max: 32 }, "datastore name");
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the brand is made here, after the check
  return text as DatastoreName;
}
