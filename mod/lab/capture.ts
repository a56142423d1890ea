/**
 * What hosts of the lab say about addresses, taken down at the ports of the
 * switch: a frame is booked on the host whose cable it came in by, whatever MAC
 * address it claims.
 *
 * @module
 */

import { macAddrBytes, parseMacAddr } from "@/addr/mac_addr.ts";
import {
  ETH_P_ALL,
  LINK_DOWN,
  PacketSocket,
  Reactor,
  ReceiveBatch,
} from "@/io/ffi/mod.ts";
import {
  type ArpPacket,
  decodeArp,
  decodeEthernet,
  decodeIpv6,
  decodeNdp,
  ETHER_TYPE,
  type EthernetFrame,
  FRAME_OFFSET_BYTES,
  FRAME_SLOT_BYTES,
  type NdpMessage,
} from "@/wire/mod.ts";
import { must } from "./command.ts";
import { type LabHost, portOf } from "./network.ts";

/** A frame a host has sent. */
export interface CapturedFrame {
  /** The host it came from. */
  readonly host: string;
  /** When it was seen, on this process's monotonic clock. */
  readonly atMs: number;
  /** The frame. */
  readonly ethernet: EthernetFrame;
  /** What it says. */
  readonly message: ArpPacket | NdpMessage;
}

/** Takes down the ARP and Neighbor Discovery frames of hosts. */
export class Capture implements AsyncDisposable {
  readonly #reactor = new Reactor();
  readonly #batch = new ReceiveBatch();
  readonly #sockets = new Map<string, PacketSocket>();
  readonly #frames: CapturedFrame[] = [];

  /**
   * Starts to listen; frames from before are not seen.
   *
   * @param hosts The hosts whose ports are listened at.
   * @returns The capture.
   */
  static async start(hosts: readonly LabHost[]): Promise<Capture> {
    const capture = new Capture();
    try {
      const indexes = await portIndexes();
      for (const { name } of hosts) {
        const port = portOf(name, "eth0");
        const index = indexes.get(port);
        if (index === undefined) throw new Error(`There is no port "${port}"`);
        capture.#listen(name, { index, name: port });
      }
    } catch (error) {
      await capture.close();
      throw error;
    }
    return capture;
  }

  /** What was heard, in order; at most {@linkcode FRAMES_MAX}. */
  frames(): readonly CapturedFrame[] {
    for (const [host, socket] of this.#sockets) this.#take(host, socket);
    return this.#frames.toSorted((a, b) => a.atMs - b.atMs);
  }

  /**
   * Who has answered for an address: hosts that sent an ARP reply for it as
   * sender, or a Neighbor Advertisement for it as target. Announcements are not
   * answers and are left out.
   *
   * @param vip The address, in canonical form.
   * @returns The host of each answer, in order.
   */
  answersFor(vip: string): readonly CapturedFrame[] {
    return this.frames().filter((frame) => isAnswer(frame, vip));
  }

  /** Stops listening. */
  async close(): Promise<void> {
    for (const socket of this.#sockets.values()) {
      this.#reactor.remove(socket.fd);
      socket.close();
    }
    this.#sockets.clear();
    await this.#reactor.close();
    this.#batch.close();
  }

  /** Stops listening. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listen(host: string, link: { index: number; name: string }): void {
    const filter = NEIGHBOR_FRAMES_FILTER;
    const socket = new PacketSocket({ link, etherType: ETH_P_ALL, filter });
    this.#sockets.set(host, socket);
    this.#reactor.add(socket.fd, () => this.#take(host, socket));
  }

  #take(host: string, socket: PacketSocket): void {
    const atMs = performance.now();
    for (;;) {
      const count = socket.receive(this.#batch);
      if (count === 0 || count === LINK_DOWN) return;
      for (let i = 0; i < count; i++) {
        const frame = this.#read(i);
        if (frame === undefined || this.#frames.length >= FRAMES_MAX) continue;
        this.#frames.push({ host, atMs, ...frame });
      }
      if (count < this.#batch.slots) return;
    }
  }

  #read(
    slot: number,
  ): Pick<CapturedFrame, "ethernet" | "message"> | undefined {
    const { bytes, lengths, lengthStride, lengthOffset } = this.#batch;
    const length = lengths[slot * lengthStride + lengthOffset] ?? 0;
    const start = slot * FRAME_SLOT_BYTES + FRAME_OFFSET_BYTES;
    // The slot is filled again: what is kept is a copy.
    const ethernet = decodeEthernet(bytes.slice(start, start + length));
    if (!ethernet.ok) return undefined;
    const message = readMessage(ethernet.value);
    return message && { ethernet: ethernet.value, message };
  }
}

/** Frames a capture holds; what comes later is not kept. */
export const FRAMES_MAX = 100_000;

function readMessage(frame: EthernetFrame): ArpPacket | NdpMessage | undefined {
  if (frame.etherType === ETHER_TYPE.arp) {
    const arp = decodeArp(frame.payload);
    return arp.ok ? arp.value : undefined;
  }
  const packet = decodeIpv6(frame.payload);
  if (!packet.ok) return undefined;
  const message = decodeNdp(packet.value);
  return message.ok ? message.value : undefined;
}

function isAnswer({ ethernet, message }: CapturedFrame, vip: string): boolean {
  if ("operation" in message) {
    return message.operation === "reply" && message.senderIp === vip &&
      message.targetIp !== vip;
  }
  return message.kind === "neighbor-advertisement" && message.target === vip &&
    message.solicited && !isGroup(ethernet.destination);
}

function isGroup(mac: string): boolean {
  const parsed = parseMacAddr(mac);
  return parsed !== undefined && ((macAddrBytes(parsed)[0] ?? 0) & 1) === 1;
}

async function portIndexes(): Promise<ReadonlyMap<string, number>> {
  const links: readonly { ifname: string; ifindex: number }[] = JSON.parse(
    await must("ip", ["-j", "link", "show"]),
  );
  return new Map(links.map(({ ifname, ifindex }) => [ifname, ifindex]));
}

// Classic BPF: received ARP and ICMPv6 frames, none that are sent to the host.
const NEIGHBOR_FRAMES_FILTER = filterProgram([
  [0x30, 0, 0, 0xffff_f004], // A = packet type (SKF_AD_PKTTYPE)
  [0x15, 6, 0, 4], // PACKET_OUTGOING: refuse
  [0x28, 0, 0, 12], // A = EtherType
  [0x15, 3, 0, ETHER_TYPE.arp], // ARP: take
  [0x15, 0, 3, ETHER_TYPE.ipv6], // not IPv6: refuse
  [0x30, 0, 0, 20], // A = next header
  [0x15, 0, 1, 58], // not ICMPv6: refuse
  [0x06, 0, 0, 0xffff], // take
  [0x06, 0, 0, 0], // refuse
]);

function filterProgram(
  instructions: readonly (readonly [number, number, number, number])[],
): Uint8Array {
  const view = new DataView(new ArrayBuffer(instructions.length * 8));
  instructions.forEach(([code, jt, jf, k], i) => {
    // The machine's order; the kernels we run on are little-endian.
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k, true);
  });
  return new Uint8Array(view.buffer);
}
