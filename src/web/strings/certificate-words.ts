/** Words about the server's certificate. */
export const certificateWords = {
  title: "Certificate",
  hint: "What the server shows to everybody who connects.",
  upload: "Install another …",
  renew: "Make a new one …",
  facts: {
    subject: "Issued for",
    issuer: "Issued by",
    names: "Names and addresses",
    valid: "Valid",
    key: "Key",
  },
  valid: (from: string, until: string) => `${from} to ${until}`,
  expiresSoon: (when: string) => `It expires ${when}.`,
  fingerprint: "Fingerprint (SHA-256)",
  pem: "Certificate as text (PEM)",
  uploadTitle: "Install a certificate",
  uploadConfirm: "Install",
  uploadText:
    "New connections get it at once; sessions that are open go on. Clients that trust the server by its fingerprint need the new one.",
  certificate: "Certificate and chain (PEM)",
  certificateHint: "The server's own certificate first",
  key: "Private key (PEM)",
  keyHint: "Empty: the present key stays",
  fromFile: "From a file …",
  replace: "Replace the certificate that was installed before",
  installed: "The certificate is installed.",
  renewTitle: "Make a new certificate?",
  renewText:
    "The server makes a key and signs the certificate itself. What is there now is replaced, and clients that trust its fingerprint need the new one.",
  renewConfirm: "Make a new certificate",
  renewed: "The server has a new certificate.",
} as const;
