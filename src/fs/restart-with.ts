import { NotResident } from "../format/bytes/resident-source.ts";

/** Leaves a restartable operation until the host has fetched what it needs. */
export function restartWith(need: unknown): never {
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- a signal, not a failure: see NotResident
  throw new NotResident(need);
}
