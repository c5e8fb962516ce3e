import { encodeQR } from "qr";
import { type ReactElement, useMemo } from "react";

/** Modules of the white margin that readers need. */
const MARGIN = 4;

/** A text as a QR code, dark on white whatever the colours of the page, so that cameras read it. */
export function QrPicture({
  text,
  label,
}: {
  readonly text: string;
  readonly label: string;
}): ReactElement {
  const { size, path } = useMemo(() => drawn(text), [text]);
  return (
    <svg viewBox={`0 0 ${size} ${size}`} className="qr-picture" role="img" aria-label={label}>
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}

function drawn(text: string): { readonly size: number; readonly path: string } {
  const modules = encodeQR(text, "raw", { ecc: "medium", border: MARGIN });
  const squares = modules.flatMap((row, y) =>
    row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])),
  );
  return { size: modules.length, path: squares.join("") };
}
