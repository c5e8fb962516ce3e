/** A directory of the source tree by its name and parent, so that paths are built only when someone needs one. */
export interface TreePath {
  /** `undefined` for the root of the tree. */
  readonly parent: TreePath | undefined;
  readonly name: Uint8Array;
}

/** The root of a tree. */
export const ROOT_PATH: TreePath = { parent: undefined, name: new Uint8Array(0) };

/** Names from the root, which itself has none, to `path` and on to `name`. */
export function namesOf(directory: TreePath, name: Uint8Array): Uint8Array[] {
  const names = [name];
  for (let at = directory; at.parent !== undefined; at = at.parent) names.push(at.name);
  return names.reverse();
}

/** Path of a name in a directory, relative to the root, without leading slash; owned. */
export function pathOf(directory: TreePath, name: Uint8Array): Uint8Array {
  if (directory.parent === undefined) return name.slice();
  const names = namesOf(directory, name);
  const path = new Uint8Array(names.reduce((size, part) => size + part.length + 1, -1));
  let at = 0;
  for (const part of names) {
    path.set(part, at);
    at += part.length;
    if (at < path.length) path[at++] = SLASH;
  }
  return path;
}

/** Path of a directory itself; empty for the root. */
export function pathOfDirectory(directory: TreePath): Uint8Array {
  return directory.parent === undefined
    ? new Uint8Array(0)
    : pathOf(directory.parent, directory.name);
}

const SLASH = 0x2f;
