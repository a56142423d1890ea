/**
 * Says how far a long run is.
 *
 * @module
 */

/** Prints a line to stderr. */
export function tell(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}
