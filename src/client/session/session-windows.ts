/** Bytes that may be in flight towards us on one stream: measured, more gains nothing (docs/decisions). */
export const STREAM_WINDOW_BYTES: number = 16 * 1024 * 1024;

/** Bytes that may be in flight towards us on the connection. */
export const CONNECTION_WINDOW_BYTES: number = 32 * 1024 * 1024;
