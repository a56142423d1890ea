/**
 * A client that remembers nothing: it asks by ARP for an address again and again,
 * and takes down who claims it. It is plugged into the data segment by a cable of
 * its own, so that it learns what a host there would, not more.
 *
 * @module
 */

import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import {
  LINK_DOWN,
  PacketSocket,
  Reactor,
  ReceiveBatch,
} from "@/io/ffi/mod.ts";
import { ipBatch, must } from "@/lab/command.ts";
import { DATA_BRIDGE, DATA_IPV4 } from "@/lab/network.ts";
import {
  decodeArp,
  decodeEthernet,
  encodeArp,
  encodeEthernet,
  ETHER_TYPE,
  FRAME_OFFSET_BYTES,
  FRAME_SLOT_BYTES,
} from "@/wire/mod.ts";
import { pass } from "../support/waiting.ts";
import type { Claim } from "./claims.ts";

/** Asks by ARP. */
export class ColdClient implements AsyncDisposable {
  readonly #reactor = new Reactor();
  readonly #batch = new ReceiveBatch();
  readonly #socket: PacketSocket;
  readonly #claims: (Claim & { readonly vip: string })[] = [];

  private constructor(index: number) {
    this.#socket = new PacketSocket({
      link: { index, name: LINK },
      etherType: ETHER_TYPE.arp,
    });
    this.#reactor.add(this.#socket.fd, () => this.#take());
  }

  /** Plugs it in; there may be one in a sandbox. */
  static async start(): Promise<ColdClient> {
    await ipBatch("", [
      `link add ${PORT} type veth peer name ${LINK} address ${MAC}`,
      `link set ${PORT} master ${DATA_BRIDGE} up`,
      `link set ${LINK} addrgenmode none up`,
      // Whoever asks it, asks a host.
      `addr add ${IPV4}/${DATA_IPV4.lengthBits} dev ${LINK}`,
    ]);
    const [link]: readonly { readonly ifindex: number }[] = JSON.parse(
      await must("ip", ["-j", "link", "show", LINK]),
    );
    return new ColdClient(link?.ifindex ?? 0);
  }

  /**
   * Asks at a steady pace until it is told to stop.
   *
   * @param vip The address, IPv4.
   * @param intervalMs From one request to the next.
   * @returns Stops it.
   */
  ask(vip: string, intervalMs: number): () => void {
    const frame = requestFor(vip);
    const ask = (): void => void this.#socket.sendFrame(frame);
    const timer = setInterval(ask, intervalMs);
    ask();
    return () => clearInterval(timer);
  }

  /**
   * Claims of an address since a moment, in order.
   *
   * @param vip The address.
   * @param sinceMs On this process's monotonic clock.
   */
  claims(vip: string, sinceMs: number = 0): readonly Claim[] {
    this.#take();
    return this.#claims.filter((claim) =>
      claim.vip === vip && claim.atMs >= sinceMs
    );
  }

  /** Who answers for an address now, each once. */
  async answerers(vip: string): Promise<readonly string[]> {
    const sinceMs = performance.now();
    const stop = this.ask(vip, ASK_INTERVAL_MS);
    await pass(ASK_MS);
    stop();
    const answers = this.claims(vip, sinceMs).filter(({ answers }) => answers);
    return [...new Set(answers.map(({ mac }) => mac))];
  }

  /** Forgets the claims before a moment: a long run keeps its memory. */
  forget(beforeMs: number): void {
    const first = this.#claims.findIndex(({ atMs }) => atMs >= beforeMs);
    this.#claims.splice(0, first < 0 ? this.#claims.length : first);
  }

  /** Unplugs it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#reactor.remove(this.#socket.fd);
    this.#socket.close();
    await this.#reactor.close();
    this.#batch.close();
    await ipBatch("", [`link del ${PORT}`]);
  }

  #take(): void {
    const atMs = performance.now();
    for (;;) {
      const count = this.#socket.receive(this.#batch);
      if (count === 0 || count === LINK_DOWN) return;
      for (let i = 0; i < count; i++) this.#read(i, atMs);
      if (count < this.#batch.slots) return;
    }
  }

  #read(slot: number, atMs: number): void {
    const { bytes, lengths, lengthStride, lengthOffset } = this.#batch;
    const length = lengths[slot * lengthStride + lengthOffset] ?? 0;
    const start = slot * FRAME_SLOT_BYTES + FRAME_OFFSET_BYTES;
    const frame = decodeEthernet(bytes.slice(start, start + length));
    if (!frame.ok || frame.value.etherType !== ETHER_TYPE.arp) return;
    const arp = decodeArp(frame.value.payload);
    if (!arp.ok || arp.value.senderMac === MAC) return;
    const { operation, senderIp, senderMac, targetIp } = arp.value;
    const announced = senderIp === targetIp;
    // A request in which the sender names an address of its own claims it, too.
    if (operation === "request" && !announced) return;
    this.#claims.push({
      ...{ vip: senderIp, atMs, mac: senderMac },
      answers: !announced,
    });
  }
}

function requestFor(vip: string): Uint8Array<ArrayBuffer> {
  const [senderIp, targetIp] = [IPV4, vip].map(parseIpv4Addr);
  const [senderMac, targetMac, destination] = [MAC, NOBODY, EVERYBODY].map(
    parseMacAddr,
  );
  if (
    senderIp === undefined || targetIp === undefined ||
    senderMac === undefined || targetMac === undefined ||
    destination === undefined
  ) throw new Error(`"${vip}" is no IPv4 address`);
  const arp = { operation: "request", senderMac, senderIp } as const;
  const payload = encodeArp({ ...arp, targetMac, targetIp });
  const etherType = ETHER_TYPE.arp;
  return Uint8Array.from(
    encodeEthernet({ destination, source: senderMac, etherType, payload }),
  );
}

const LINK = "cold0";
const PORT = "cold-eth0";
const MAC = "02:00:00:00:00:06";
const NOBODY = "00:00:00:00:00:00";
const EVERYBODY = "ff:ff:ff:ff:ff:ff";
const IPV4 = `${DATA_IPV4.prefix}.6`;
const ASK_INTERVAL_MS = 10;
const ASK_MS = 150;
