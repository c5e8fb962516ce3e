import { Secret, TOTP, URI } from "otpauth";

import { FormatError } from "../../format/format-error.ts";

/** Steps before and after the present one whose codes are accepted: clocks of telephones are off by some seconds. */
const WINDOW_STEPS = 1;

/** Fewest bits of a secret (RFC 4226 §4: 128). */
const SECRET_BYTES_MIN = 16;

/** A generator of time-based one-time passwords (RFC 6238), as an `otpauth://totp/…` address describes it. */
export interface TotpGenerator {
  /**
   * Whether a code is the one of now, or of the step before or after.
   *
   * @returns The number of its step, to refuse it the second time; `undefined` for a wrong code.
   */
  readonly stepOf: (code: string, nowMs: number) => number | undefined;
}

/**
 * Reads an `otpauth://totp/…` address.
 *
 * @throws {FormatError} `FORMAT_INVALID` for anything else, for other lengths and periods than applications use, and for
 *   secrets that can be guessed.
 */
export function parseTotp(address: string): TotpGenerator {
  const totp = generatorOf(address);
  return {
    stepOf: (code, nowMs) => {
      if (!/^[0-9]{6,8}$/.test(code)) return undefined;
      const delta = totp.validate({ token: code, timestamp: nowMs, window: WINDOW_STEPS });
      return delta === null ? undefined : Math.floor(nowMs / 1000 / totp.period) + delta;
    },
  };
}

/** The code that a generator shows; for tests and for people who lost their telephone but not the address. */
export function totpCode(address: string, nowMs: number): string {
  return generatorOf(address).generate({ timestamp: nowMs });
}

/** Makes the address of a new generator. */
export function newTotpAddress(user: string, issuer: string, secret: Uint8Array): string {
  const buffer = secret.slice().buffer;
  return new TOTP({ issuer, label: user, secret: new Secret({ buffer }) }).toString();
}

function generatorOf(address: string): TOTP {
  const totp = parse(address);
  const isUsual = totp.digits >= 6 && totp.digits <= 8 && totp.period >= 15 && totp.period <= 120;
  if (!isUsual) throw invalid("6 to 8 digits and a period of 15 to 120 seconds are wanted");
  if (totp.secret.bytes.length < SECRET_BYTES_MIN) {
    throw invalid(`the secret has less than ${SECRET_BYTES_MIN} bytes`);
  }
  return totp;
}

function parse(address: string): TOTP {
  let parsed: unknown;
  try {
    parsed = URI.parse(address);
  } catch {
    // The cause would quote the secret.
    throw invalid("it is none");
  }
  if (!(parsed instanceof TOTP)) throw invalid("it is not time-based");
  return parsed;
}

function invalid(detail: string): FormatError {
  return new FormatError("FORMAT_INVALID", "otpauth address", detail);
}
