/**
 * A switch that loses all ARP replies of one host.
 *
 * @module
 */

import { must, portOf } from "@/lab/mod.ts";
import { command, type Need } from "../support/needs.ts";

/** What it takes. */
export const NFT: Need = command("nft");

/**
 * Has the switch of the data segment drop all ARP replies of a host; what agents
 * say to each other passes.
 *
 * @param host Name of the host.
 * @returns Ends it when it is disposed of.
 */
export async function cutReplies(host: string): Promise<AsyncDisposable> {
  // RFC 826: the operation is 6 bytes in, and 2 is a reply.
  const lines = [
    `table bridge ${TABLE} {`,
    "chain drops {",
    "type filter hook prerouting priority 0",
    `iifname ${portOf(host, "eth0")} ether type arp @nh,48,16 2 drop`,
    "}",
    "}",
  ];
  await must("nft", ["-f", "-"], `${lines.join("\n")}\n`);
  return {
    [Symbol.asyncDispose]: async () => {
      await must("nft", ["delete", "table", "bridge", TABLE]);
    },
  };
}

const TABLE = "silence";
