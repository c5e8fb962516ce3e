import {
  type Certificate,
  makeSelfSignedCertificate,
} from "../../src/server/tls/self-signed-certificate.ts";

/** Key and certificate for `localhost`. */
export type TestCertificate = Certificate;

/** Makes a certificate for `localhost`, which a client must be told to trust. */
export async function makeTestCertificate(): Promise<TestCertificate> {
  return await makeSelfSignedCertificate({
    commonName: "localhost",
    alternativeNames: ["localhost", "127.0.0.1"],
    notBeforeSec: 1_700_000_000,
    notAfterSec: 4_000_000_000,
  });
}
