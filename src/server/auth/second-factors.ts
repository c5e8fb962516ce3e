import { randomUUID } from "node:crypto";

import { type Clock } from "../../format/clock.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type ConfigDirectory } from "../configuration/config-directory.ts";
import {
  makeRecoveryKeys,
  recoveryKeyIndex,
  type StoredRecoveryKeys,
  unusedRecoveryKeys,
} from "./recovery-keys.ts";
import { formatTfaFile, parseTfaFile, type StoredTotp, type UserFactors } from "./tfa-file.ts";
import { parseTotp } from "./totp.ts";
import { UsedTotpSteps } from "./used-totp-steps.ts";

const TFA_FILE = "tfa.json";

/** Wrong codes after which codes are no longer accepted, until a recovery key or an administrator helps (spec auth.md §3.5). */
export const TOTP_FAILURES_MAX = 8;

/** Wrong answers of any kind, one after the other, after which nothing is accepted for a while. */
export const FAILURES_MAX = 100;

/** Seconds of that while. */
export const LOCK_SEC = 3600;

/** What a user is asked for in the second step (spec auth.md §3.5). */
export interface TfaChallenge {
  readonly totp?: true;
  /** Positions of the recovery keys that are left. */
  readonly recovery?: readonly number[];
}

/** One factor as it is shown. */
export interface FactorEntry {
  readonly id: string;
  readonly type: "totp" | "recovery" | "webauthn" | "u2f" | "yubico";
  readonly description: string;
  readonly created: number;
  readonly enable: boolean;
}

/** Whether a user's second factor is locked. */
export interface FactorLocks {
  readonly totpLocked: boolean;
  /** Seconds since the epoch; absent when it is not locked as a whole. */
  readonly lockedUntilSec?: number;
}

/** Id of a user's recovery keys, of which there is one set. */
export const RECOVERY_ID = "recovery";

/**
 * Second factors of users: time-based codes and recovery keys, in `tfa.json`.
 *
 * Kinds that only a genuine server knows (WebAuthn and the older ones) stay in the file and count: a user who has nothing else cannot log in
 * with the password alone. A code works once, whatever happens to the server in between.
 */
export class SecondFactors {
  readonly #directory: ConfigDirectory;
  readonly #clock: Clock;
  #users = new Map<AuthId, UserFactors>();
  #rest: Readonly<Record<string, unknown>> = {};
  readonly #usedSteps: UsedTotpSteps;
  readonly #failures = new Map<AuthId, { totp: number; all: number }>();

  private constructor(directory: ConfigDirectory, usedSteps: UsedTotpSteps, clock: Clock) {
    this.#directory = directory;
    this.#usedSteps = usedSteps;
    this.#clock = clock;
  }

  /**
   * Reads `tfa.json` of the configuration, and of the state which codes were used; what is missing is empty.
   *
   * @throws {ConfigError} `CONFIG_INVALID`.
   */
  static async load(
    folders: { readonly configuration: ConfigDirectory; readonly state: ConfigDirectory },
    clock: Clock,
  ): Promise<SecondFactors> {
    const usedSteps = await UsedTotpSteps.load(folders.state);
    const factors = new SecondFactors(folders.configuration, usedSteps, clock);
    await factors.reload();
    return factors;
  }

  /** Reads the file again, for an administrator who edited it. */
  async reload(): Promise<void> {
    const { users, rest } = parseTfaFile(await this.#directory.read(TFA_FILE), TFA_FILE);
    this.#users = users;
    this.#rest = rest;
  }

  /** Factors of a user, those that can be used and those that cannot. */
  list(user: AuthId): readonly FactorEntry[] {
    const factors = this.#users.get(user);
    if (!factors) return [];
    const entries: FactorEntry[] = factors.totp.map(({ info }) => ({ ...info, type: "totp" }));
    entries.push(...factors.foreign);
    if (factors.recovery) {
      const { created } = factors.recovery;
      const details = { description: "Recovery Keys", created, enable: true };
      entries.push({ id: RECOVERY_ID, type: "recovery", ...details });
    }
    return entries;
  }

  /** Users with an entry in the file. */
  users(): readonly AuthId[] {
    return [...this.#users.keys()].sort();
  }

  /** Whether the second factor of a user is locked. */
  locks(user: AuthId): FactorLocks {
    const factors = this.#users.get(user);
    const until = factors?.lockedUntilSec ?? 0;
    return {
      totpLocked: factors?.isTotpLocked === true,
      ...(until > this.#clock.nowSec() ? { lockedUntilSec: until } : {}),
    };
  }

  /** What a user is asked for after the password; `undefined` when the password is enough. */
  challenge(user: AuthId): TfaChallenge | undefined {
    const factors = this.#users.get(user);
    if (!factors || !this.list(user).some(({ enable }) => enable)) return undefined;
    const hasTotp = factors.totp.some(({ info }) => info.enable) && !factors.isTotpLocked;
    return {
      ...(hasTotp ? { totp: true } : {}),
      ...(factors.recovery ? { recovery: unusedRecoveryKeys(factors.recovery) } : {}),
    };
  }

  /**
   * Checks the answer to a challenge: `totp:123456` or `recovery:xxxx-xxxx-xxxx-xxxx`.
   *
   * A wrong one counts; a right recovery key is used up and unlocks codes.
   */
  async answer(user: AuthId, answer: string): Promise<boolean> {
    const factors = this.#users.get(user);
    if (!factors || this.locks(user).lockedUntilSec !== undefined) return false;
    const colon = answer.indexOf(":");
    const value = answer.slice(colon + 1);
    const kind = answer.slice(0, colon);
    const isRight =
      kind === "totp"
        ? this.#isCode(factors, value)
        : kind === "recovery" && this.#useRecoveryKey(factors, value);
    if (isRight) {
      this.#failures.delete(user);
      if (kind === "totp") await this.#usedSteps.written();
      if (kind === "recovery") {
        factors.isTotpLocked = false;
        await this.#save();
      }
      return true;
    }
    await this.#countFailure(user, factors, kind);
    return false;
  }

  /**
   * Adds a generator of codes; the user proves by a code that it works.
   *
   * @returns Its id; `undefined` for a wrong code.
   * @throws {FormatError} `FORMAT_INVALID` for an address that is none.
   */
  async addTotp(
    user: AuthId,
    totp: { readonly address: string; readonly code: string; readonly description: string },
  ): Promise<string | undefined> {
    const { stepOf } = parseTotp(totp.address);
    const step = stepOf(totp.code, this.#clock.nowMs());
    if (step === undefined) return undefined;
    const { description } = totp;
    const info = { id: randomUUID(), description, created: this.#clock.nowSec(), enable: true };
    // Whoever saw the code being typed must not log in with it.
    this.#usedSteps.take(info.id, step);
    await this.#usedSteps.written();
    this.#factorsOf(user).totp.push({ info, entry: totp.address });
    await this.#save();
    return info.id;
  }

  /** Makes recovery keys and gives them, this once; `undefined` when the user has some already. */
  async addRecovery(user: AuthId): Promise<readonly string[] | undefined> {
    const factors = this.#factorsOf(user);
    if (factors.recovery) return undefined;
    const { keys, stored } = makeRecoveryKeys(this.#clock.nowSec());
    factors.recovery = stored;
    await this.#save();
    return keys;
  }

  /** Changes the description of a generator, or whether it counts; false when there is none of this id. */
  async change(
    user: AuthId,
    id: string,
    changes: { readonly description?: string; readonly enable?: boolean },
  ): Promise<boolean> {
    const found = this.#users.get(user)?.totp.find(({ info }) => info.id === id);
    if (!found) return false;
    Object.assign(found.info, changes);
    await this.#save();
    return true;
  }

  /** Removes a factor, of whatever kind; false when there is none of this id. */
  async remove(user: AuthId, id: string): Promise<boolean> {
    const factors = this.#users.get(user);
    if (!factors || !this.list(user).some((entry) => entry.id === id)) return false;
    if (id === RECOVERY_ID) factors.recovery = undefined;
    factors.totp = factors.totp.filter(({ info }) => info.id !== id);
    this.#usedSteps.forget(id);
    factors.removeForeign(id);
    if (this.list(user).length === 0) this.#users.delete(user);
    await this.#save();
    return true;
  }

  /** Forgets everything about a user. */
  async removeUser(user: AuthId): Promise<void> {
    this.#failures.delete(user);
    for (const { info } of this.#users.get(user)?.totp ?? []) this.#usedSteps.forget(info.id);
    if (this.#users.delete(user)) await this.#save();
  }

  /** Takes the locks of a user away; says whether there were any. */
  async unlock(user: AuthId): Promise<boolean> {
    this.#failures.delete(user);
    const { totpLocked, lockedUntilSec } = this.locks(user);
    const factors = this.#users.get(user);
    if (!factors || (!totpLocked && lockedUntilSec === undefined)) return false;
    factors.isTotpLocked = false;
    factors.lockedUntilSec = undefined;
    await this.#save();
    return true;
  }

  #factorsOf(user: AuthId): UserFactors {
    let factors = this.#users.get(user);
    if (!factors) this.#users.set(user, (factors = parseTfaFile(undefined, TFA_FILE).empty()));
    return factors;
  }

  #isCode({ totp, isTotpLocked }: UserFactors, code: string): boolean {
    return !isTotpLocked && totp.some((each) => each.info.enable && this.#isFreshCode(each, code));
  }

  #isFreshCode({ info, entry }: StoredTotp, code: string): boolean {
    const step = parseTotp(entry).stepOf(code, this.#clock.nowMs());
    return step !== undefined && this.#usedSteps.take(info.id, step);
  }

  #useRecoveryKey(factors: UserFactors, key: string): boolean {
    const { recovery } = factors;
    if (!recovery) return false;
    const index = recoveryKeyIndex(key, recovery);
    if (index === undefined) return false;
    const entries = recovery.entries.map((entry, at) => (at === index ? null : entry));
    factors.recovery = { ...recovery, entries } satisfies StoredRecoveryKeys;
    return true;
  }

  async #countFailure(user: AuthId, factors: UserFactors, kind: string): Promise<void> {
    const failures = this.#failures.get(user) ?? { totp: 0, all: 0 };
    this.#failures.set(user, failures);
    failures.all += 1;
    if (kind === "totp") failures.totp += 1;
    const locksTotp = failures.totp >= TOTP_FAILURES_MAX && !factors.isTotpLocked;
    const locksAll = failures.all >= FAILURES_MAX;
    if (locksTotp) factors.isTotpLocked = true;
    if (locksAll) {
      factors.lockedUntilSec = this.#clock.nowSec() + LOCK_SEC;
      this.#failures.delete(user);
    }
    if (locksTotp || locksAll) await this.#save();
  }

  async #save(): Promise<void> {
    await this.#directory.write(TFA_FILE, formatTfaFile(this.#users, this.#rest));
  }
}
