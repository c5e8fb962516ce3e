/**
 * Base of every error that the world causes: bad bytes, a missing chunk, a refused connection.
 *
 * Subclasses carry a stable code from a closed table; callers act on codes, never on message text.
 */
export abstract class BackupError extends Error {
  /** Stable identifier, unique in docs/errors.md. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
