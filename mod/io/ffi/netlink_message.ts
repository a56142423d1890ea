/**
 * Messages of netlink (RFC 3549 §2.3.2, netlink(7)), in the machine's byte
 * order, which is little-endian on x86_64 and aarch64.
 *
 * ```text
 *  0        4      6       8          12        16
 *  +--------+------+-------+----------+---------+------------------+
 *  | length | type | flags | sequence | port id | family's header, |
 *  |        |      |       |          |         | then attributes  |
 *  +--------+------+-------+----------+---------+------------------+
 *  attribute:  length 2, type 2, value; each begins at a multiple of 4
 * ```
 *
 * @module
 */

/** One message; its body is a view, good until the next one is received. */
export interface NetlinkMessage {
  /** What it is, see {@linkcode NLMSG} and {@linkcode RTM}. */
  readonly type: number;
  /** See {@linkcode NLM_F}. */
  readonly flags: number;
  /** The number of the request it answers; 0 in notifications. */
  readonly sequence: number;
  /** What follows the header. */
  readonly body: Uint8Array;
}

/** Attributes by type; of several alike the last one. */
export type NetlinkAttributes = ReadonlyMap<number, Uint8Array>;

/** Types every family of netlink has (include/uapi/linux/netlink.h). */
export const NLMSG = { error: 2, done: 3 } as const;

/** Types of rtnetlink (include/uapi/linux/rtnetlink.h). */
export const RTM = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
  newNeighbor: 28,
  getNeighbor: 30,
} as const;

/** Flags of a message. */
export const NLM_F = {
  /** It asks for something. */
  request: 0x001,
  /** Some of a dump is missing or twice in it: what is dumped changed meanwhile. */
  dumpInterrupted: 0x010,
  /** It asks for everything. */
  dump: 0x300,
} as const;

/**
 * Writes a request.
 *
 * @param type What is asked, such as {@linkcode RTM} `getLink`.
 * @param options Flags beside `request`, its number, and what follows the header.
 * @returns The message.
 */
export function encodeNetlinkRequest(
  type: number,
  options: {
    readonly flags: number;
    readonly sequence: number;
    readonly body: Uint8Array;
  },
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + options.body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F.request | options.flags, true);
  view.setUint32(8, options.sequence, true);
  bytes.set(options.body, HEADER_BYTES);
  return bytes;
}

/**
 * Reads what one receive call returned.
 *
 * @param bytes One or more messages; what is cut at the end is left out.
 * @returns The messages, in order.
 */
export function* decodeNetlinkMessages(
  bytes: Uint8Array,
): Generator<NetlinkMessage, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || at + length > bytes.length) return;
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: bytes.subarray(at + HEADER_BYTES, at + length),
    };
    at += align(length);
  }
}

/**
 * Writes an attribute.
 *
 * @param type Its type.
 * @param value Its value.
 * @returns The attribute, padded to a multiple of 4 bytes.
 */
export function encodeAttribute(type: number, value: Uint8Array): Uint8Array {
  const length = ATTRIBUTE_HEADER_BYTES + value.length;
  const bytes = new Uint8Array(align(length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, type, true);
  bytes.set(value, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

/**
 * Reads attributes.
 *
 * @param bytes Attributes, one after the other; what is cut is left out.
 * @returns Views of their values.
 */
export function decodeAttributes(bytes: Uint8Array): NetlinkAttributes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attributes = new Map<number, Uint8Array>();
  for (let at = 0; at + ATTRIBUTE_HEADER_BYTES <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > bytes.length) break;
    const type = view.getUint16(at + 2, true) & ATTRIBUTE_TYPE_MASK;
    attributes.set(
      type,
      bytes.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length),
    );
    at += align(length);
  }
  return attributes;
}

/**
 * Reads a number.
 *
 * @param bytes An attribute's value, or a header.
 * @param offsetBytes Where it begins.
 * @returns Its 32 bits, unsigned; `undefined` when they are not there.
 */
export function word(
  bytes: Uint8Array | undefined,
  offsetBytes = 0,
): number | undefined {
  if (bytes === undefined || bytes.length < offsetBytes + 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offsetBytes, 4);
  return view.getUint32(0, true);
}

/**
 * Reads a text.
 *
 * @param bytes An attribute's value, with or without the NUL at its end.
 * @returns The text; empty when there is none.
 */
export function text(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return "";
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(
    end < 0 ? bytes.slice() : bytes.slice(0, end),
  );
}

function align(length: number): number {
  return (length + 3) & ~3;
}

const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
// The upper bits say that the value is nested, or in network byte order.
const ATTRIBUTE_TYPE_MASK = 0x3fff;
