import { createHash, X509Certificate } from "node:crypto";

import { type Clock } from "../../format/clock.ts";
import { type ConfigDirectory } from "../configuration/config-directory.ts";
import { ConfigError } from "../configuration/config-error.ts";
import { makeSelfSignedCertificate, type Certificate } from "./self-signed-certificate.ts";

const CERTIFICATE_FILE = "proxy.pem";
const KEY_FILE = "proxy.key";

/** Life of a certificate made here: ten years. */
const LIFETIME_SEC = 10 * 365 * 86_400;

/** A day, so that clients whose clock is behind accept the new certificate. */
const BACKDATED_SEC = 86_400;

/**
 * Reads `proxy.pem` and `proxy.key`, or makes them on first start.
 *
 * @param hostName Own name, put into a new certificate beside localhost and the loopback addresses.
 * @throws {ConfigError} `CONFIG_CONFLICT` when only one of the two exists.
 */
export async function loadServerCertificate(
  directory: ConfigDirectory,
  hostName: string,
  clock: Clock,
): Promise<Certificate> {
  const certificatePem = await directory.read(CERTIFICATE_FILE);
  const keyPem = await directory.read(KEY_FILE);
  if (certificatePem !== undefined && keyPem !== undefined) return { certificatePem, keyPem };
  if (certificatePem !== undefined || keyPem !== undefined) {
    throw new ConfigError(
      "CONFIG_CONFLICT",
      directory.path,
      `only one of ${CERTIFICATE_FILE} and ${KEY_FILE} exists`,
    );
  }
  const nowSec = clock.nowSec();
  const certificate = await makeSelfSignedCertificate({
    commonName: hostName,
    alternativeNames: [...new Set([hostName, "localhost", "127.0.0.1", "::1"])],
    notBeforeSec: nowSec - BACKDATED_SEC,
    notAfterSec: nowSec + LIFETIME_SEC,
  });
  await directory.write(KEY_FILE, certificate.keyPem);
  await directory.write(CERTIFICATE_FILE, certificate.certificatePem);
  return certificate;
}

/** SHA-256 of the leaf certificate as 32 lower-case pairs joined by colons (spec auth.md §10). */
export function certificateFingerprint(certificatePem: string): string {
  const { raw } = new X509Certificate(certificatePem);
  const digest = createHash("sha256").update(raw).digest("hex");
  return (digest.match(/../g) ?? []).join(":");
}
