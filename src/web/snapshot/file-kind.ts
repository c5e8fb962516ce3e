/** How the content of a file can be shown. */
export type FileKind =
  | { readonly kind: "text" }
  | { readonly kind: "image"; readonly contentType: string }
  | { readonly kind: "pdf" };

/** Most bytes of a file that are loaded to be shown. */
export const SHOWN_BYTES_MAX = 32 * 1024 * 1024;

/** Most bytes of a text that are shown; a page with more of it answers slowly. */
export const TEXT_BYTES_MAX = 512 * 1024;

const imageTypes: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  bmp: "image/bmp",
  ico: "image/x-icon",
  // As a picture, whose scripts no browser runs.
  svg: "image/svg+xml",
};

/** What a file is by its name; whether it can be shown as text is seen from its bytes. */
export function fileKindOf(name: string): FileKind {
  const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  const contentType = imageTypes[ending];
  if (contentType !== undefined) return { kind: "image", contentType };
  return ending === "pdf" ? { kind: "pdf" } : { kind: "text" };
}

/** Text of bytes that are one, `undefined` for others: control characters or bad UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  const shown = bytes.subarray(0, TEXT_BYTES_MAX);
  if (shown.some((byte) => byte < 9 || (byte > 13 && byte < 32 && byte !== 27))) return undefined;
  try {
    // A character may be cut at the end of what is shown: then the decoder is told that more comes.
    const isCut = shown.length < bytes.length;
    return new TextDecoder("utf-8", { fatal: true }).decode(shown, { stream: isCut });
  } catch {
    return undefined;
  }
}
