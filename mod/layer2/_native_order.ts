/**
 * Numbers as they lie in memory on this machine, so that a frame is compared
 * word by word without turning bytes around.
 *
 * @module
 */

/** Views bytes as half-words; they begin at a multiple of 2 of their buffer. */
export function halvesOf(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 1);
}

/** Views bytes as words; they begin at a multiple of 4 of their buffer. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
}

/** Two bytes as the half-word that has them in this order in memory. */
export function nativeHalf(first: number, second: number): number {
  return LITTLE_ENDIAN ? first | second << 8 : first << 8 | second;
}

/** Two half-words as the word that has them in this order in memory. */
export function joined(first: number, second: number): number {
  return (LITTLE_ENDIAN ? first | second << 16 : first << 16 | second) >>> 0;
}

/** Four bytes in hex as the word that has them in this order in memory. */
export function nativeWord(hex: string): number {
  return wordsOf(Uint8Array.fromHex(hex))[0] as number;
}

/** A number as the half-word that has it in network byte order in memory. */
export function bigEndianHalf(value: number): number {
  return nativeHalf(value >>> 8, value & 0xff);
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(0x0102).buffer)[0] === 0x02;
