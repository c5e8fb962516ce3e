import { type Fingerprint } from "../../format/crypto/fingerprint.ts";
import { type KnownFingerprints } from "./known-fingerprints.ts";
import { SessionError } from "./session-error.ts";

/** What may be asked of the person at the terminal; absent when there is nobody to ask. */
export type ConfirmFingerprint = (server: string, fingerprint: Fingerprint) => Promise<boolean>;

/** Everything that decides whether a certificate outside the usual chains of trust is accepted. */
export interface TrustPolicy {
  /** Fingerprint that was given for this run; then nothing is looked up and nobody is asked. */
  readonly expected?: Fingerprint;
  readonly known: KnownFingerprints;
  readonly confirm?: ConfirmFingerprint;
}

/**
 * Decides about a leaf certificate that no authority vouches for (spec auth.md §10, steps 2 to 5).
 *
 * A fingerprint that the user accepts is remembered.
 *
 * @throws {SessionError} `SESSION_UNTRUSTED`, with both fingerprints when there are two.
 */
export async function judgeFingerprint(
  policy: TrustPolicy,
  server: string,
  actual: Fingerprint,
): Promise<void> {
  const expected = policy.expected ?? (await policy.known.find(server));
  if (expected === actual) return;
  if (expected !== undefined) {
    throw new SessionError(
      "SESSION_UNTRUSTED",
      `Cannot trust the certificate of "${server}": its fingerprint is ${actual}, expected ${expected}`,
    );
  }
  if (policy.confirm && (await policy.confirm(server, actual))) {
    await policy.known.store(server, actual);
    return;
  }
  throw new SessionError(
    "SESSION_UNTRUSTED",
    `Cannot trust the certificate of "${server}": no authority vouches for it and no fingerprint was given ` +
      `(PBS_FINGERPRINT); its fingerprint is ${actual}`,
  );
}
