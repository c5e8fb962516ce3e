import { generateKeyPair, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";

import {
  derBitString,
  derInteger,
  derObjectId,
  derOctets,
  derSequence,
  derSet,
  derTagged,
  derText,
  derTime,
  derTrue,
} from "./der.ts";

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

/** Names of what is in a certificate (RFC 5280, RFC 5758). */
const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  extendedKeyUsage: "2.5.29.37",
  subjectAlternativeName: "2.5.29.17",
  serverAuthentication: "1.3.6.1.5.5.7.3.1",
} as const;

/**
 * Makes an EC P-256 key and a certificate it signs itself (RFC 5280).
 *
 * Clients trust it by its fingerprint, so it says only what a TLS library asks for.
 */
export async function makeSelfSignedCertificate(subject: CertificateSubject): Promise<Certificate> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)("ec", {
    namedCurve: "prime256v1",
  });
  const algorithm = derSequence(derObjectId(OID.ecdsaWithSha256));
  const name = derSequence(
    derSet(derSequence(derObjectId(OID.commonName), derText(subject.commonName.slice(0, 64)))),
  );
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = derSequence(
    derTagged(0xa0, derInteger(Uint8Array.of(2))),
    derInteger(serial),
    algorithm,
    name,
    derSequence(derTime(subject.notBeforeSec), derTime(subject.notAfterSec)),
    name,
    publicKey.export({ format: "der", type: "spki" }),
    derTagged(0xa3, derSequence(...extensions(subject.alternativeNames))),
  );
  const signature = sign("sha256", body, privateKey);
  const certificate = derSequence(body, algorithm, derBitString(signature, 0));
  return {
    keyPem: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    certificatePem: pem("CERTIFICATE", certificate),
  };
}

function extensions(alternativeNames: readonly string[]): readonly Uint8Array[] {
  const digitalSignature = derBitString(Uint8Array.of(0x80), 7);
  return [
    derSequence(derObjectId(OID.basicConstraints), derTrue(), derOctets(derSequence())),
    derSequence(derObjectId(OID.keyUsage), derTrue(), derOctets(digitalSignature)),
    derSequence(
      derObjectId(OID.extendedKeyUsage),
      derOctets(derSequence(derObjectId(OID.serverAuthentication))),
    ),
    derSequence(
      derObjectId(OID.subjectAlternativeName),
      derOctets(derSequence(...alternativeNames.map(generalName))),
    ),
  ];
}

function generalName(text: string): Uint8Array {
  return isIP(text) === 0
    ? derTagged(0x82, Buffer.from(text))
    : derTagged(0x87, addressBytes(text));
}

function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split(".").map(Number));
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const words = [...before, ...zeros, ...after].map((word) => Number.parseInt(word, 16));
  return Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 0xff]));
}

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
