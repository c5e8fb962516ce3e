import { webcrypto } from "node:crypto";
import { isIP } from "node:net";

/** A key and its certificate, both as PEM text. */
export interface Certificate {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** What a certificate is made for. */
export interface CertificateSubject {
  /** Name shown to people. */
  readonly commonName: string;
  /** Host names and addresses clients may use. */
  readonly alternativeNames: readonly string[];
  readonly notBeforeSec: number;
  readonly notAfterSec: number;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/**
 * Makes an EC P-256 key and a certificate it signs itself (RFC 5280).
 *
 * Clients trust it by its fingerprint, so it says only what a TLS library asks for. The library behind it is loaded
 * only here, on the first start of a server.
 */
export async function makeSelfSignedCertificate(subject: CertificateSubject): Promise<Certificate> {
  await import("reflect-metadata"); // The library below expects it to be there.
  const x509 = await import("@peculiar/x509");
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [subject.commonName.slice(0, 64)] }],
      notBefore: new Date(subject.notBeforeSec * 1000),
      notAfter: new Date(subject.notAfterSec * 1000),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          subject.alternativeNames.map((value) =>
            isIP(value) === 0 ? { type: "dns", value } : { type: "ip", value },
          ),
        ),
      ],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    keyPem: `${x509.PemConverter.encode(key, "PRIVATE KEY")}\n`,
    certificatePem: `${certificate.toString("pem")}\n`,
  };
}
