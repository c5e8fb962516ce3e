import { refused } from "./api-error.ts";

/**
 * Refuses a change that was made against an older configuration (spec rest-api.md §1.3).
 *
 * @param given Of the request; without one nothing is checked.
 * @throws {ApiError} `API_REFUSED` with the protocol's text.
 */
export function requireConfigDigest(present: string, given: string | undefined): void {
  if (given !== undefined && given !== present) {
    throw refused("detected modified configuration - file changed by other user? Try again.");
  }
}
