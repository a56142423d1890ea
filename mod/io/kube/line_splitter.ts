/**
 * Cuts a stream of bytes into lines, whatever the borders of its chunks.
 *
 * A watch answers with one JSON object per line. A line above the limit is
 * skipped and told of, so that one absurd object cannot fill the memory.
 *
 * @module
 */

/** What a stream held. */
export type SplitLine =
  | {
    readonly kind: "line";
    /** Without its end; never empty. */
    readonly text: string;
  }
  | {
    readonly kind: "oversized";
    /** Length of the line that was skipped. */
    readonly lengthBytes: number;
  };

/** Cuts one stream into lines. */
export class LineSplitter {
  readonly #limitBytes: number;
  readonly #decoder = new TextDecoder();
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  /** @param limitBytes Longest line that is kept, without its end. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes of the line that has not ended yet. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Takes the next chunk.
   *
   * @param chunk Its bytes; kept until their line ends.
   * @returns The lines that ended in it; empty lines are left out.
   */
  push(chunk: Uint8Array): SplitLine[] {
    const lines: SplitLine[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.#hold(chunk.subarray(start, end));
      if (this.#heldBytes > 0) lines.push(this.#take());
      start = end + 1;
    }
    this.#hold(chunk.subarray(start));
    return lines;
  }

  #hold(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#heldBytes += part.length;
    if (this.#heldBytes > this.#limitBytes) this.#held = [];
    else this.#held.push(part);
  }

  #take(): SplitLine {
    const lengthBytes = this.#heldBytes;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    if (lengthBytes > this.#limitBytes) {
      return { kind: "oversized", lengthBytes };
    }
    return { kind: "line", text: this.#decoder.decode(joinBytes(held)) };
  }
}

/**
 * Joins arrays of bytes.
 *
 * @param parts The arrays, in order.
 * @returns One array; the part itself when there is only one.
 */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  let lengthBytes = 0;
  for (const part of parts) lengthBytes += part.length;
  const joined = new Uint8Array(lengthBytes);
  let offsetBytes = 0;
  for (const part of parts) {
    joined.set(part, offsetBytes);
    offsetBytes += part.length;
  }
  return joined;
}

const NEWLINE = 0x0a;
