/**
 * The `ping` of iputils on a host of the lab, and what it has seen.
 *
 * @module
 */

import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { LabProcess } from "@/lab/mod.ts";
import { assert } from "@/lang/assert.ts";
import {
  encodeEthernet,
  encodeIcmpEcho,
  encodeIpv4,
  ETHER_TYPE,
  IP_PROTOCOL,
} from "@/wire/mod.ts";
import { command, type Need } from "../support/needs.ts";

/** Asks by ICMP or ICMPv6. */
export const PING: Need = command("ping");

/** What `ping` has seen. */
export interface PingResult {
  /** Requests sent. */
  readonly sent: number;
  /** Requests that were answered. */
  readonly received: number;
  /** Answers to a request that had one. */
  readonly duplicates: number;
  /** What else was said: redirects, errors, odd answers, a line each. */
  readonly other: readonly string[];
}

/** How `ping` asks. */
export interface PingOptions {
  /** How many requests; 5 when absent. */
  readonly count?: number;
  /** Bytes of data in each; 56 when absent. */
  readonly dataBytes?: number;
  /** The host it runs on; `client` when absent. */
  readonly host?: string;
}

/**
 * Asks, five times a second.
 *
 * @param vip The address.
 * @param options How.
 */
export async function ping(
  vip: string,
  options: PingOptions = {},
): Promise<PingResult> {
  const { count = 5, dataBytes = 56, host = "client" } = options;
  const process = new LabProcess(host, [
    ...["ping", "-n", "-i", "0.2", "-W", "1", "-c", `${count}`],
    ...["-s", `${dataBytes}`, vip],
  ], { name: `ping of ${host}` });
  await process.status;
  return pingResult(process.lines);
}

/** A frame that carries an echo request for an address, from a host that is none. */
export function echoRequest(
  vip: string,
  { from, to, sequenceNumber }: {
    readonly from: string;
    readonly to: string;
    readonly sequenceNumber: number;
  },
): Uint8Array {
  const [source, destination] = [from, to].map(parseMacAddr);
  const [sourceIp, vipAddr] = ["192.168.0.99", vip].map(parseIpv4Addr);
  assert(
    source !== undefined && destination !== undefined &&
      sourceIp !== undefined && vipAddr !== undefined,
    "Addresses can be read",
  );
  const data = new Uint8Array(0);
  return encodeEthernet({
    ...{ destination, source },
    etherType: ETHER_TYPE.ipv4,
    payload: encodeIpv4({
      source: sourceIp,
      destination: vipAddr,
      identification: 1,
      dontFragment: true,
      timeToLive: 64,
      protocol: IP_PROTOCOL.icmp,
      payload: encodeIcmpEcho(
        { kind: "echo-request", identifier: 1, sequenceNumber, data },
      ),
    }),
  });
}

/** Reads what `ping` has printed. */
function pingResult(lines: readonly string[]): PingResult {
  const text = lines.join("\n");
  const totals = /^(\d+) packets transmitted, (\d+) received/m;
  const [, sent, received] = (totals.exec(text) ?? []).map(Number);
  if (sent === undefined || received === undefined) {
    throw new Error(`ping did not end well: ${text}`);
  }
  const [, duplicates = "0"] = /\+(\d+) duplicates/.exec(text) ?? [];
  const other = lines.filter((line) =>
    line !== "" && !USUAL.some((usual) => usual.test(line))
  );
  return { sent, received, duplicates: Number(duplicates), other };
}

const USUAL = [
  /^PING /,
  /^\d+ bytes from [^ ]+: icmp_seq=\d+ ttl=\d+ time=[\d.]+ ms$/,
  /^---/,
  /packets transmitted/,
  /^rtt /,
];
