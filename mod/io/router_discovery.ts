/**
 * Router Discovery over packet sockets.
 *
 * @module
 */

import { type MacAddr, parseMacAddr } from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import type {
  RouterDiscoveryLink,
  RouterDiscoveryPort,
} from "@/port/router_discovery.ts";
import { ETHER_TYPE } from "@/wire/ethernet.ts";
import { LINK_DOWN, PacketSocket, WholeFrames } from "./ffi/mod.ts";
import type { Poller } from "./tcp/mod.ts";

/** Hears routers on interfaces of the network namespace of this process. */
export class KernelRouterDiscovery implements RouterDiscoveryPort {
  readonly #poller: Poller;

  /**
   * Opens nothing yet.
   *
   * @param poller Waits on descriptors: a `Reactor`, which has to outlive this.
   */
  constructor(poller: Poller) {
    this.#poller = poller;
  }

  open(
    link: { readonly index: number; readonly name: string },
    filter: Uint8Array,
    onFrame: (frame: Uint8Array) => void,
  ): RouterDiscoveryLink {
    const socket = new PacketSocket({
      link,
      etherType: ETHER_TYPE.ipv6,
      filter,
    });
    // Those who look for a router ask all routers; all nodes we are anyway.
    socket.setGroup(ALL_ROUTERS_MAC, true);
    const batch = new WholeFrames(FRAMES_PER_TURN, FRAME_BYTES_MAX);
    let isOpen = true;
    this.#poller.add(socket.fd, () => {
      const received = socket.receive(batch);
      if (received === LINK_DOWN || received === 0) return;
      for (const frame of batch.take(received)) if (isOpen) onFrame(frame);
    });
    return {
      send: (frame) => isOpen && socket.sendFrame(frame),
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#poller.remove(socket.fd);
        socket.close();
        batch.close();
      },
    };
  }
}

const ALL_ROUTERS_MAC: MacAddr = allRouters();
const FRAMES_PER_TURN = 16;
/** An advertisement with many prefixes is cut, and then not read: 1,500 bytes hold forty. */
const FRAME_BYTES_MAX = 1_536;

function allRouters(): MacAddr {
  const mac = parseMacAddr("33:33:00:00:00:02");
  assert(mac !== undefined, "A constant is an address");
  return mac;
}
