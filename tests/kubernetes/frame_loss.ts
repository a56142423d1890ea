/**
 * Frames that the switch loses.
 *
 * @module
 */

import { must } from "@/lab/command.ts";
import { portOf } from "@/lab/network.ts";

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
  const everySecond = `${announced(vip)} numgen inc mod 2 0 drop`;
  return await rule("prerouting", everySecond);
}

/**
 * Has the switch lose all announcements of an address by ARP on the way to one
 * host: as a host that heeds none for a while after it learned an address.
 *
 * @param vip The address, IPv4.
 * @param host Name of the host.
 * @returns Ends it when it is disposed of.
 */
export async function deafenToAnnouncements(
  vip: string,
  host: string,
): Promise<AsyncDisposable> {
  const port = portOf(host, "eth0");
  return await rule("forward", `oifname ${port} ${announced(vip)} drop`);
}

/** Matches announcements by SPA and TPA of RFC 826, at their offsets. */
function announced(vip: string): string {
  const parts = vip.split(".").map((part) => Number(part).toString(16));
  const word = `0x${parts.map((part) => part.padStart(2, "0")).join("")}`;
  return `ether type arp @nh,112,32 ${word} @nh,192,32 ${word}`;
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
