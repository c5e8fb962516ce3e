import { X509Certificate } from "node:crypto";

import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { ConfigError } from "../configuration/config-error.ts";
import { refused } from "../http/api-error.ts";
import { nodeName } from "../http/parameter-schema.ts";
import { needs } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { type InstalledCertificate } from "../tls/installed-certificate.ts";
import { certificateFingerprint } from "../tls/server-certificate.ts";

const certificateReply = Type.Array(
  Type.Object({
    filename: Type.String(),
    subject: Type.String(),
    issuer: Type.String(),
    san: Type.Array(Type.String()),
    notbefore: Type.Integer(),
    notafter: Type.Integer(),
    fingerprint: Type.String(),
    pem: Type.String(),
    "public-key-type": Type.String(),
    "public-key-bits": Type.Optional(Type.Integer()),
  }),
);

/** Longest PEM text of a chain or a key. */
const PEM_CHARACTERS_MAX = 60_000;

const ignoredRestart = Type.Optional(
  Type.Boolean({
    description: "Accepted and without effect: new connections get the new certificate at once.",
  }),
);

/** `/nodes/{node}/certificates`: what the server shows, and its exchange (spec rest-api.md §9). */
export function addCertificateRoutes(
  api: FastifyInstance,
  { certificate }: { readonly certificate: InstalledCertificate },
): void {
  addRoute(api, {
    method: "GET",
    path: "/nodes/:node/certificates/info",
    description: "The certificate that the server shows.",
    permit: needs("/system/certificates", "Sys.Audit", "Sys.Modify"),
    parameters: Type.Object({ node: nodeName }),
    reply: certificateReply,
    handle: () => describe(certificate.current.certificatePem),
  });
  addRoute(api, {
    method: "POST",
    path: "/nodes/:node/certificates/custom",
    description: "Installs a certificate with its chain, for new connections at once.",
    permit: needs("/system/certificates", "Sys.Modify"),
    parameters: Type.Object({
      node: nodeName,
      certificates: Type.String({
        minLength: 1,
        maxLength: PEM_CHARACTERS_MAX,
        description: "Certificate and chain, PEM.",
      }),
      key: Type.Optional(
        Type.String({
          maxLength: PEM_CHARACTERS_MAX,
          description: "Private key, PEM; without it the present one stays.",
        }),
      ),
      force: Type.Optional(
        Type.Boolean({ description: "Whether a custom certificate that is there is replaced." }),
      ),
      restart: ignoredRestart,
    }),
    reply: certificateReply,
    handle: async ({ certificates, key, force }) => {
      if (!certificate.isSelfSigned && force !== true) {
        throw refused("a custom certificate is installed already; 'force' replaces it");
      }
      try {
        await certificate.install(certificates, key);
      } catch (cause) {
        if (cause instanceof ConfigError) throw refused(cause.message, { cause });
        throw cause;
      }
      return describe(certificate.current.certificatePem);
    },
  });
  addRoute(api, {
    method: "DELETE",
    path: "/nodes/:node/certificates/custom",
    description: "Replaces the certificate by a new one that the server signs itself.",
    permit: needs("/system/certificates", "Sys.Modify"),
    parameters: Type.Object({ node: nodeName, restart: ignoredRestart }),
    reply: Type.Null(),
    handle: async () => {
      await certificate.renew();
      return null;
    },
  });
}

function describe(pem: string): Static<typeof certificateReply> {
  const certificate = new X509Certificate(pem);
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  const bits = asymmetricKeyDetails?.modulusLength ?? curveBits(asymmetricKeyDetails?.namedCurve);
  const names = certificate.subjectAltName?.split(", ") ?? [];
  return [
    {
      filename: "proxy.pem",
      subject: certificate.subject.split("\n").join(", "),
      issuer: certificate.issuer.split("\n").join(", "),
      san: names.map((name) => name.replace(/^(DNS|IP Address):/, "")),
      notbefore: Math.floor(Date.parse(certificate.validFrom) / 1000),
      notafter: Math.floor(Date.parse(certificate.validTo) / 1000),
      fingerprint: certificateFingerprint(pem),
      pem,
      "public-key-type": asymmetricKeyType ?? "unknown",
      ...(bits === undefined ? {} : { "public-key-bits": bits }),
    },
  ];
}

function curveBits(name: string | undefined): number | undefined {
  const digits = /[0-9]{3}/.exec(name ?? "")?.[0];
  return digits === undefined ? undefined : Number(digits);
}
