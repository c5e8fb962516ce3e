import { X509Certificate, createPrivateKey } from "node:crypto";
import { createSecureContext } from "node:tls";

import { type Clock } from "../../format/clock.ts";
import { ConfigError } from "../configuration/config-error.ts";
import { type ConfigDirectory } from "../configuration/config-directory.ts";
import { type Certificate } from "./self-signed-certificate.ts";
import {
  certificateFingerprint,
  loadServerCertificate,
  renewServerCertificate,
  writeServerCertificate,
} from "./server-certificate.ts";

/**
 * The certificate that the server shows, which can be exchanged while it runs.
 *
 * Connections that exist keep the old one; every new one gets the new one.
 */
export class InstalledCertificate {
  readonly #directory: ConfigDirectory;
  readonly #hostName: string;
  readonly #clock: Clock;
  readonly #listeners: ((certificate: Certificate) => void)[] = [];
  #current: Certificate;

  private constructor(
    directory: ConfigDirectory,
    current: Certificate,
    { hostName, clock }: { readonly hostName: string; readonly clock: Clock },
  ) {
    this.#directory = directory;
    this.#current = current;
    this.#hostName = hostName;
    this.#clock = clock;
  }

  /**
   * Reads `proxy.pem` and `proxy.key`, or makes them on first start.
   *
   * @throws {ConfigError} `CONFIG_CONFLICT`, `CONFIG_INVALID`.
   */
  static async load(
    directory: ConfigDirectory,
    hostName: string,
    clock: Clock,
  ): Promise<InstalledCertificate> {
    const current = await loadServerCertificate(directory, hostName, clock);
    requireUsable(current);
    return new InstalledCertificate(directory, current, { hostName, clock });
  }

  /** Key and certificate of new connections. */
  get current(): Certificate {
    return this.#current;
  }

  /** SHA-256 of the certificate of new connections. */
  get fingerprint(): string {
    return certificateFingerprint(this.#current.certificatePem);
  }

  /** Whether nobody but its own key vouches for it. */
  get isSelfSigned(): boolean {
    const { subject, issuer } = new X509Certificate(this.#current.certificatePem);
    return subject === issuer;
  }

  /** Calls back when the certificate is exchanged. */
  onChange(listener: (certificate: Certificate) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Reads the files again, for whoever renewed them.
   *
   * @throws {ConfigError} `CONFIG_INVALID`; the old one then stays in use.
   */
  async reload(): Promise<void> {
    const { certificatePem, keyPem } = await loadServerCertificate(
      this.#directory,
      this.#hostName,
      this.#clock,
    );
    this.#use({ certificatePem, keyPem });
  }

  /**
   * Installs a certificate, its chain behind it.
   *
   * @param keyPem The present key when absent.
   * @throws {ConfigError} `CONFIG_INVALID` when the two do not go together; nothing has changed then.
   */
  async install(certificatePem: string, keyPem: string | undefined): Promise<void> {
    const wanted = { certificatePem, keyPem: keyPem ?? this.#current.keyPem };
    requireUsable(wanted);
    await writeServerCertificate(this.#directory, wanted);
    this.#use(wanted);
  }

  /** Makes a new key with a certificate that it signs itself, in place of what there is. */
  async renew(): Promise<void> {
    this.#use(await renewServerCertificate(this.#directory, this.#hostName, this.#clock));
  }

  #use(certificate: Certificate): void {
    requireUsable(certificate);
    this.#current = certificate;
    for (const listener of this.#listeners) listener(certificate);
  }
}

/** Refuses what a TLS server could not use; the errors quote nothing, since one of the two is secret. */
function requireUsable({ certificatePem, keyPem }: Certificate): void {
  const leaf = read(() => new X509Certificate(certificatePem), "proxy.pem", "it is no certificate");
  const key = read(
    () => createPrivateKey(keyPem),
    "proxy.key",
    "it is no private key without a passphrase",
  );
  if (!leaf.checkPrivateKey(key)) {
    throw new ConfigError("CONFIG_INVALID", "proxy.key", "it is not the key of the certificate");
  }
  read(
    () => createSecureContext({ cert: certificatePem, key: keyPem, minVersion: "TLSv1.3" }),
    "proxy.pem",
    "the certificate or its chain cannot be used for TLS",
  );
}

function read<Value>(parse: () => Value, file: string, problem: string): Value {
  try {
    return parse();
  } catch {
    throw new ConfigError("CONFIG_INVALID", file, problem);
  }
}
