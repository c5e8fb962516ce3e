import { createHash, X509Certificate } from "node:crypto";

import { type Clock } from "../../format/clock.ts";
import { type ConfigDirectory } from "../configuration/config-directory.ts";
import { ConfigError } from "../configuration/config-error.ts";
import { makeSelfSignedCertificate, type Certificate } from "./self-signed-certificate.ts";

const CERTIFICATE_FILE = "proxy.pem";
const KEY_FILE = "proxy.key";

/** A certificate and its key on their way into the two files. */
const STAGED_FILE = "proxy.new.json";

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
  await completeInstallation(directory);
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
  return await renewServerCertificate(directory, hostName, clock);
}

/** Makes a new key with a certificate that it signs itself, and stores both. */
export async function renewServerCertificate(
  directory: ConfigDirectory,
  hostName: string,
  clock: Clock,
): Promise<Certificate> {
  const nowSec = clock.nowSec();
  const certificate = await makeSelfSignedCertificate({
    commonName: hostName,
    alternativeNames: [...new Set([hostName, "localhost", "127.0.0.1", "::1"])],
    notBeforeSec: nowSec - BACKDATED_SEC,
    notAfterSec: nowSec + LIFETIME_SEC,
  });
  await writeServerCertificate(directory, certificate);
  return certificate;
}

/**
 * Stores a certificate and its key.
 *
 * They are two files, which no crash may leave with one of each: both are staged together first, and a start that finds them completes the work.
 */
export async function writeServerCertificate(
  directory: ConfigDirectory,
  certificate: Certificate,
): Promise<void> {
  await directory.write(STAGED_FILE, JSON.stringify(certificate));
  await completeInstallation(directory);
}

async function completeInstallation(directory: ConfigDirectory): Promise<void> {
  const staged = await directory.read(STAGED_FILE);
  if (staged === undefined) return;
  const { keyPem, certificatePem } = parseStaged(staged);
  await directory.write(KEY_FILE, keyPem);
  await directory.write(CERTIFICATE_FILE, certificatePem);
  await directory.remove(STAGED_FILE);
}

function parseStaged(text: string): Certificate {
  const value: unknown = JSON.parse(text);
  if (
    typeof value === "object" &&
    value !== null &&
    "keyPem" in value &&
    typeof value.keyPem === "string" &&
    "certificatePem" in value &&
    typeof value.certificatePem === "string"
  ) {
    return { keyPem: value.keyPem, certificatePem: value.certificatePem };
  }
  throw new ConfigError(
    "CONFIG_INVALID",
    STAGED_FILE,
    "it does not hold a certificate and its key",
  );
}

/** SHA-256 of the leaf certificate as 32 lower-case pairs joined by colons (spec auth.md §10). */
export function certificateFingerprint(certificatePem: string): string {
  const { raw } = new X509Certificate(certificatePem);
  const digest = createHash("sha256").update(raw).digest("hex");
  return (digest.match(/../g) ?? []).join(":");
}
