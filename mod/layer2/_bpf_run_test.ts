/**
 * The kernel's side of a filter, as the tests of the filters play it.
 *
 * @module
 */

import { ok, strictEqual as equal } from "node:assert/strict";
import { BROADCAST_MAC, macAddrBytes } from "@/addr/mac_addr.ts";
import { FILTER_INSTRUCTIONS_MAX, type PacketFilter } from "./_bpf.ts";
import { OWN_MAC } from "./_frames_test.ts";

/** What a packet socket holds: the frame without its tag, and what is beside it. */
export interface Skb {
  readonly bytes: Uint8Array;
  readonly packetType: number;
  readonly vlanTag: number | undefined;
}

/** As the kernel hands a frame to packet sockets: untagged, classified. */
export function received(frame: Uint8Array, packetType?: number): Skb {
  const destination = frame.subarray(0, 6);
  const own = destination.toHex() === macAddrBytes(OWN_MAC).toHex();
  const group = ((frame[0] ?? 0) & 1) !== 0;
  const type = packetType === OUTGOING
    ? OUTGOING
    : own
    ? 0
    : destination.toHex() === macAddrBytes(BROADCAST_MAC).toHex()
    ? 1
    : group
    ? 2
    : OTHERHOST;
  const tagged = frame[12] === 0x81 && frame[13] === 0 && frame.length >= 18;
  if (!tagged) return { bytes: frame, packetType: type, vlanTag: undefined };
  const bytes = new Uint8Array(frame.length - 4);
  bytes.set(frame.subarray(0, 12));
  bytes.set(frame.subarray(16), 12);
  const vlanTag = ((frame[14] ?? 0) << 8) | (frame[15] ?? 0);
  return { bytes, packetType: type, vlanTag };
}

/** Classic BPF as Documentation/networking/filter.rst of Linux defines it. */
export function run(filter: PacketFilter, skb: Skb): boolean {
  const { program } = filter;
  const view = new DataView(program.buffer);
  const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  const packet = new DataView(
    skb.bytes.buffer,
    skb.bytes.byteOffset,
    skb.bytes.byteLength,
  );
  ok(filter.instructions <= FILTER_INSTRUCTIONS_MAX);
  equal(program.length, 8 * filter.instructions);
  let a = 0;
  for (let pc = 0; pc < filter.instructions; pc++) {
    const code = view.getUint16(8 * pc, little);
    const k = view.getUint32(8 * pc + 4, little);
    const branch = (taken: boolean) => {
      pc += program[8 * pc + (taken ? 2 : 3)] ?? 0;
    };
    switch (code) {
      case 0x20:
      case 0x28:
      case 0x30: {
        const loaded = loadFrom(packet, skb, code, k);
        if (loaded === undefined) return false;
        a = loaded;
        break;
      }
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x05:
        pc += k;
        break;
      case 0x15:
        branch(a === k);
        break;
      case 0x35:
        branch(a >= k);
        break;
      case 0x06:
        ok(k === 0 || k >= 254, "A filter does not cut frames");
        return k !== 0;
      default:
        throw new Error(`Unknown instruction ${code.toString(16)}`);
    }
  }
  throw new Error("The kernel refuses a program that does not end in a return");
}

function loadFrom(
  packet: DataView,
  skb: Skb,
  code: number,
  k: number,
): number | undefined {
  if (k === 0xffff_f004) return skb.packetType;
  if (k === 0xffff_f02c) return skb.vlanTag ?? 0;
  if (k === 0xffff_f030) return skb.vlanTag === undefined ? 0 : 1;
  const size = code === 0x20 ? 4 : code === 0x28 ? 2 : 1;
  // A load beyond the packet ends the program with 0.
  if (k + size > packet.byteLength) return undefined;
  if (size === 4) return packet.getUint32(k);
  return size === 2 ? packet.getUint16(k) : packet.getUint8(k);
}

// <linux/if_packet.h>
/** A frame to another host. */
export const OTHERHOST = 3;
/** A frame that this host sends. */
export const OUTGOING = 4;
