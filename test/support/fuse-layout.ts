import { readFileSync } from "node:fs";

interface Layout {
  readonly structs: Readonly<Record<string, { size: number; fields: Record<string, number> }>>;
  readonly opcodes: Readonly<Record<string, number>>;
  readonly flags: Readonly<Record<string, number>>;
}

/** What the C compiler says about linux/fuse.h. */
export const fuseLayout: Layout = JSON.parse(
  readFileSync(new URL("../../fixtures/fuse/layout.json", import.meta.url), "utf8"),
);

/** Offset of a field and how many bytes it has, taken from where the next one begins. */
function fieldOf(struct: string, field: string): { offset: number; bytes: number } {
  const { size, fields } = fuseLayout.structs[struct]!;
  const offset = fields[field];
  if (offset === undefined) throw new TypeError(`${struct} has no field ${field}`);
  const next = Object.values(fields).find((other) => other > offset) ?? size;
  return { offset, bytes: next - offset };
}

/** Reads one field of a structure that starts at `at`, unsigned. */
export function fuseField(bytes: Uint8Array, at: number, struct: string, field: string): bigint {
  const { offset, bytes: width } = fieldOf(struct, field);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at + offset, width);
  if (width === 8) return view.getBigUint64(0, true);
  return BigInt(width === 4 ? view.getUint32(0, true) : view.getUint16(0, true));
}

/** Bytes of a structure with these fields set and the others 0. */
export function fuseStruct(
  struct: string,
  values: Readonly<Record<string, number | bigint>>,
): Uint8Array {
  const bytes = new Uint8Array(fuseLayout.structs[struct]!.size);
  for (const [field, value] of Object.entries(values)) {
    const { offset, bytes: width } = fieldOf(struct, field);
    const view = new DataView(bytes.buffer, offset, width);
    if (width === 8) view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
    else if (width === 4) view.setUint32(0, Number(value), true);
    else view.setUint16(0, Number(value), true);
  }
  return bytes;
}

/** A request as the kernel would send it. */
export function fuseRequestBytes(
  opcode: string,
  ino: number | bigint,
  ...body: readonly Uint8Array[]
): Uint8Array {
  const size = body.reduce((sum, part) => sum + part.length, 40);
  const header = fuseStruct("fuse_in_header", {
    len: size,
    opcode: fuseLayout.opcodes[opcode]!,
    unique: 0x1_0000_0002n,
    nodeid: ino,
    pid: 4711,
  });
  return Buffer.concat([header, ...body]);
}
