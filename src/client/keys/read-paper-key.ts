/** Line before the key on paper (spec keyfile.md §5). */
export const PAPER_BEGIN = "-----BEGIN PROXMOX BACKUP KEY-----";
/** Line after it. */
export const PAPER_END = "-----END PROXMOX BACKUP KEY-----";

/**
 * Takes the key file out of a paper key that was typed in or scanned as a whole, or out of the page it was printed from;
 * any other text is given back as it is.
 *
 * The content of the QR code alone is a key file already.
 */
export function keyFileOfPaper(text: string): string {
  const begin = text.indexOf(PAPER_BEGIN);
  const end = text.indexOf(PAPER_END);
  if (begin < 0 || end < begin) return text;
  const key = text.slice(begin + PAPER_BEGIN.length, end).trim();
  return /<html|<p\b/i.test(text.slice(0, begin)) ? unescaped(key) : key;
}

/** Text of a page, which has entities for the characters that mean something in HTML. */
function unescaped(text: string): string {
  return text
    .replaceAll("&quot;", '"')
    .replaceAll("&#34;", '"')
    .replaceAll("&gt;", ">")
    .replaceAll("&lt;", "<")
    .replaceAll("&amp;", "&");
}
