import { type KeyFile } from "../format/crypto/key-file.ts";
import { type MasterPublicKey } from "../format/crypto/master-key.ts";
import { timeText } from "../format/snapshot/time-text.ts";
import { type OutputFormat, renderJson } from "./output-format.ts";
import { quotedPath } from "./quoted-path.ts";
import { renderTable, type TableStyle } from "./table.ts";

/** Properties by name, as `--output-format json` prints them. */
type Properties = Readonly<Record<string, string | number>>;

/** How properties are shown. */
export interface InfoForm {
  readonly format: OutputFormat;
  readonly style: TableStyle;
}

/** Renders what `key show` tells about a key file: everything but the key (spec client-cli.md §2.3). */
export function keyInfo(path: string, file: KeyFile, form: InfoForm): string {
  const { derivation, createdSec, modifiedSec, fingerprint, hint } = file;
  // The members of the JSON form are sorted by name; times are seconds there, and the path is quoted.
  const properties = {
    created: createdSec,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(hint === undefined ? {} : { hint }),
    kdf: derivation.name,
    modified: modifiedSec,
    path: quotedPath(Buffer.from(path)),
  };
  if (form.format !== "text") return renderJson(properties, form.format);
  const [created, modified] = [timeText(createdSec), timeText(modifiedSec)];
  return propertyTable({ ...properties, path, created, modified }, form.style);
}

/** Renders what `key show-master-pubkey` tells (spec client-cli.md §2.3). */
export function masterKeyInfo(path: string, key: MasterPublicKey, form: InfoForm): string {
  const { exponent, modulusBits, modulus } = key;
  const properties = { exponent, length: modulusBits, modulus, path };
  return form.format === "text"
    ? propertyTable(properties, form.style)
    : renderJson(properties, form.format);
}

function propertyTable(properties: Properties, style: TableStyle): string {
  return renderTable(
    Object.entries(properties),
    [
      { title: "Name", align: "left", cell: ([name]) => name },
      { title: "Value", align: "left", cell: ([, value]) => String(value) },
    ],
    style,
  );
}
