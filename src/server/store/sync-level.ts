/**
 * When uploaded data is forced to the medium (spec datastore.md §4.3).
 *
 * - `none`: whenever the system likes; a power cut may damage snapshots of the last seconds.
 * - `file`: every chunk and file before it is acknowledged.
 * - `filesystem`: everything at once, before a snapshot is published; the default.
 */
export type SyncLevel = "none" | "file" | "filesystem";
