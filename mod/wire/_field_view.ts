/**
 * Fields of bytes, big-endian, as `DataView` reads and writes them.
 *
 * A `DataView` asks an array for its `buffer`. V8 keeps arrays of up to 64
 * bytes, as nearly all frames are, in its own heap, and has to move one out of
 * it then: that takes longer than all that is read.
 *
 * @module
 */

/** Some bytes of an array. */
export class FieldView {
  /** How many bytes it has. */
  readonly byteLength: number;
  readonly #bytes: Uint8Array;
  readonly #from: number;

  /** The bytes of an array from a place on. */
  constructor(
    bytes: Uint8Array,
    from = 0,
    byteLength: number = bytes.length - from,
  ) {
    this.#bytes = bytes;
    this.#from = from;
    this.byteLength = byteLength;
  }

  getUint8(at: number): number {
    return this.#bytes[this.#from + at] as number;
  }

  getUint16(at: number): number {
    const bytes = this.#bytes;
    const from = this.#from + at;
    return (bytes[from] as number) << 8 | (bytes[from + 1] as number);
  }

  getUint32(at: number): number {
    return this.getUint16(at) * 0x1_0000 + this.getUint16(at + 2);
  }

  getBigUint64(at: number): bigint {
    return BigInt(this.getUint32(at)) << 32n | BigInt(this.getUint32(at + 4));
  }

  /** A view of some of the bytes. */
  slice(at: number, byteLength: number): Uint8Array {
    return this.#bytes.subarray(
      this.#from + at,
      this.#from + at + byteLength,
    );
  }

  setUint8(at: number, value: number): void {
    this.#bytes[this.#from + at] = value;
  }

  setUint16(at: number, value: number): void {
    const from = this.#from + at;
    this.#bytes[from] = value >>> 8;
    this.#bytes[from + 1] = value & 0xff;
  }

  setUint32(at: number, value: number): void {
    this.setUint16(at, value >>> 16);
    this.setUint16(at + 2, value & 0xffff);
  }

  setBigUint64(at: number, value: bigint): void {
    this.setUint32(at, Number(BigInt.asUintN(32, value >> 32n)));
    this.setUint32(at + 4, Number(BigInt.asUintN(32, value)));
  }

  setBytes(at: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#from + at);
  }
}
