import { NotResident } from "../format/bytes/resident-source.ts";

/**
 * Runs a restartable operation, and again after everything it needed has been fetched.
 *
 * @param resolve Fetches what a `NotResident` names; afterwards the operation must come further than before.
 * @throws What the operation throws other than `NotResident`, and what `resolve` rejects with.
 */
export async function whenResident<T>(
  resolve: (need: unknown) => Promise<void>,
  operation: () => T,
): Promise<T> {
  for (;;) {
    try {
      return operation();
    } catch (error) {
      if (!(error instanceof NotResident)) throw error;
      await resolve(error.need);
    }
  }
}
