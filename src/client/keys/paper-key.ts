import { FormatError } from "../../format/format-error.ts";
import { parseKeyFile, printKeyFile } from "../../format/crypto/key-file.ts";
import { keyFileOfPaper, PAPER_BEGIN, PAPER_END } from "./read-paper-key.ts";
import { qrBlocks, qrCode, qrSvg } from "./qr-code.ts";

/** What goes on paper. */
export interface PaperKeyRequest {
  /** Text of a key file, or of a private key in PEM form. */
  readonly content: string;
  /** Line above it, for whoever finds the paper. */
  readonly subject: string | undefined;
}

/** Text with its QR code, on one page if the format says so. */
interface PaperBlock {
  readonly lines: readonly string[];
  /** What the QR code holds. */
  readonly code: string;
}

interface PaperKey {
  /** `key`: one block; `pem`: many, each on a page of its own. */
  readonly kind: "key" | "pem";
  readonly blocks: readonly PaperBlock[];
}

const PRIVATE_BEGIN = /^-----BEGIN ((?:ENCRYPTED|RSA) PRIVATE KEY)-----$/;
/** Fewest lines of a private key (spec keyfile.md §5). */
const PRIVATE_LINES_MIN = 20;
/** Lines of a private key beside one QR code: in text, and on an HTML page (spec keyfile.md §5). */
const PRIVATE_BLOCK_LINES = { text: 5, html: 20 } as const;

/**
 * Renders a paper key as text (spec keyfile.md §5), byte for byte as the official program but for the choice between QR
 * codes of the same content.
 *
 * @throws {FormatError} for what is neither a key file nor a private key.
 */
export function paperKeyText({ content, subject }: PaperKeyRequest): string {
  const paper = readPaper(content, "text");
  const head = subject === undefined ? "" : `Subject: ${subject}\n\n`;
  const feed = paper.kind === "pem" ? "\f" : "";
  const pages = paper.blocks.map(
    ({ lines, code }) =>
      `${lines.map((line) => `${line}\n`).join("")}${qrBlocks(qrCode(code))}\n${feed}`,
  );
  return head + pages.join("");
}

/**
 * Renders a paper key as a page to print, which needs nothing but itself.
 *
 * @throws {FormatError} for what is neither a key file nor a private key.
 */
export function paperKeyHtml({ content, subject }: PaperKeyRequest): string {
  const { kind, blocks } = readPaper(content, "html");
  const pages = blocks.map(({ lines, code }) => {
    const image = Buffer.from(qrSvg(qrCode(code)))
      .toString("base64")
      .replace(/=+$/, "");
    const text = lines.map((line) => `${escaped(line)}\n`).join("");
    const style = kind === "pem" ? ' style="page-break-after: always"' : "";
    return `<div${style}>
<p style="white-space: pre-wrap; font-family: monospace; overflow-wrap: anywhere">
${text}</p>
<p style="text-align: center"><img alt="the text above as a QR code" style="width: 500pt; height: 500pt" src="data:image/svg+xml;base64,${image}"></p>
</div>
`;
  });
  const head = subject === undefined ? "" : `<p>Subject: ${escaped(subject)}</p>\n`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Proxmox Backup Paperkey</title>
</head>
<body>
${head}${pages.join("")}</body>
</html>
`;
}

function readPaper(content: string, form: "text" | "html"): PaperKey {
  const lines = content.trimEnd().split(/\r?\n/);
  const type = PRIVATE_BEGIN.exec(lines[0] ?? "")?.[1];
  if (type === undefined) {
    const json = printKeyFile(parseKeyFile(keyFileOfPaper(content)), "pretty");
    return {
      kind: "key",
      blocks: [{ lines: [PAPER_BEGIN, ...json.split("\n"), PAPER_END], code: json }],
    };
  }
  if (lines.at(-1) !== `-----END ${type}-----` || lines.length < PRIVATE_LINES_MIN) {
    throw new FormatError("FORMAT_TRUNCATED", "private key", "lines are missing");
  }
  const size = PRIVATE_BLOCK_LINES[form];
  const blocks: PaperBlock[] = [];
  for (let start = 0; start < lines.length; start += size) {
    const part = lines.slice(start, start + size);
    blocks.push({
      lines: part.map((line, i) => `${String(start + i).padStart(2, "0")}: ${line}`),
      code: part.join("\n"),
    });
  }
  return { kind: "pem", blocks };
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
