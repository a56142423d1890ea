/**
 * Other people's programs that ask for addresses, on a host of the lab.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { LabProcess, must } from "@/lab/mod.ts";
import { command, type Need } from "./needs.ts";
import { until } from "./waiting.ts";

/** Asks by ARP. */
export const ARPING: Need = command("arping");
/** Asks by Neighbor Discovery. */
export const NDISC6: Need = command("ndisc6");

/** How `arping` asks. */
export interface ArpingOptions {
  /** The host it runs on; `client` when absent. */
  readonly host?: string;
  /** The interface it asks on; `eth0` when absent. */
  readonly link?: string;
  /** How many requests; 3 when absent. */
  readonly count?: number;
  /** Time between two requests, and for the last answer; 100 when absent. */
  readonly intervalMs?: number;
  /** Further arguments. */
  readonly args?: readonly string[];
}

/** What `arping` has seen. */
export interface ArpingResult {
  /** Requests sent. */
  readonly sent: number;
  /** Requests that got an answer, as far as numbers tell. */
  readonly answered: number;
  /** The MAC addresses that answered, or announced the address meanwhile; each once. */
  readonly macs: readonly string[];
}

/**
 * Asks by ARP.
 *
 * @param vip The address.
 * @param options How.
 */
export async function arping(
  vip: string,
  options: ArpingOptions = {},
): Promise<ArpingResult> {
  const process = startArping(vip, options);
  await process.status;
  return arpingResult(process.lines);
}

/**
 * Waits until `arping` gets an answer to every request, and fails when any MAC
 * address but the expected one answers. A busy machine may stop an agent longer
 * than the 200 ms after which it throws away what has queued up: it is then asked
 * again.
 *
 * @param vip The address.
 * @param mac Who is to answer.
 * @param options How it is asked.
 */
export async function allAnswered(
  vip: string,
  mac: string,
  options: ArpingOptions = {},
): Promise<void> {
  let last: ArpingResult | undefined;
  await until(async () => {
    last = await arping(vip, options);
    deepStrictEqual(last.macs.filter((other) => other !== mac), []);
    return last.sent > 0 && last.answered === last.sent;
  }, {
    timeoutMs: ANSWERED_MS_MAX,
    what: () =>
      `${mac} answers ${last?.answered} of ${last?.sent} requests for ${vip}`,
  });
}

/**
 * Starts to ask by ARP.
 *
 * @param vip The address.
 * @param options How.
 * @returns The program.
 */
export function startArping(
  vip: string,
  options: ArpingOptions = {},
): LabProcess {
  const { host = "client", link = "eth0", count = 3, intervalMs = 100 } =
    options;
  const words = [
    "arping",
    ...["-i", link],
    ...["-c", `${count}`],
    ...["-W", `${intervalMs / 1000}`],
    ...options.args ?? [],
    vip,
  ];
  return new LabProcess(host, words, { name: `arping of ${host}` });
}

/**
 * Reads what `arping` has printed.
 *
 * @param lines All its lines.
 */
export function arpingResult(lines: readonly string[]): ArpingResult {
  const text = lines.join("\n");
  const totals = /^(\d+) packets transmitted, (\d+) packets received/m;
  const [, sent, received] = (totals.exec(text) ?? []).map(Number);
  if (sent === undefined || received === undefined) {
    throw new Error(`arping did not end well: ${text}`);
  }
  // More than one answer to a request counts for one.
  return {
    sent,
    answered: Math.min(sent, received),
    macs: arpingMacs(lines),
  };
}

/**
 * The MAC addresses that answered `arping` so far, each once.
 *
 * @param lines What it has printed.
 */
export function arpingMacs(lines: readonly string[]): readonly string[] {
  const macs = [...lines.join("\n").matchAll(/bytes from ([0-9a-f:]{17}) /g)]
    .map(([, mac]) => mac ?? "");
  return [...new Set(macs)];
}

/**
 * Asks by a multicast Neighbor Solicitation, as `ndisc6` does.
 *
 * @param vip The address.
 * @param link The client's interface.
 * @returns The MAC addresses that answered, or announced the address meanwhile;
 * each once.
 */
export async function ndisc6(
  vip: string,
  link: string = "eth0",
): Promise<readonly string[]> {
  const args = ["-q", "-m", "-r", "1", "-w", `${NDISC6_WAIT_MS}`, vip, link];
  const process = new LabProcess("client", ["ndisc6", ...args], {
    name: "ndisc6",
  });
  await process.status;
  const macs = process.lines.filter((line) => /^[0-9A-F:]{17}$/i.test(line))
    .map((line) => line.toLowerCase());
  return [...new Set(macs)];
}

/** Runs a command on a host. */
export function onHost(
  host: string,
  ...words: readonly string[]
): Promise<string> {
  return must("ip", ["netns", "exec", host, ...words]);
}

/** Runs a command of `ip` on a host. */
export function ipOn(
  host: string,
  ...args: readonly string[]
): Promise<string> {
  return must("ip", ["-n", host, ...args]);
}

const NDISC6_WAIT_MS = 1_000;
/** Longest until all requests are answered, on a busy machine. */
const ANSWERED_MS_MAX = 15_000;
