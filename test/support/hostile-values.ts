import { type TSchema } from "typebox";

import { type Chance } from "./mutator.ts";

const strings = [
  "",
  " ",
  ".",
  "..",
  "../..",
  "../../../../etc/passwd",
  "a/../../b",
  "host/../..",
  "/",
  "//",
  "\\..\\..",
  "%2e%2e%2f",
  "..%2f..%2f",
  "a\0b",
  "a\nb",
  "a\r\nx-injected: 1",
  "-",
  "--help",
  "'; drop table x; --",
  "$(id)",
  "{{7*7}}",
  "__proto__",
  "constructor",
  "toString",
  "null",
  "true",
  "NaN",
  "-1",
  "1e400",
  "0x10",
  "9007199254740993",
  "18446744073709551616",
  "ü".repeat(200),
  "\u{1f600}",
  "\ud800",
  "x".repeat(255),
  "x".repeat(5000),
  "a/".repeat(300),
  "UPID:x:00000001:00000001:00000001:00000001:backup:x:root@pam:",
];

const values: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  1.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  [],
  {},
  [[]],
  [null],
  ["..", "..", 1],
  { __proto__: { admin: true }, toString: 1 },
  JSON.parse("[".repeat(200) + "]".repeat(200)),
];

/** A text that breaks assumptions. */
export function hostileText(chance: Chance): string {
  return chance.pick(strings);
}

/** A value for a JSON body that breaks assumptions. */
export function hostileValue(chance: Chance): unknown {
  return chance.below(2) === 0 ? hostileText(chance) : chance.pick(values);
}

/** What fits a parameter's name, so that a request gets past the first check now and then. */
const likely: Readonly<Record<string, readonly unknown[]>> = {
  store: ["store1"],
  name: ["store1", "fuzz"],
  ns: ["", "a", "a/b"],
  parent: ["", "a"],
  "backup-type": ["host", "vm", "ct"],
  "backup-id": ["a", "victim"],
  "backup-time": [1, 1_719_000_000],
  "file-name": ["index.json.blob", "root.pxar.didx", "client.log.blob"],
  "archive-name": ["root.pxar.didx", "drive.img.fidx"],
  filepath: ["/", "root", "L3Jvb3QucHhhci5kaWR4"],
  node: ["localhost"],
  userid: ["other@pbs", "nobody@pbs"],
  "auth-id": ["other@pbs", "other@pbs!tok"],
  "token-name": ["tok", "fuzz"],
  path: ["/datastore/store1", "/"],
  role: ["DatastoreReader"],
  limit: [0, 5],
  start: [0, 1],
};

/** A value that may fit: by the parameter's name, else by its schema. */
export function likelyValue(chance: Chance, name: string, schema: TSchema): unknown {
  const known = likely[name];
  if (known) return chance.pick(known);
  if ("enum" in schema && Array.isArray(schema.enum)) return chance.pick(schema.enum);
  const type = "type" in schema ? schema.type : undefined;
  if (type === "boolean") return chance.below(2) === 0;
  if (type === "integer" || type === "number") return chance.below(10);
  if (type === "array") return ["a"];
  return "a";
}
