/** Members whose values are of the machine and the moment. */
const VOLATILE = new Set([
  "avail",
  "used",
  "total",
  "pid",
  "pstart",
  "starttime",
  "node",
  "repoid",
]);

const MANIFEST = "index.json.blob";

/** An answer as a value, without what differs from one server or moment to the next; text that is no JSON stays. */
export function normalAnswer(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text.replace('"/datastore/store1/', '"');
  }
  return normal(value);
}

function normal(value: unknown): unknown {
  if (typeof value === "string") {
    return value
      .replace(/UPID:[^\s"]+?:(?=[a-z_]+:)/g, "UPID:")
      .replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d/, "TIME");
  }
  if (Array.isArray(value)) return value.map(normal).sort(byNamespace);
  if (typeof value !== "object" || value === null) return value;
  // A manifest is compressed, by whatever version of zstd.
  if ("filename" in value && value.filename === MANIFEST) return { ...value, size: 0 };
  if ("files" in value && "size" in value && Array.isArray(value.files)) {
    const files: readonly { readonly filename?: string; readonly size?: number }[] = value.files;
    const manifest = files.find(({ filename }) => filename === MANIFEST)?.size ?? 0;
    return { ...value, files: normal(files), size: Number(value.size) - manifest };
  }
  return Object.fromEntries(
    // Newer servers say when a task ended, the recorded one does not.
    Object.entries(value)
      .filter(([name]) => name !== "endtime")
      .map(([name, member]) => [
        name,
        VOLATILE.has(name) && typeof member !== "object" ? typeof member : normal(member),
      ]),
  );
}

/** Namespaces come in the order of the file system; everything else stays where it is. */
function byNamespace(a: unknown, b: unknown): number {
  const [left, right] = [a, b].map((item) =>
    typeof item === "object" && item !== null && "ns" in item ? String(item.ns) : "",
  );
  return (left ?? "").localeCompare(right ?? "");
}
