/**
 * The file of `--record`.
 *
 * @module
 */

import type { RecordingSink } from "@/port/node_ports.ts";

/** A recording that is being written. */
export interface OpenRecording {
  /** Takes its lines. */
  readonly sink: RecordingSink;
  /** Ends it. */
  close(): void;
}

/**
 * Opens it, to add to what is in it.
 *
 * @param path Where it is; undefined: nothing is recorded.
 */
export async function openRecording(
  path: string | undefined,
): Promise<OpenRecording | undefined> {
  if (path === undefined) return undefined;
  const file = await Deno.open(path, {
    write: true,
    create: true,
    append: true,
  });
  const encoder = new TextEncoder();
  return {
    sink: {
      line: (text) => {
        const bytes = encoder.encode(`${text}\n`);
        for (let at = 0; at < bytes.length;) {
          at += file.writeSync(bytes.subarray(at));
        }
      },
    },
    close: () => file.close(),
  };
}
