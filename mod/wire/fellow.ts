/**
 * Frames that agents send to each other, read and written. The values are those
 * of `fellow_frame.ts`, which also has the layout of the header.
 *
 * ```text
 * state, 16 bytes, in BEACON, LIST and VOUCH
 *  0  4 list version     4  4 uptime in ms      8  2 beacon interval in ms
 * 10  2 flags: 1 unsure, 2 frozen, 4 listening, 8 leaving
 * 12  4 VIPs in the list
 *
 * 1 BEACON   state
 * 2 LIST     state, part u8, parts u8, length of the name u8, 0, name, entries
 *            entry: u8 (bit 7: IPv6, bits 6 to 1: preference, bit 0: leaving),
 *            4 or 16 bytes
 * 3 QUERY    known version u32
 * 4 PROBE    nonce u64
 * 5 REPLY    nonce u64, list version u32, flags u16, 0 u16
 * 6 SUSPECT  node 8, incarnation 8, silent for u16 ms, 0 u16
 * 7 VOUCH    node 8, incarnation 8, then as LIST
 * ```
 *
 * Numbers are big-endian. Unknown flags and reserved fields are ignored, so that
 * a later version may use them. What follows the frame is padding.
 *
 * @module
 */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import { ipv4Addr, ipv4AddrBytes } from "@/addr/ipv4_addr.ts";
import { type Ipv6Addr, ipv6Addr, ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { type MacAddr, macAddrBytes } from "@/addr/mac_addr.ts";
import { assert, unreachable } from "@/lang/assert.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import { FieldView } from "./_field_view.ts";
import { refuse } from "./_refuse.ts";
import { DECODE_REASONS, type DecodeReason } from "./decode_error.ts";
import { ETHERNET_HEADER_BYTES } from "./ethernet.ts";
import type {
  ClusterId,
  FellowFrame,
  FellowMessage,
  FellowState,
  ListEntry,
  ListPart,
  NodeId,
} from "./fellow_frame.ts";
import { ETHER_TYPE } from "./iana.ts";

/** Whom frames are from and for. */
export interface FellowIdentity {
  /** The cluster. */
  readonly cluster: ClusterId;
  /** This node. */
  readonly node: NodeId;
  /** Key of the HMAC; absent: frames are neither signed nor checked. */
  readonly key?: Uint8Array;
}

/** The group that agents listen to: locally administered, "FOGHN" after its first byte. */
export const FELLOW_GROUP: MacAddr = "03:46:4f:47:48:4e" as MacAddr;

/** First bytes of a frame: "FH". */
export const FELLOW_MAGIC = 0x4648;

/** Version of the format. */
export const FELLOW_VERSION = 1;

/** Longest frame that is read, in bytes: what fits an Ethernet of 1,500. */
export const FELLOW_FRAME_BYTES_MAX = 1_514;

/** Longest name of a node, in bytes (RFC 1123, as Kubernetes bounds it). */
export const NODE_NAME_BYTES_MAX = 253;

/**
 * The short name of a node in frames.
 *
 * @example Usage
 * ```ts
 * import { nodeIdOf } from "@/wire/fellow.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(nodeIdOf("master1").length, 16);
 * ```
 *
 * @param name Name of the Node.
 * @returns The first 8 bytes of its SHA-256.
 */
export function nodeIdOf(name: string): NodeId {
  return shortHash(name) as NodeId;
}

/**
 * The short name of a cluster in frames.
 *
 * @param uid UID of its Namespace kube-system.
 * @returns The first 8 bytes of its SHA-256.
 */
export function clusterIdOf(uid: string): ClusterId {
  return shortHash(uid) as ClusterId;
}

/**
 * Writes a whole Ethernet frame, padded to the shortest one.
 *
 * @param frame What is said, and by whom.
 * @param at The sender's identity, and the addresses it goes from and to.
 * @returns A new array.
 */
export function encodeFellow(
  frame: FellowFrame,
  at: {
    readonly identity: FellowIdentity;
    readonly source: MacAddr;
    readonly destination: MacAddr;
  },
): Uint8Array<ArrayBuffer> {
  const { message } = frame;
  const { key } = at.identity;
  const bodyBytes = HEAD_BYTES[message.kind] + namedBytes(message);
  const end = FELLOW_HEADER_BYTES + bodyBytes;
  const total = end + (key === undefined ? 0 : HMAC_BYTES);
  const bytes = new Uint8Array(
    Math.max(FRAME_BYTES_MIN, ETHERNET_HEADER_BYTES + total),
  );
  const prepared = preparedFor(at.identity);
  bytes.set(prepared.macBytes(at.destination), 0);
  bytes.set(prepared.macBytes(at.source), 6);
  new FieldView(bytes).setUint16(12, ETHER_TYPE.foghorn);
  const view = new FieldView(bytes, ETHERNET_HEADER_BYTES);
  view.setUint16(0, FELLOW_MAGIC);
  view.setUint8(2, FELLOW_VERSION);
  view.setUint8(3, TYPE[message.kind]);
  view.setUint32(4, prepared.clusterHigh);
  view.setUint32(8, prepared.clusterLow);
  const { id, incarnation } = prepared.wordsOf(frame);
  view.setUint32(12, id.high);
  view.setUint32(16, id.low);
  view.setUint32(20, incarnation.high);
  view.setUint32(24, incarnation.low);
  view.setUint16(28, bodyBytes);
  view.setUint16(30, key === undefined ? 0 : SIGNED_FLAG);
  writeBody(
    message,
    new FieldView(
      bytes,
      ETHERNET_HEADER_BYTES + FELLOW_HEADER_BYTES,
      bodyBytes,
    ),
  );
  if (key !== undefined) {
    const payload = bytes.subarray(ETHERNET_HEADER_BYTES);
    payload.set(signature(payload.subarray(0, end), key), end);
  }
  return bytes;
}

/** Why a frame was refused; a closed set. */
export const FELLOW_REFUSALS: readonly FellowRefusal[] = [
  ...DECODE_REASONS,
  "other-cluster",
  "own-frame",
  "unauthenticated",
];

/**
 * Why a frame was refused: what the decoders of other protocols say, or
 * `other-cluster`, `own-frame`, or `unauthenticated` when it is not signed with
 * the key, or signed where no key is known.
 */
export type FellowRefusal =
  | DecodeReason
  | "other-cluster"
  | "own-frame"
  | "unauthenticated";

/** Where and why a frame was refused. */
export interface FellowDecodeError {
  /** The reason, to be counted by. */
  readonly reason: FellowRefusal;
  /** The field, as the layout names it. */
  readonly field: string;
  /** Where it begins in the payload, or where the bytes end when they are too few. */
  readonly offsetBytes: number;
}

/**
 * Reads a frame.
 *
 * @param bytes The Ethernet payload, padding included, or a whole frame.
 * @param identity Who reads it.
 * @param payloadAt Where the payload begins.
 * @param isHeld Whether a version of a sender's list is held whole: entries of
 *   one that is are not read again, and it is as good as a beacon.
 * @returns What is said, or why it was refused.
 */
export function decodeFellow(
  bytes: Uint8Array,
  identity: FellowIdentity,
  payloadAt = 0,
  isHeld: (sender: NodeId, incarnation: bigint, version: number) => boolean =
    NONE_HELD,
): Result<FellowFrame, FellowDecodeError> {
  const view = new FieldView(bytes, payloadAt);
  const { byteLength } = view;
  if (byteLength < FELLOW_HEADER_BYTES) {
    return refuse("truncated", "header", byteLength);
  }
  if (view.getUint16(0) !== FELLOW_MAGIC) {
    return refuse("unsupported", "magic", 0);
  }
  if (view.getUint8(2) !== FELLOW_VERSION) {
    return refuse("unsupported", "version", 2);
  }
  const kind = KINDS[view.getUint8(3)];
  if (kind === undefined) return refuse("unsupported", "type", 3);
  const { clusterHigh, clusterLow, senders } = preparedFor(identity);
  if (
    view.getUint32(4) !== clusterHigh || view.getUint32(8) !== clusterLow
  ) {
    return err({ reason: "other-cluster", field: "cluster", offsetBytes: 4 });
  }
  const { id: sender, incarnation } = senders.at(view, 12);
  if (sender === identity.node) {
    return err({ reason: "own-frame", field: "node", offsetBytes: 12 });
  }
  const bodyBytes = view.getUint16(28);
  const end = FELLOW_HEADER_BYTES + bodyBytes;
  if (byteLength < end) return refuse("truncated", "body", byteLength);
  if (!isAuthentic(view, end, identity.key)) {
    return err({ reason: "unauthenticated", field: "flags", offsetBytes: 30 });
  }
  const body = new FieldView(bytes, payloadAt + FELLOW_HEADER_BYTES, bodyBytes);
  const isRepeated = kind === "list" &&
    bodyBytes >= LIST_HEAD_BYTES &&
    isHeld(sender, incarnation, body.getUint32(0));
  const message = readBody(isRepeated ? "beacon" : kind, body);
  if (!message.ok) return message;
  return ok({ sender, incarnation, message: message.value });
}

type Kind = FellowMessage["kind"];

/**
 * What kind of message a frame says that it is.
 *
 * @param bytes The Ethernet payload, or a whole frame.
 * @param payloadAt Where the payload begins.
 * @returns The kind; undefined when there is none such.
 */
export function fellowKindOf(
  bytes: Uint8Array,
  payloadAt = 0,
): FellowMessage["kind"] | undefined {
  return KINDS[bytes[payloadAt + 3] ?? 0];
}

function readBody(
  kind: Kind,
  body: FieldView,
): Result<FellowMessage, FellowDecodeError> {
  if (body.byteLength < HEAD_BYTES[kind]) {
    return refuse("truncated", kind, FELLOW_HEADER_BYTES + body.byteLength);
  }
  switch (kind) {
    case "beacon":
      return ok({ kind, state: readState(body, 0) });
    case "list": {
      const part = readPart(body, 0);
      return part.ok ? ok({ kind, ...part.value }) : part;
    }
    case "query":
      return ok({ kind, knownVersion: body.getUint32(0) });
    case "probe":
      return ok({ kind, nonce: body.getBigUint64(0) });
    case "reply":
      return ok({
        kind,
        nonce: body.getBigUint64(0),
        listVersion: body.getUint32(8),
        ...readFlags(body.getUint16(12)),
      });
    case "suspect":
      return ok({
        kind,
        subject: idAt(body, 0) as NodeId,
        incarnation: body.getBigUint64(8),
        silentMs: body.getUint16(16),
      });
    case "vouch": {
      const part = readPart(body, VOUCH_HEAD_BYTES);
      if (!part.ok) return part;
      return ok({
        kind,
        subject: idAt(body, 0) as NodeId,
        incarnation: body.getBigUint64(8),
        ...part.value,
      });
    }
    default:
      return unreachable(kind);
  }
}

function readState(view: FieldView, at: number): FellowState {
  const flags = view.getUint16(at + 10);
  return {
    listVersion: view.getUint32(at),
    uptimeMs: view.getUint32(at + 4),
    beaconIntervalMs: view.getUint16(at + 8),
    unsure: (flags & UNSURE) !== 0,
    frozen: (flags & FROZEN) !== 0,
    listening: (flags & LISTENING) !== 0,
    leaving: (flags & LEAVING) !== 0,
    vips: view.getUint32(at + 12),
  };
}

function readFlags(
  flags: number,
): Pick<FellowState, "unsure" | "frozen" | "listening" | "leaving"> {
  return {
    unsure: (flags & UNSURE) !== 0,
    frozen: (flags & FROZEN) !== 0,
    listening: (flags & LISTENING) !== 0,
    leaving: (flags & LEAVING) !== 0,
  };
}

function readPart(
  body: FieldView,
  at: number,
): Result<ListPart, FellowDecodeError> {
  const place = FELLOW_HEADER_BYTES + at;
  const part = body.getUint8(at + STATE_BYTES);
  const parts = body.getUint8(at + STATE_BYTES + 1);
  const nameBytes = body.getUint8(at + STATE_BYTES + 2);
  if (parts === 0) return refuse("malformed", "parts", place + STATE_BYTES + 1);
  if (part >= parts) return refuse("malformed", "part", place + STATE_BYTES);
  const nameAt = at + LIST_HEAD_BYTES;
  if (nameBytes === 0 || nameBytes > NODE_NAME_BYTES_MAX) {
    return refuse("malformed", "nameLength", place + STATE_BYTES + 2);
  }
  if (body.byteLength < nameAt + nameBytes) {
    return refuse("truncated", "name", FELLOW_HEADER_BYTES + body.byteLength);
  }
  const node = readName(body, nameAt, nameBytes);
  if (node === undefined) {
    return refuse("malformed", "name", FELLOW_HEADER_BYTES + nameAt);
  }
  const entries = readEntries(body, nameAt + nameBytes);
  if (!entries.ok) return entries;
  const state = readState(body, at);
  return ok({ state, part, parts, node, entries: entries.value });
}

/** A name as Kubernetes allows it, RFC 1123; it is told to people. */
function readName(
  body: FieldView,
  at: number,
  lengthBytes: number,
): string | undefined {
  let name = "";
  for (let i = 0; i < lengthBytes; i++) {
    name += String.fromCharCode(body.getUint8(at + i));
  }
  return NODE_NAME.test(name) ? name : undefined;
}

function readEntries(
  body: FieldView,
  from: number,
): Result<readonly ListEntry[], FellowDecodeError> {
  const entries: ListEntry[] = [];
  for (let at = from; at < body.byteLength;) {
    const flags = body.getUint8(at);
    const isSix = (flags & ENTRY_IPV6) !== 0;
    const size = isSix ? 16 : 4;
    if (at + 1 + size > body.byteLength) {
      return refuse("truncated", "entry", FELLOW_HEADER_BYTES + at);
    }
    const bytes = body.slice(at + 1, size);
    if (!isUnicast(bytes)) {
      return refuse("malformed", "address", FELLOW_HEADER_BYTES + at + 1);
    }
    const vip: IpAddr = isSix ? ipv6Addr(bytes) : ipv4Addr(bytes);
    const leaving = (flags & ENTRY_LEAVING) !== 0;
    const preference = (flags & ENTRY_PREFERENCE) >> 1;
    entries.push(
      preference === 0 ? { vip, leaving } : { vip, leaving, preference },
    );
    at += 1 + size;
  }
  return ok(entries);
}

/** Whether a Service could have the address: not unspecified, and no group. */
function isUnicast(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0;
  if (bytes.length === 4) return first !== 0 && first < 224;
  return first !== 0xff && bytes.some((byte) => byte !== 0);
}

function isAuthentic(
  payload: FieldView,
  end: number,
  key: Uint8Array | undefined,
): boolean {
  const isSigned = (payload.getUint8(31) & SIGNED_FLAG) !== 0;
  if (key === undefined) return !isSigned;
  if (!isSigned || payload.byteLength < end + HMAC_BYTES) return false;
  const expected = signature(payload.slice(0, end), key);
  return timingSafeEqual(expected, payload.slice(end, HMAC_BYTES));
}

function signature(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  return createHmac("sha256", key).update(bytes).digest().subarray(
    0,
    HMAC_BYTES,
  );
}

function writeBody(message: FellowMessage, body: FieldView): void {
  switch (message.kind) {
    case "beacon":
      writeState(message.state, body, 0);
      break;
    case "list":
      writePart(message, body, 0);
      break;
    case "query":
      body.setUint32(0, message.knownVersion);
      break;
    case "probe":
      body.setBigUint64(0, message.nonce);
      break;
    case "reply":
      body.setBigUint64(0, message.nonce);
      body.setUint32(8, message.listVersion);
      body.setUint16(12, flagsOf(message));
      break;
    case "suspect":
      setId(body, 0, message.subject);
      body.setBigUint64(8, message.incarnation);
      body.setUint16(16, Math.min(0xffff, message.silentMs));
      break;
    case "vouch":
      setId(body, 0, message.subject);
      body.setBigUint64(8, message.incarnation);
      writePart(message, body, VOUCH_HEAD_BYTES);
      break;
    default:
      unreachable(message);
  }
}

function writeState(state: FellowState, body: FieldView, at: number): void {
  body.setUint32(at, state.listVersion);
  body.setUint32(at + 4, state.uptimeMs);
  body.setUint16(at + 8, state.beaconIntervalMs);
  body.setUint16(at + 10, flagsOf(state));
  body.setUint32(at + 12, state.vips);
}

function flagsOf(
  state: Pick<FellowState, "unsure" | "frozen" | "listening" | "leaving">,
): number {
  return (state.unsure ? UNSURE : 0) | (state.frozen ? FROZEN : 0) |
    (state.listening ? LISTENING : 0) | (state.leaving ? LEAVING : 0);
}

function writePart(list: ListPart, body: FieldView, from: number): void {
  writeState(list.state, body, from);
  body.setUint8(from + STATE_BYTES, list.part);
  body.setUint8(from + STATE_BYTES + 1, list.parts);
  body.setUint8(from + STATE_BYTES + 2, list.node.length);
  let at = from + LIST_HEAD_BYTES;
  for (let i = 0; i < list.node.length; i++) {
    body.setUint8(at++, list.node.charCodeAt(i));
  }
  body.setBytes(at, entriesOf(list));
}

/** The entries as they are written. A list is sent again and again as it is. */
function entriesOf({ entries }: ListPart): Uint8Array {
  const known = ENTRIES.get(entries);
  if (known !== undefined) return known;
  const bytes = new Uint8Array(entriesBytes(entries));
  const view = new FieldView(bytes);
  let at = 0;
  for (const { vip, leaving, preference = 0 } of entries) {
    const isFour = isIpv4(vip);
    view.setUint8(
      at,
      (isFour ? 0 : ENTRY_IPV6) | (preference << 1 & ENTRY_PREFERENCE) |
        (leaving ? ENTRY_LEAVING : 0),
    );
    const addr = isFour ? ipv4AddrBytes(vip) : ipv6AddrBytes(vip as Ipv6Addr);
    view.setBytes(at + 1, addr);
    at += 1 + addr.length;
  }
  ENTRIES.set(entries, bytes);
  return bytes;
}

function namedBytes(message: FellowMessage): number {
  if (message.kind !== "list" && message.kind !== "vouch") return 0;
  assert(NODE_NAME.test(message.node), "A Node's name is one of RFC 1123");
  return message.node.length + entriesOf(message).length;
}

function entriesBytes(entries: readonly ListEntry[]): number {
  let bytes = 0;
  for (const { vip } of entries) bytes += 1 + (isIpv4(vip) ? 4 : 16);
  return bytes;
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** What is the same in all frames of an identity, worked out once. */
class Prepared {
  readonly clusterHigh: number;
  readonly clusterLow: number;
  /** Short names read so far. */
  readonly senders = new Senders();
  readonly #macs = new Map<MacAddr, Uint8Array>();
  #own: Sender | undefined;

  constructor({ cluster }: FellowIdentity) {
    this.clusterHigh = highWord(cluster);
    this.clusterLow = lowWord(cluster);
  }

  macBytes(mac: MacAddr): Uint8Array {
    const known = this.#macs.get(mac);
    if (known !== undefined) return known;
    const bytes = macAddrBytes(mac);
    if (this.#macs.size >= REMEMBERED_MAX) this.#macs.clear();
    this.#macs.set(mac, bytes);
    return bytes;
  }

  /** Of who sends, which is nearly always the same one. */
  wordsOf(
    { sender: id, incarnation }: FellowFrame,
  ): { readonly id: Words; readonly incarnation: Words } {
    if (this.#own?.id !== id || this.#own.incarnation !== incarnation) {
      const words = {
        id: { high: highWord(id), low: lowWord(id) },
        incarnation: {
          high: Number(BigInt.asUintN(32, incarnation >> 32n)),
          low: Number(BigInt.asUintN(32, incarnation)),
        },
      };
      this.#own = { id, incarnation, words };
    }
    return this.#own.words;
  }
}

/** 64 bits. */
interface Words {
  readonly high: number;
  readonly low: number;
}

/** Who sends, and since when. */
interface Sender {
  readonly id: NodeId;
  readonly incarnation: bigint;
  /** The same as in frames. */
  readonly words: { readonly id: Words; readonly incarnation: Words };
}

/** Who sent: the same few are read again and again. */
class Senders {
  readonly #known = new Map<number, Sender>();

  /** Short name and incarnation, which lie side by side. */
  at(view: FieldView, at: number): Sender {
    const high = view.getUint32(at);
    const known = this.#known.get(high);
    if (known !== undefined && isAt(known, view, at)) return known;
    const id = wordsAt(view, at);
    const incarnation = wordsAt(view, at + 8);
    const sender = {
      id: idAt(view, at) as NodeId,
      incarnation: view.getBigUint64(at + 8),
      words: { id, incarnation },
    };
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
    this.#known.set(high, sender);
    return sender;
  }
}

function isAt({ words }: Sender, view: FieldView, at: number): boolean {
  return words.id.low === view.getUint32(at + 4) &&
    words.incarnation.low === view.getUint32(at + 12) &&
    words.incarnation.high === view.getUint32(at + 8);
}

function wordsAt(view: FieldView, at: number): Words {
  return { high: view.getUint32(at), low: view.getUint32(at + 4) };
}

function preparedFor(identity: FellowIdentity): Prepared {
  let prepared = PREPARED.get(identity);
  if (prepared === undefined) {
    prepared = new Prepared(identity);
    PREPARED.set(identity, prepared);
  }
  return prepared;
}

/** An identity as text. */
function idAt(view: FieldView, at: number): string {
  return hexWord(view.getUint32(at)) + hexWord(view.getUint32(at + 4));
}

function hexWord(word: number): string {
  return word.toString(16).padStart(8, "0");
}

function setId(view: FieldView, at: number, id: NodeId | ClusterId): void {
  view.setUint32(at, highWord(id));
  view.setUint32(at + 4, lowWord(id));
}

function highWord(id: NodeId | ClusterId): number {
  return Number.parseInt(id.slice(0, 8), 16);
}

function lowWord(id: NodeId | ClusterId): number {
  return Number.parseInt(id.slice(8), 16);
}

const ENTRIES = new WeakMap<readonly ListEntry[], Uint8Array>();
const NONE_HELD = (): boolean => false;
const PREPARED = new WeakMap<FellowIdentity, Prepared>();
/** Addresses and names that are remembered of one identity. */
const REMEMBERED_MAX = 1_024;

const FELLOW_HEADER_BYTES = 32;
const STATE_BYTES = 16;
const LIST_HEAD_BYTES = STATE_BYTES + 4;
const VOUCH_HEAD_BYTES = 16;
const HMAC_BYTES = 16;
/** Shortest Ethernet frame, without its check sequence (IEEE 802.3 §3.2.8). */
const FRAME_BYTES_MIN = 60;
const SIGNED_FLAG = 1;
const UNSURE = 1;
const FROZEN = 2;
const LISTENING = 4;
const LEAVING = 8;
const ENTRY_IPV6 = 0x80;
const ENTRY_LEAVING = 1;
const ENTRY_PREFERENCE = 0x7e;
const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const TYPE: Readonly<Record<Kind, number>> = {
  beacon: 1,
  list: 2,
  query: 3,
  probe: 4,
  reply: 5,
  suspect: 6,
  vouch: 7,
};
const KINDS: readonly (Kind | undefined)[] = [
  undefined,
  "beacon",
  "list",
  "query",
  "probe",
  "reply",
  "suspect",
  "vouch",
];
/** Bytes of a body without name and entries. */
const HEAD_BYTES: Readonly<Record<Kind, number>> = {
  beacon: STATE_BYTES,
  list: LIST_HEAD_BYTES,
  query: 4,
  probe: 8,
  reply: 16,
  suspect: 20,
  vouch: VOUCH_HEAD_BYTES + LIST_HEAD_BYTES,
};
