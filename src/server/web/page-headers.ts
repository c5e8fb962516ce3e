/** Replaced in the page by a text that is new for every answer, which its styles have to carry. */
export const STYLE_NONCE_MARK = "%STYLE_NONCE%";

/**
 * Headers of the page.
 *
 * Scripts, workers, styles and requests only from and to this server; no script in the page; a frame only for a preview
 * that the page itself made; nobody may show the page in a frame.
 *
 * @param nonce What style elements have to carry that the page's components add.
 */
export function pageHeaders(nonce: string): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' blob: data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "frame-src blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    ...fileHeaders,
    "content-security-policy": policy.join("; "),
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  };
}

/** Headers of everything that belongs to the page. */
export const fileHeaders: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};
