/** One step of the way to a folder. */
export interface PathStep {
  readonly id: string;
  readonly name: string;
}

/**
 * Steps from the root of an archive to what an identity names, without the archive itself.
 *
 * An identity is base64 of the path in bytes, the archive's name first, as the API has it (docs/openapi.json, `filepath`).
 */
export function stepsTo(id: string): readonly PathStep[] {
  const parts = partsOf(id);
  return parts.slice(1).map((part, i) => ({
    id: btoa(parts.slice(0, i + 2).join("/")),
    name: nameOfPart(part),
  }));
}

/** Names in bytes, one character a byte, the archive's first. */
export function partsOf(id: string): readonly string[] {
  return atob(id)
    .split("/")
    .filter((part) => part !== "");
}

/** Identity of a path in bytes, one character a byte, the archive's name first. */
export function idOfParts(parts: readonly string[]): string {
  return btoa(parts.join("/"));
}

/** A name as people read it; bytes that are no UTF-8 become replacement characters. */
export function nameOfPart(part: string): string {
  // A name may begin with what would be a byte order mark.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return decoder.decode(Uint8Array.from(part, (character) => character.charCodeAt(0)));
}

/** Identity of the folder above; the root of the archive has the empty one. */
export function parentOf(id: string): string {
  const parts = partsOf(id);
  return parts.length <= 2 ? "" : idOfParts(parts.slice(0, -1));
}
