/**
 * Classic BPF, instruction by instruction: what the filters of this folder are
 * put together from.
 *
 * @module
 */

import { type Ipv6Addr, ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { assert } from "@/lang/assert.ts";
import { ETHERNET_HEADER_BYTES } from "@/wire/ethernet.ts";

/** Whether a filter compares addresses, or has too many to. */
export type FilterMode = "exact" | "plain";

/** A program for the kernel. */
export interface PacketFilter {
  /** Whether it compares addresses. */
  readonly mode: FilterMode;
  /** `struct sock_filter` after `struct sock_filter`, in this machine's byte order. */
  readonly program: Uint8Array;
  /** How many of them, at most {@linkcode FILTER_INSTRUCTIONS_MAX}. */
  readonly instructions: number;
}

/** How many instructions the kernel takes (`BPF_MAXINSNS`). */
export const FILTER_INSTRUCTIONS_MAX = 4_096;

/** Size of a `struct sock_filter`, in bytes. */
export const FILTER_INSTRUCTION_BYTES = 8;

/** A `struct sock_filter`: jumps count the instructions they skip. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** The exact program where the kernel takes it, else the plain one. */
export function smallest(
  exact: readonly Instruction[],
  plain: readonly Instruction[],
): PacketFilter {
  return exact.length <= FILTER_INSTRUCTIONS_MAX
    ? filterOf("exact", exact)
    : filterOf("plain", plain);
}

/** Instructions as a program. */
export function filterOf(
  mode: FilterMode,
  instructions: readonly Instruction[],
): PacketFilter {
  const program = packed(instructions);
  return { mode, program, instructions: instructions.length };
}

function packed(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * FILTER_INSTRUCTION_BYTES);
  const halves = new Uint16Array(bytes.buffer);
  const words = new Uint32Array(bytes.buffer);
  for (const [i, { code, jt, jf, k }] of instructions.entries()) {
    assert(jt <= 0xff && jf <= 0xff, "A conditional jump skips 255 at most");
    halves[4 * i] = code;
    bytes[8 * i + 2] = jt;
    bytes[8 * i + 3] = jf;
    words[2 * i + 1] = k;
  }
  return bytes;
}

/** Drops what this host sent, what is for another host, and other VLANs. */
export function foreignFrames(): readonly Instruction[] {
  return [
    load(LOAD_WORD, ANCILLARY.packetType),
    jump(JUMP_EQUAL, PACKET_OUTGOING, { yes: 1, no: 0 }),
    jump(JUMP_EQUAL, PACKET_OTHERHOST, { yes: 0, no: 1 }),
    DROP,
    // The kernel takes the tag off and puts it beside the frame; VID 0 is a
    // priority only (IEEE 802.1Q §9.6).
    load(LOAD_WORD, ANCILLARY.vlanTagPresent),
    jump(JUMP_EQUAL, 0, { yes: 4, no: 0 }),
    load(LOAD_WORD, ANCILLARY.vlanTag),
    { code: AND, jt: 0, jf: 0, k: VLAN_ID_MASK },
    jump(JUMP_EQUAL, 0, { yes: 1, no: 0 }),
    DROP,
  ];
}

/** Accepts what has a value at an offset and was sent to this host alone. */
export function sentToUs(
  code: number,
  offset: number,
  value: number,
): readonly Instruction[] {
  return [
    load(code, offset),
    jump(JUMP_EQUAL, value, { yes: 0, no: 3 }),
    load(LOAD_WORD, ANCILLARY.packetType),
    jump(JUMP_EQUAL, PACKET_HOST, { yes: 0, no: 1 }),
    ACCEPT,
  ];
}

/** Drops frames that have none of these values at an offset. */
export function expect(
  code: number,
  offset: number,
  values: readonly number[],
): readonly Instruction[] {
  return [
    load(code, offset),
    ...values.map((value, i) =>
      jump(JUMP_EQUAL, value, { yes: values.length - i, no: 0 })
    ),
    DROP,
  ];
}

/**
 * Accepts when the accumulator is in a range.
 *
 * @param ends Sorted; the first of a range, the first after it, and so on.
 * @param otherwise Whether to drop the frame or to go on after the search.
 */
export function search(
  ends: readonly number[],
  otherwise: "drop" | "next",
): readonly Instruction[] {
  const block = searchBetween(ends, 0, ends.length);
  return block.map((instruction, i) => {
    if (instruction !== MISS) return instruction;
    return otherwise === "drop" ? DROP : skip(block.length - i - 1);
  });
}

function searchBetween(
  ends: readonly number[],
  from: number,
  to: number,
): readonly Instruction[] {
  if (to - from <= LEAF_ENDS_MAX) return searchLeaf(ends, from, to);
  const middle = (from + to) >>> 1;
  const below = searchBetween(ends, from, middle);
  const above = searchBetween(ends, middle + 1, to);
  return [
    jump(JUMP_AT_LEAST, ends[middle] as number, { yes: 0, no: 1 }),
    skip(below.length),
    ...below,
    ...above,
  ];
}

/** Few enough ends for conditional jumps to reach a common accept and miss. */
function searchLeaf(
  ends: readonly number[],
  from: number,
  to: number,
): readonly Instruction[] {
  // As many ends as are not above the accumulator: in a range when odd.
  if (from === to) return [from % 2 === 1 ? ACCEPT : MISS];
  const accept = to - from;
  const branches: { end: number; yes: number; no: number }[] = [];
  const place = (low: number, high: number): number => {
    if (low === high) return low % 2 === 1 ? accept : accept + 1;
    const middle = (low + high) >>> 1;
    const at = branches.length;
    const branch = { end: ends[middle] as number, yes: 0, no: 0 };
    branches.push(branch);
    branch.no = place(low, middle) - at - 1;
    branch.yes = place(middle + 1, high) - at - 1;
    return at;
  };
  place(from, to);
  return [
    ...branches.map(({ end, yes, no }) =>
      jump(JUMP_AT_LEAST, end, { yes, no })
    ),
    ACCEPT,
    MISS,
  ];
}

/** Where membership changes when counting up: the ends of ranges, sorted. */
export function boundaries(values: readonly number[]): readonly number[] {
  const sorted = Uint32Array.from(values).sort();
  const ends: number[] = [];
  for (const value of sorted) {
    const last = ends.at(-1);
    if (last === value + 1) continue;
    if (last === value) ends.pop();
    else ends.push(value);
    ends.push(value + 1);
  }
  if (ends.at(-1) === 2 ** 32) ends.pop();
  return ends;
}

/** The last word of an address, by which IPv6 is compared. */
export function lastWord(addr: Ipv6Addr): number {
  return new DataView(ipv6AddrBytes(addr).buffer).getUint32(12);
}

/** Loads what is at an offset. */
export function load(code: number, offset: number): Instruction {
  return { code, jt: 0, jf: 0, k: offset };
}

/** Skips instructions by what was loaded. */
export function jump(
  code: number,
  k: number,
  { yes, no }: { readonly yes: number; readonly no: number },
): Instruction {
  return { code, jt: yes, jf: no, k };
}

function skip(instructions: number): Instruction {
  return { code: JUMP_ALWAYS, jt: 0, jf: 0, k: instructions };
}

// Classes, sizes and operations of <linux/bpf_common.h>, put together.
/** Loads 32 bits. */
export const LOAD_WORD = 0x20;
/** Loads 16 bits. */
export const LOAD_HALF = 0x28;
/** Loads 8 bits. */
export const LOAD_BYTE = 0x30;
/** Keeps some bits of what was loaded. */
export const AND = 0x54;
const JUMP_ALWAYS = 0x05;
/** Compares with a constant. */
export const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const RETURN = 0x06;

/** What the kernel knows beside the frame, from SKF_AD_OFF on (<linux/filter.h>). */
export const ANCILLARY = {
  packetType: 0xffff_f004,
  vlanTag: 0xffff_f02c,
  vlanTagPresent: 0xffff_f030,
} as const;
// <linux/if_packet.h>
/** A frame to this host alone. */
export const PACKET_HOST = 0;
const PACKET_OTHERHOST = 3;
const PACKET_OUTGOING = 4;
const VLAN_ID_MASK = 0xfff;

/** Where the EtherType is. */
export const TYPE_AT: number = ETHERNET_HEADER_BYTES - 2;

// Longest jump of a leaf: over all its ends but the first, and one verdict.
const LEAF_ENDS_MAX = 255;

/** Lets the frame through: a filter returns how many bytes of it to keep. */
export const ACCEPT: Instruction = { code: RETURN, jt: 0, jf: 0, k: 0xffff };
/** Drops the frame. */
export const DROP: Instruction = { code: RETURN, jt: 0, jf: 0, k: 0 };
// Stands for what a search does when it finds nothing.
const MISS: Instruction = { code: RETURN, jt: 0, jf: 0, k: 0 };
