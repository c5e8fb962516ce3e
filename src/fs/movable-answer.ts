const movable = new WeakSet<Uint8Array>();

/**
 * Marks an answer to a need as not used again by whoever made it, so that a transport may move its memory to another
 * thread instead of copying it.
 *
 * Shared memory would need neither, but V8 does not count it: decoded chunks in it pile up until a garbage collection
 * that nothing asks for (measured: 1.7 GB where 64 MB were in use).
 *
 * @param bytes Owned; marked only when they fill their buffer, since a buffer moves as a whole.
 */
export function movableAnswer(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength) {
    movable.add(bytes);
  }
  return bytes;
}

/** Buffers that may move along with an answer; none unless it was marked. */
export function movableBuffers(answer: unknown): readonly ArrayBuffer[] {
  if (!(answer instanceof Uint8Array) || !movable.has(answer)) return [];
  return answer.buffer instanceof ArrayBuffer ? [answer.buffer] : [];
}
