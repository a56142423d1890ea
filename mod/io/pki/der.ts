/**
 * DER, the encoding of certificates (ITU-T X.690): as much as is written here,
 * and the signature that WebCrypto gives in another form.
 *
 * @module
 */

/** An element: its tag, the length of its content, its content. */
export function der(
  tag: number,
  ...content: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const length = content.reduce((sum, { length }) => sum + length, 0);
  return concat(new Uint8Array([tag, ...lengthOctets(length)]), ...content);
}

/** SEQUENCE of elements. */
export function sequence(
  ...elements: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  return der(0x30, ...elements);
}

/** SET of one element. */
export function setOf(element: Uint8Array): Uint8Array<ArrayBuffer> {
  return der(0x31, element);
}

/** INTEGER that is not negative, from its octets, the most significant first. */
export function integer(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const shortest = octets.subarray(start);
  // X.690 §8.3.3: with the highest bit set it would be negative.
  const isHigh = ((shortest[0] ?? 0) & 0x80) !== 0;
  return isHigh
    ? der(TAG.integer, new Uint8Array([0]), shortest)
    : der(TAG.integer, shortest);
}

/** BOOLEAN true. */
export function booleanTrue(): Uint8Array<ArrayBuffer> {
  return der(0x01, new Uint8Array([0xff]));
}

/** OBJECT IDENTIFIER, from its dotted text. */
export function objectIdentifier(text: string): Uint8Array<ArrayBuffer> {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const arcs = [first * 40 + second, ...rest];
  return der(0x06, new Uint8Array(arcs.flatMap(base128)));
}

/** OCTET STRING. */
export function octetString(content: Uint8Array): Uint8Array<ArrayBuffer> {
  return der(0x04, content);
}

/** BIT STRING; the last octet has that many unused bits. */
export function bitString(
  content: Uint8Array,
  unusedBits = 0,
): Uint8Array<ArrayBuffer> {
  return der(0x03, new Uint8Array([unusedBits]), content);
}

/** UTF8String. */
export function utf8String(text: string): Uint8Array<ArrayBuffer> {
  return der(0x0c, new TextEncoder().encode(text));
}

/** A point in time: UTCTime until 2049, GeneralizedTime after (RFC 5280 §4.1.2.5). */
export function time(atMs: number): Uint8Array<ArrayBuffer> {
  const at = new Date(atMs);
  const digits = at.toISOString().replace(/\.\d+Z$/, "Z").replace(/[-:T]/g, "");
  const encoder = new TextEncoder();
  return at.getUTCFullYear() < 2050
    ? der(0x17, encoder.encode(digits.slice(2)))
    : der(0x18, encoder.encode(digits));
}

/** An explicitly tagged element of a SEQUENCE, as `[0]`. */
export function tagged(
  number: number,
  content: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return der(0xa0 | number, content);
}

/**
 * An ECDSA signature as certificates carry it (RFC 3279 §2.2.3).
 *
 * @param raw As WebCrypto gives it: both numbers one after the other.
 */
export function ecdsaSignature(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  const half = raw.length / 2;
  return sequence(integer(raw.subarray(0, half)), integer(raw.subarray(half)));
}

/** DER as PEM (RFC 7468 §2). */
export function pem(label: string, content: Uint8Array): string {
  const lines = content.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${
    lines.join("\n")
  }\n-----END ${label}-----\n`;
}

/** The content of the first PEM block of that label; undefined without one. */
export function pemContent(
  label: string,
  text: string,
): Uint8Array<ArrayBuffer> | undefined {
  const block = new RegExp(
    `-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`,
  ).exec(text)?.[1];
  try {
    return block === undefined ? undefined : Uint8Array.fromBase64(block);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

// X.690 §8.1.3.5: lengths from 128 on are written with a count of their octets.
function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 0x100)) {
    octets.unshift(rest & 0xff);
  }
  return [0x80 | octets.length, ...octets];
}

function base128(arc: number): readonly number[] {
  const octets = [arc & 0x7f];
  for (let rest = arc >>> 7; rest > 0; rest >>>= 7) {
    octets.unshift(0x80 | (rest & 0x7f));
  }
  return octets;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const TAG = { integer: 0x02 } as const;
