import { FormatError } from "../format-error.ts";
import { NAMESPACE_BYTES_MAX, NAMESPACE_DEPTH_MAX } from "../limits.ts";
import { isSafeId, quoted } from "./safe-id.ts";

/** Where groups live inside a datastore: components joined by `/`; empty for the root. */
export type Namespace = string & { readonly __brand: "Namespace" };

const PATH_FOLDER = "ns";

/** The namespace without components. */
export const rootNamespace: Namespace = brand("");

/**
 * Parses components joined by `/`; empty text is the root.
 *
 * Every component costs its length and one more, also the first (spec datastore.md §2).
 *
 * @throws {FormatError} `FORMAT_INVALID` for a bad or empty component, `FORMAT_OUT_OF_RANGE` for too many or too long.
 */
export function parseNamespace(text: string): Namespace {
  if (text === "") return rootNamespace;
  const components = text.split("/");
  if (components.length > NAMESPACE_DEPTH_MAX) {
    throw new FormatError(
      "FORMAT_OUT_OF_RANGE",
      "namespace",
      `${quoted(text)} has ${components.length} components, at most ${NAMESPACE_DEPTH_MAX}`,
    );
  }
  let size = 0;
  for (const component of components) {
    if (!isSafeId(component, { min: 1, max: Infinity })) {
      throw new FormatError("FORMAT_INVALID", "namespace", quoted(text));
    }
    if (size + component.length + 1 > NAMESPACE_BYTES_MAX) {
      throw new FormatError("FORMAT_OUT_OF_RANGE", "namespace", `${quoted(text)} is too long`);
    }
    size += component.length + (size === 0 ? 0 : 1);
  }
  return brand(text);
}

/** The components from the outermost to the innermost; none for the root. */
export function namespaceComponents(namespace: Namespace): readonly string[] {
  return namespace === "" ? [] : namespace.split("/");
}

/** Number of components; 0 for the root. */
export function namespaceDepth(namespace: Namespace): number {
  return namespaceComponents(namespace).length;
}

/** Path of the namespace's folder below the datastore, `ns/a/ns/b`; empty for the root (spec datastore.md §1). */
export function namespacePath(namespace: Namespace): string {
  return namespaceComponents(namespace)
    .map((component) => `${PATH_FOLDER}/${component}`)
    .join("/");
}

/**
 * Parses the path form `ns/a/ns/b`, with or without a slash at the end: the inverse of {@link namespacePath}.
 *
 * @throws {FormatError} As {@link parseNamespace}.
 */
export function parseNamespacePath(path: string): Namespace {
  const parts = path === "" ? [] : path.replace(/\/$/, "").split("/");
  const components = parts.filter((_, i) => i % 2 === 1);
  const isPath =
    parts.length % 2 === 0 && parts.every((part, i) => i % 2 === 1 || part === PATH_FOLDER);
  if (!isPath) throw new FormatError("FORMAT_INVALID", "namespace path", quoted(path));
  return parseNamespace(components.join("/"));
}

/**
 * The namespace one level below.
 *
 * @throws {FormatError} As {@link parseNamespace}.
 */
export function childNamespace(parent: Namespace, component: string): Namespace {
  if (component === "" || component.includes("/")) {
    throw new FormatError("FORMAT_INVALID", "namespace component", quoted(component));
  }
  return parseNamespace(parent === "" ? component : `${parent}/${component}`);
}

/** The namespace one level above; `undefined` above the root. */
export function parentNamespace(namespace: Namespace): Namespace | undefined {
  if (namespace === "") return undefined;
  return brand(namespaceComponents(namespace).slice(0, -1).join("/"));
}

/** Whether `namespace` is `ancestor` or lies below it, on any level. */
export function isWithinNamespace(namespace: Namespace, ancestor: Namespace): boolean {
  return ancestor === "" || namespace === ancestor || namespace.startsWith(`${ancestor}/`);
}

function brand(text: string): Namespace {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the brand is made here, of checked text
  return text as Namespace;
}
