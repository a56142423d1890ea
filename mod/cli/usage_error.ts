/**
 * A command that cannot be run as it was written.
 *
 * @module
 */

/** Wrong usage: the process ends with exit code 2. */
export class UsageError extends Error {
  /** The class's name. */
  override readonly name = "UsageError";
}
