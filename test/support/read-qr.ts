import decodeQR from "qr/decode.js";

/** Pixels of a module, and modules of the margin, of the image that the reader gets. */
const SCALE = 4;
const MARGIN = 4;

/** Reads the QR code that half blocks draw, dark modules in the colour of the text. */
export function readQrBlocks(art: string): string {
  const rows = art.split("\n").flatMap((line) => {
    const chars = Array.from(line);
    return [
      chars.map((char) => char === "█" || char === "▀"),
      chars.map((char) => char === "█" || char === "▄"),
    ];
  });
  return readQrModules(rows.slice(0, rows[0]?.length));
}

/** Reads a QR code from its dark modules. */
export function readQrModules(modules: readonly (readonly boolean[])[]): string {
  const size = (modules.length + 2 * MARGIN) * SCALE;
  const data = new Uint8Array(size * size * 4).fill(255);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const row = modules[Math.floor(y / SCALE) - MARGIN];
      if (row?.[Math.floor(x / SCALE) - MARGIN])
        data.fill(0, 4 * (y * size + x), 4 * (y * size + x) + 3);
    }
  }
  return decodeQR({ width: size, height: size, data }, { timeLimit: 10_000 });
}
