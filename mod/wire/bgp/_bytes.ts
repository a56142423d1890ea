/**
 * Integers of bytes, big-endian. They are read without `DataView`, which V8
 * makes slow for small arrays.
 *
 * @module
 */

/** Two bytes at a place. */
export function u16At(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) << 8 | (bytes[at + 1] as number);
}

/** Four bytes at a place. */
export function u32At(bytes: Uint8Array, at: number): number {
  return u16At(bytes, at) * 0x1_0000 + u16At(bytes, at + 2);
}

/** Writes two bytes at a place. */
export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes four bytes at a place. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  putU16(bytes, at, value >>> 16);
  putU16(bytes, at + 2, value & 0xffff);
}

/** Bytes that are appended one after the other. */
export class ByteWriter {
  /** How many there are. */
  length = 0;
  #bytes: Uint8Array<ArrayBuffer>;

  constructor(capacityBytes = 256) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.length++] = value;
    return this;
  }

  u16(value: number): this {
    this.#reserve(2);
    putU16(this.#bytes, this.length, value);
    this.length += 2;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    putU32(this.#bytes, this.length, value);
    this.length += 4;
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.length);
    this.length += value.length;
    return this;
  }

  /** What was appended so far, as an array of its own. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.length);
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(
      Math.max(2 * this.#bytes.length, this.length + more),
    );
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
  }
}
