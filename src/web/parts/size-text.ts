const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** A size as people read it: three digits and a binary unit. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit] ?? ""}`;
}

/** A share as a percentage, one decimal below ten. */
export function percentText(share: number): string {
  const percent = share * 100;
  return `${percent.toFixed(percent < 10 && percent > 0 ? 1 : 0)} %`;
}
