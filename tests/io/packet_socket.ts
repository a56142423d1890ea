/**
 * Packet sockets on a veth pair; run by `mod/io/ffi/packet_socket_test.ts`.
 *
 * @module
 */

import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import { type MacAddr, parseMacAddr } from "@/addr/mac_addr.ts";
import { Epoll } from "@/io/ffi/epoll.ts";
import type { KernelLink } from "@/io/ffi/kernel_network.ts";
import { Netlink } from "@/io/ffi/netlink.ts";
import { NetlinkEvents } from "@/io/ffi/netlink_events.ts";
import { OsError } from "@/io/ffi/os_error.ts";
import { ReceiveBatch, SendBatch } from "@/io/ffi/packet_batch.ts";
import {
  ETH_P_ALL,
  LINK_DOWN,
  PacketSocket,
  type PacketSocketOptions,
} from "@/io/ffi/packet_socket.ts";
import { readSysctl } from "@/io/ffi/sysctl.ts";
import { KernelPacketLink } from "@/io/wire_port.ts";
import { fellowFilter } from "@/layer2/packet_filter.ts";
import {
  clusterIdOf,
  encodeFellow,
  FELLOW_GROUP,
  type FellowIdentity,
  nodeIdOf,
} from "@/wire/fellow.ts";
import { FRAME_BYTES_MAX, frameOf, setFrame } from "@/wire/frame_batch.ts";
import type { Flood } from "./flood_worker.ts";
import { ip, ownDescriptors, runCase, shell } from "./private_network.ts";

const ETHER_TYPE = 0x88b5;

/** What an agent with so many VIPs says. */
function listFrame(
  identity: FellowIdentity,
  vips: number,
): Uint8Array<ArrayBuffer> {
  const flags = {
    unsure: false,
    frozen: false,
    listening: false,
    leaving: false,
  };
  return encodeFellow({
    sender: identity.node,
    incarnation: 1n,
    message: {
      kind: "list",
      state: {
        listVersion: 1,
        uptimeMs: 1,
        beaconIntervalMs: 100,
        ...flags,
        vips,
      },
      part: 0,
      parts: 1,
      node: "n2",
      entries: Array.from({ length: vips }, (_, i) => ({
        vip: ipv4AddrFromNumber(0x0a00_0001 + i),
        leaving: false,
      })),
    },
  }, {
    identity,
    source: "02:00:00:00:00:0a" as MacAddr,
    destination: FELLOW_GROUP,
  });
}

/** Makes `va` and `vb`, the two ends of one cable. */
function cable(): void {
  ip(
    `link add va address 02:00:00:00:00:0a type veth peer name vb address 02:00:00:00:00:0b
      link set va up
      link set vb up`,
  );
  settle();
}

/**
 * Waits until both ends carry frames: the kernel takes note of a carrier a moment
 * later, and loses what is sent before.
 */
function settle(): void {
  using netlink = new Netlink();
  using events = new NetlinkEvents();
  using epoll = new Epoll();
  epoll.add(events.fd);
  while (
    netlink.links().filter(({ kind, running }) => kind === "veth" && running)
      .length < 2
  ) {
    equal(epoll.wait(5_000), 1);
    events.drain();
  }
  // It does so under its lock, which this waits for.
  ip("link set va alias settled");
}

function link(name: string): KernelLink {
  using netlink = new Netlink();
  const found = netlink.links().find((link) => link.name === name);
  if (found === undefined) throw new Error(`There is no interface ${name}`);
  return found;
}

function open(
  name: string,
  options: Partial<PacketSocketOptions> = {},
): PacketSocket {
  return new PacketSocket({
    link: link(name),
    etherType: ETHER_TYPE,
    receiveBufferBytes: 1_048_576,
    ...options,
  });
}

/** A frame from `va` to `vb` with a number behind the header. */
function frame(number: number, lengthBytes = 60): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(lengthBytes);
  bytes.set([2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a]);
  new DataView(bytes.buffer).setUint16(12, ETHER_TYPE);
  new DataView(bytes.buffer).setUint32(14, number);
  return bytes;
}

function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(14);
}

/** Receives so many frames, as soon as they arrive, and what else is queued then. */
function receiveAll(
  socket: PacketSocket,
  batch: ReceiveBatch,
  count: number,
): number[] {
  using epoll = new Epoll();
  epoll.add(socket.fd);
  const numbers: number[] = [];
  for (;;) {
    const received = socket.receive(batch);
    for (let i = 0; i < received; i++) {
      numbers.push(numberOf(frameOf(batch, i)));
    }
    if (received > 0 || numbers.length < count && epoll.wait(5_000) > 0) {
      continue;
    }
    return numbers;
  }
}

/** Sends from `va`, and returns when every socket on `vb` has been given the frames. */
class Sender implements Disposable {
  // A cable delivers a moment later, on another thread of the kernel; of several
  // sockets the one that was opened first is given a frame last.
  readonly #witness = open("vb");
  readonly #socket = open("va", { etherType: 0 });
  readonly #batch = new ReceiveBatch();

  send(...frames: readonly Uint8Array<ArrayBuffer>[]): void {
    for (const frame of frames) equal(this.#socket.sendFrame(frame), true);
    const seen = receiveAll(this.#witness, this.#batch, frames.length);
    deepEqual(seen, frames.map(numberOf));
  }

  [Symbol.dispose](): void {
    this.#witness.close();
    this.#socket.close();
    this.#batch.close();
  }
}

/** Packs instructions of classic BPF: code, jump if true, if false, operand. */
function filter(
  ...instructions: (readonly [number, number, number, number])[]
): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  instructions.forEach(([code, jumpTrue, jumpFalse, operand], i) => {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jumpTrue);
    view.setUint8(i * 8 + 3, jumpFalse);
    view.setUint32(i * 8 + 4, operand, true);
  });
  return bytes;
}

/** Passes frames with one number. */
function onlyNumber(number: number): Uint8Array {
  return filter(
    [0x20, 0, 0, 14],
    [0x15, 0, 1, number],
    [0x06, 0, 0, 0xffff],
    [0x06, 0, 0, 0],
  );
}

/** Sends back what is queued, as the responder does: batch in, batch out. */
function echo(
  socket: PacketSocket,
  received: ReceiveBatch,
  answers: SendBatch,
): number {
  let echoed = 0;
  for (;;) {
    const count = socket.receive(received);
    if (count === 0) return echoed;
    for (let i = 0; i < count; i++) {
      const request = frameOf(received, i);
      setFrame(answers, i, request);
      const answer = frameOf(answers, i);
      answer.set(request.subarray(6, 12), 0);
      answer.set(request.subarray(0, 6), 6);
    }
    echoed += socket.send(answers, count);
  }
}

/** Receives what was echoed, and checks every byte of its header, and its length. */
function receiveAnswers(
  socket: PacketSocket,
  batch: ReceiveBatch,
  count: number,
): readonly number[] {
  using epoll = new Epoll();
  epoll.add(socket.fd);
  const seen: number[] = [];
  while (seen.length < count) {
    equal(epoll.wait(5_000), 1);
    const received = socket.receive(batch);
    for (let i = 0; i < received; i++) {
      const answer = frameOf(batch, i);
      const number = numberOf(answer);
      seen.push(number);
      equal(answer.length, 60 + number % 190);
      equal(answer.subarray(0, 14).toHex(), "02000000000a02000000000b88b5");
    }
  }
  return seen;
}

await runCase({
  "echoes 1000 requests"() {
    cable();
    const requests = 1000;
    const before = ownDescriptors();
    {
      using asking = open("va");
      using answering = open("vb");
      using received = new ReceiveBatch();
      using batch = new SendBatch();
      using epoll = new Epoll();
      epoll.add(answering.fd);
      const seen: number[] = [];
      for (let sent = 0; sent < requests;) {
        const count = Math.min(batch.slots, requests - sent);
        for (let i = 0; i < count; i++) {
          setFrame(batch, i, frame(sent + i, 60 + (sent + i) % 190));
        }
        equal(asking.send(batch, count), count);
        sent += count;
        for (let echoed = 0; echoed < count;) {
          equal(epoll.wait(5_000), 1);
          equal(epoll.readyFd(0), answering.fd);
          echoed += echo(answering, received, batch);
        }
        equal(epoll.wait(0), 0);
        seen.push(...receiveAnswers(asking, received, count));
      }
      deepEqual(seen, Array.from({ length: requests }, (_, i) => i));
      deepEqual(answering.statistics(), { packets: requests, drops: 0 });
      deepEqual(answering.statistics(), { packets: 0, drops: 0 });
      deepEqual(answering.sendDrops, { busy: 0, down: 0, refused: 0 });
    }
    deepEqual(ownDescriptors(), before);
  },

  "receives its EtherType only, and everything on request"() {
    cable();
    using sender = new Sender();
    using sending = open("va", { etherType: 0 });
    using own = open("vb");
    using other = open("vb", { etherType: 0x88b6 });
    using all = open("vb", { etherType: ETH_P_ALL });
    using none = open("vb", { etherType: 0 });
    using received = new ReceiveBatch();
    sender.send(frame(7));
    deepEqual(receiveAll(own, received, 1), [7]);
    equal(other.receive(received), 0);
    equal(none.receive(received), 0);
    // ETH_P_ALL also shows what the kernel says by itself (MLD, router solicitations).
    equal(receiveAll(all, received, 1).includes(7), true);
    // It cannot hear itself by its EtherType.
    equal(sending.receive(received), 0);
  },

  "cuts a frame that is longer than its slot"() {
    cable();
    using sender = new Sender();
    using receiving = open("vb");
    using received = new ReceiveBatch(2);
    sender.send(frame(1, 600), frame(2, FRAME_BYTES_MAX), frame(3, 64));
    equal(receiving.receive(received), 2);
    equal(received.lengths[received.lengthOffset], FRAME_BYTES_MAX);
    equal(numberOf(frameOf(received, 1)), 2);
    equal(receiving.receive(received), 1);
    equal(numberOf(frameOf(received, 0)), 3);
    equal(frameOf(received, 0).length, 64);
  },

  "replaces its filter"() {
    cable();
    using sender = new Sender();
    using receiving = open("vb", { filter: onlyNumber(1) });
    using received = new ReceiveBatch();
    const sendBoth = () => sender.send(frame(1), frame(2));
    sendBoth();
    equal(receiving.attachFilter(onlyNumber(2)), true);
    sendBoth();
    // What the old filter let pass is still queued.
    deepEqual(receiveAll(receiving, received, 2), [1, 2]);
    // What a filter refused is not counted.
    equal(receiving.statistics().packets, 2);
    throws(
      () => receiving.attachFilter(filter([0xffff, 0, 0, 0])),
      (error) =>
        error instanceof OsError && error.call === "setsockopt" &&
        error.message ===
          'Cannot attach filter to packet socket on "vb": EINVAL',
    );
    throws(() => receiving.attachFilter(new Uint8Array(0)), /1 to 4096/);
    throws(() => receiving.attachFilter(new Uint8Array(9)), /1 to 4096/);
    sendBoth();
    deepEqual(receiveAll(receiving, received, 1), [2]);
  },

  "keeps its filter where the kernel has no room for another"() {
    // Older kernels have this setting for the whole machine: hands off there.
    if (readSysctl("net/core/optmem_max") === undefined) return;
    cable();
    shell("echo 4096 > /proc/sys/net/core/optmem_max");
    using sender = new Sender();
    using receiving = open("vb", { filter: onlyNumber(1) });
    using received = new ReceiveBatch();
    const long = filter(
      ...Array.from({ length: 2000 }, () => [0x20, 0, 0, 14] as const),
      [0x06, 0, 0, 0],
    );
    equal(receiving.attachFilter(long), false);
    sender.send(frame(1), frame(2));
    deepEqual(receiveAll(receiving, received, 1), [1]);
    throws(
      () => open("vb", { filter: long }),
      /^OsError: .*on "vb": ENOMEM, net\.core\.optmem_max is too low for it$/,
    );
  },

  "receives nothing before its filter is there"() {
    cable();
    const control = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL("./flood_worker.ts", import.meta.url), {
      type: "module",
    });
    const flood: Flood = { link: link("va"), frame: frame(2), control };
    worker.postMessage(flood);
    Atomics.wait(control, 0, 0, 10_000);
    using sending = open("va", { etherType: 0 });
    using received = new ReceiveBatch();
    const flooded = (): number => Atomics.load(control, 0);
    const before = flooded();
    // On a busy machine the other thread may not come to its turn for a while.
    for (let i = 0; i < 30 || flooded() < before + 60; i++) {
      using receiving = open("vb", { filter: onlyNumber(1) });
      sending.sendFrame(frame(1));
      deepEqual(receiveAll(receiving, received, 1), [1]);
    }
    Atomics.store(control, 1, 1);
  },

  "counts what found no room"() {
    cable();
    using sender = new Sender();
    using small = open("vb", { receiveBufferBytes: 4096 });
    using large = open("vb", { receiveBufferBytes: 4_194_304 });
    using received = new ReceiveBatch();
    ok(large.receiveBufferBytes > small.receiveBufferBytes);
    const sent = 300;
    sender.send(...Array.from({ length: sent }, (_, i) => frame(i)));
    const { packets, drops } = small.statistics();
    equal(packets, sent);
    equal(receiveAll(small, received, sent - drops).length, sent - drops);
    ok(drops > 0);
    deepEqual(large.statistics(), { packets: sent, drops: 0 });
    equal(large.discard(received), sent);
    equal(large.receive(received), 0);
  },

  "goes on when the interface was down"() {
    cable();
    using sender = new Sender();
    using peer = open("va");
    using socket = open("vb");
    using received = new ReceiveBatch();
    using batch = new SendBatch();
    sender.send(frame(1));
    ip("link set vb down");
    equal(socket.receive(received), LINK_DOWN);
    // Behind the news is what was queued before.
    deepEqual(receiveAll(socket, received, 1), [1]);
    for (let i = 0; i < 3; i++) setFrame(batch, i, frame(i));
    equal(socket.send(batch, 3), LINK_DOWN);
    equal(socket.sendFrame(frame(9)), false);
    deepEqual(socket.sendDrops, { busy: 0, down: 4, refused: 0 });
    ip("link set vb up");
    settle();
    equal(socket.send(batch, 3), 3);
    deepEqual(receiveAll(peer, received, 3), [0, 1, 2]);
    peer.sendFrame(frame(5));
    deepEqual(receiveAll(socket, received, 1), [5]);
    // The news of a second time does not hinder sending once it is up again.
    ip("link set vb down");
    ip("link set vb up");
    settle();
    equal(socket.send(batch, 1), 1);
    ip("link set vb down");
    ip("link set vb up");
    settle();
    equal(socket.sendFrame(frame(4)), true);
    deepEqual(receiveAll(peer, received, 2), [0, 4]);
    deepEqual(socket.sendDrops, { busy: 0, down: 4, refused: 0 });
  },

  "opens on an interface that is down"() {
    cable();
    ip("link set vb down");
    using peer = open("va", { etherType: 0 });
    using socket = open("vb");
    using received = new ReceiveBatch();
    equal(socket.receive(received), LINK_DOWN);
    equal(socket.receive(received), 0);
    ip("link set vb up");
    settle();
    peer.sendFrame(frame(3));
    deepEqual(receiveAll(socket, received, 1), [3]);
  },

  "tells that the interface is gone"() {
    cable();
    const before = ownDescriptors();
    {
      using socket = open("vb");
      using received = new ReceiveBatch();
      using batch = new SendBatch();
      setFrame(batch, 0, frame(0));
      ip("link del va");
      equal(socket.receive(received), LINK_DOWN);
      equal(socket.receive(received), 0);
      equal(socket.discard(received), 0);
      equal(socket.send(batch, 1), LINK_DOWN);
      equal(socket.sendFrame(frame(0)), false);
      equal(socket.setAllGroups(true), false);
      deepEqual(socket.sendDrops, { busy: 0, down: 2, refused: 0 });
    }
    deepEqual(ownDescriptors(), before);
  },

  "skips a frame the kernel refuses"() {
    cable();
    ip("link set va mtu 100");
    using socket = open("va", { etherType: 0 });
    using peer = open("vb");
    using received = new ReceiveBatch();
    using batch = new SendBatch();
    const lengths = [60, 200, 60, 8, 60];
    lengths.forEach((length, i) => {
      setFrame(batch, i, frame(i, Math.max(length, 18)).subarray(0, length));
    });
    equal(socket.send(batch, lengths.length), 3);
    deepEqual(receiveAll(peer, received, 3), [0, 2, 4]);
    deepEqual(socket.sendDrops, { busy: 0, down: 0, refused: 2 });
    equal(socket.sendFrame(frame(7, 200)), false);
    equal(socket.sendDrops.refused, 3);
  },

  "counts what the interface has no room for"() {
    cable();
    using socket = open("va", { etherType: 0, qdiscBypass: true });
    using peer = open("vb");
    using received = new ReceiveBatch();
    using batch = new SendBatch();
    for (let i = 0; i < 5; i++) setFrame(batch, i, frame(i));
    equal(socket.send(batch, 5), 5);
    deepEqual(receiveAll(peer, received, 5), [0, 1, 2, 3, 4]);
    // Without a carrier the driver takes nothing: ENOBUFS past the queue.
    ip("link set vb down");
    equal(socket.send(batch, 5), 0);
    deepEqual(socket.sendDrops, { busy: 5, down: 0, refused: 0 });
  },

  "hears groups"() {
    cable();
    using socket = open("vb");
    const group = parseMacAddr("33:33:00:fe:ed:01");
    if (group === undefined) throw new Error("A constant is an address");
    const groups = () => shell("ip maddress show dev vb");
    equal(socket.setGroup(group, false), true);
    equal(socket.setGroup(group, true), true);
    ok(groups().includes(group));
    equal(socket.setGroup(group, false), true);
    ok(!groups().includes(group));
    const allMulti = () =>
      /allmulti (\d)/.exec(shell("ip -d link show vb"))?.[1];
    equal(allMulti(), "0");
    equal(socket.setAllGroups(true), true);
    equal(allMulti(), "1");
    equal(socket.setAllGroups(false), true);
    equal(allMulti(), "0");
  },

  "carries frames of agents whole, and no others"() {
    cable();
    const cluster = clusterIdOf("a cluster");
    const identity = { cluster, node: nodeIdOf("n2") };
    const receiver = new KernelPacketLink(link("vb"));
    const sender = new KernelPacketLink(link("va"));
    const filter = fellowFilter({ cluster, node: nodeIdOf("n1") });
    // Whatever was said before the filter was there is lost.
    sender.sendFrame(listFrame(identity, 1));
    equal(receiver.setFilter("fellow", filter.program), true);
    const other = { ...identity, cluster: clusterIdOf("another") };
    sender.sendFrame(listFrame(other, 3));
    const own = { ...identity, node: nodeIdOf("n1") };
    sender.sendFrame(listFrame(own, 3));
    const sent = Array.from(
      { length: 40 },
      (_, i) => listFrame(identity, i * 6),
    );
    for (const frame of sent) equal(sender.sendFrame(frame), true);
    deepEqual(receiver.receiveFellows(), [], "nobody said that there are any");
    for (const link of [receiver, sender]) {
      for (const [, readiness] of link.fds) link.setReady(readiness);
    }
    const received: string[] = [];
    for (;;) {
      const frames = receiver.receiveFellows();
      if (frames.length === 0) break;
      received.push(...frames.map((frame) => frame.toHex()));
    }
    deepEqual(received, sent.map((frame) => frame.toHex()));
    ok(sent.some(({ length }) => length > 1_000));
    equal(sender.receiveFellows().length, 0);
    receiver.close();
    sender.close();
  },

  "names an interface that is not there"() {
    const before = ownDescriptors();
    throws(
      () =>
        new PacketSocket({
          link: { index: 4711, name: "eth9" },
          etherType: ETHER_TYPE,
        }),
      (error) =>
        error instanceof OsError && error.errnoName === "ENODEV" &&
        error.message ===
          'Cannot open packet socket on "eth9": ENODEV, there is no such interface',
    );
    deepEqual(ownDescriptors(), before);
  },

  "names the capability that is missing"() {
    throws(
      () =>
        new PacketSocket({
          link: { index: 1, name: "lo" },
          etherType: ETHER_TYPE,
        }),
      (error) =>
        error instanceof OsError && error.call === "socket" &&
        error.message ===
          'Cannot open packet socket on "lo": EPERM, CAP_NET_RAW is missing',
    );
  },
});
