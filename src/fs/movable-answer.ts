const movable = new WeakSet<Uint8Array>();

/**
 * Marks an answer to a need as not used again by whoever made it, so that a transport may move its memory to another
 * thread instead of copying it.
 *
 * Shared memory that is not used again and again (`RegionPool`) would need neither, but V8 does not count it: decoded
 * chunks in it pile up until a garbage collection that nothing asks for (measured: 1.7 GB where 64 MB were in use).
 *
 * @param bytes Owned; marked only when they fill their buffer, since a buffer moves as a whole.
 */
export function movableAnswer(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength) {
    movable.add(bytes);
  }
  return bytes;
}

/** Buffers that may move along with an answer, or with its `bytes`; none unless these were marked. */
export function movableBuffers(answer: unknown): readonly ArrayBuffer[] {
  const isObject = typeof answer === "object" && answer !== null;
  const bytes: unknown = isObject && "bytes" in answer ? answer.bytes : answer;
  if (!(bytes instanceof Uint8Array) || !movable.has(bytes)) return [];
  return bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}
