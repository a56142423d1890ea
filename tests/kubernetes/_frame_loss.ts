/**
 * Frames that the switch loses.
 *
 * @module
 */

import { must } from "@/lab/command.ts";

/**
 * Has the switch lose frames by chance, on the way to each receiver.
 *
 * @param share From 0 to 1, to a thousandth.
 * @returns Ends it when it is disposed of.
 */
export async function dropFrames(share: number): Promise<AsyncDisposable> {
  const perMille = Math.round(share * 1_000);
  return await rule("forward", `numgen random mod 1000 < ${perMille} drop`);
}

/**
 * Has the switch lose every second announcement of an address by ARP, the first
 * one among them, on the way to everybody.
 *
 * @param vip The address, IPv4.
 * @returns Ends it when it is disposed of.
 */
export async function dropEverySecondAnnouncement(
  vip: string,
): Promise<AsyncDisposable> {
  const parts = vip.split(".").map((part) => Number(part).toString(16));
  const word = `0x${parts.map((part) => part.padStart(2, "0")).join("")}`;
  // SPA and TPA of RFC 826, by their offsets.
  const announced = `ether type arp @nh,112,32 ${word} @nh,192,32 ${word}`;
  return await rule("prerouting", `${announced} numgen inc mod 2 0 drop`);
}

async function rule(hook: string, text: string): Promise<AsyncDisposable> {
  const lines = [
    `table bridge ${TABLE} {`,
    "chain drops {",
    `type filter hook ${hook} priority 0`,
    text,
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

const TABLE = "loss";
