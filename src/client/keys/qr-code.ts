import { encodeQR } from "qr";

/** Dark modules of a QR code, row by row, without a margin. */
export type QrCode = readonly (readonly boolean[])[];

const SVG_MODULE = 10;

/** Encodes text with error correction of level M (15 %), as the official paper keys do (spec keyfile.md §5). */
export function qrCode(text: string): QrCode {
  // The library insists on a margin.
  const framed = encodeQR(text, "raw", { ecc: "medium", border: 1, encoding: "byte" });
  return framed.slice(1, -1).map((row) => row.slice(1, -1));
}

/** Draws with half blocks, two rows of modules a line, dark ones in the colour of the text; lines end in a line end. */
export function qrBlocks(modules: QrCode): string {
  const blocks = [" ", "▄", "▀", "█"] as const;
  let text = "";
  for (let y = 0; y < modules.length; y += 2) {
    const upper = modules[y] ?? [];
    const lower = modules[y + 1] ?? [];
    for (let x = 0; x < upper.length; x++) {
      text += blocks[(upper[x] === true ? 2 : 0) + (lower[x] === true ? 1 : 0)] ?? "";
    }
    text += "\n";
  }
  return text;
}

/** Draws as an SVG image that scales to whatever size its page gives it. */
export function qrSvg(modules: QrCode): string {
  const size = modules.length * SVG_MODULE;
  let path = "";
  for (const [y, row] of modules.entries()) {
    for (const [x, isDark] of row.entries()) {
      if (isDark)
        path += `M${x * SVG_MODULE} ${y * SVG_MODULE}h${SVG_MODULE}v${SVG_MODULE}h-${SVG_MODULE}z`;
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}"><rect width="${size}" height="${size}" fill="#fff"/><path d="${path}"/></svg>`;
}
