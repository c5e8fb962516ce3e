/** Version of the genuine programs, in the two parts that peers parse and derive features from (spec rest-api.md §3). */
export interface PartedVersion {
  /** Main and minor number. */
  readonly version: string;
  /** Third number. */
  readonly release: string;
}

/** Release whose behaviour this program's server and client have. */
export const EMULATED_VERSION: PartedVersion = { version: "3.2", release: "4" };
