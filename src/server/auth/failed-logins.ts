import { LRUCache } from "lru-cache";

import { type Clock } from "../../format/clock.ts";

/** Failures of one user from one address after which its logins from there are refused unseen. */
export const FAILURES_MAX = 10;

/** Seconds after the last failure until they are forgotten. */
export const FAILURES_FORGOTTEN_SEC = 600;

/** Pairs that are remembered; the ones that failed longest ago are forgotten first. */
const PAIRS_MAX = 100_000;

/**
 * Counts failed logins, for each user and the address they come from.
 *
 * The address belongs to it: a user who is locked out everywhere is one whom anybody can lock out. A ticket that is valid goes on,
 * and is renewed, whatever happens here.
 */
export class FailedLogins {
  readonly #clock: Clock;
  readonly #failures = new LRUCache<string, { count: number; lastSec: number }>({ max: PAIRS_MAX });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether logins of this user from this address are refused for now. */
  isLocked(user: string, peer: string): boolean {
    return (this.#current(user, peer)?.count ?? 0) >= FAILURES_MAX;
  }

  /** Remembers a failure. */
  failed(user: string, peer: string): void {
    const count = (this.#current(user, peer)?.count ?? 0) + 1;
    this.#failures.set(pairOf(user, peer), { count, lastSec: this.#clock.nowSec() });
  }

  /** Forgets the failures of a user who has logged in. */
  succeeded(user: string, peer: string): void {
    this.#failures.delete(pairOf(user, peer));
  }

  #current(user: string, peer: string): { readonly count: number } | undefined {
    const pair = pairOf(user, peer);
    const found = this.#failures.get(pair);
    if (found && this.#clock.nowSec() - found.lastSec > FAILURES_FORGOTTEN_SEC) {
      this.#failures.delete(pair);
      return undefined;
    }
    return found;
  }
}

/** One customer has a whole /64 of IPv6 addresses. */
function pairOf(user: string, peer: string): string {
  const network =
    peer.includes(":") && !peer.includes(".") ? peer.split(":").slice(0, 4).join(":") : peer;
  return `${network} ${user}`;
}
