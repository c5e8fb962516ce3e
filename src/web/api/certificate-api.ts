import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiSend } from "./api-call.ts";

/** A certificate of the server. */
export interface CertificateItem {
  readonly filename: string;
  readonly subject: string;
  readonly issuer: string;
  /** Names and addresses that it is for. */
  readonly san: readonly string[];
  readonly notbefore: number;
  readonly notafter: number;
  readonly fingerprint: string;
  readonly pem: string;
  readonly "public-key-type": string;
  readonly "public-key-bits"?: number;
}

/** Certificates of the server. */
export const certificatesQuery = queryOptions({
  queryKey: ["server", "certificates"],
  queryFn: async () =>
    await apiGet<readonly CertificateItem[]>("/nodes/localhost/certificates/info"),
});

/** Installs a certificate with its chain; without a key the present one stays. */
export async function installCertificate({
  certificates,
  key,
  replaces,
}: {
  readonly certificates: string;
  readonly key: string;
  /** Whether one that was installed before may go. */
  readonly replaces: boolean;
}): Promise<void> {
  await apiSend("POST", "/nodes/localhost/certificates/custom", {
    certificates,
    key: key.trim() === "" ? undefined : key,
    force: replaces,
  });
}

/** Lets the server make and sign a new certificate. */
export async function renewCertificate(): Promise<void> {
  await apiSend("DELETE", "/nodes/localhost/certificates/custom");
}
