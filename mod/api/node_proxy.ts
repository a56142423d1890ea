/**
 * NodeProxy: the ports that Services want of nodes, and what an agent tells of
 * its node in its Lease, {@linkcode LEASE_NODE_PROXY_ANNOTATION}.
 *
 * @module
 */

import { err, ok, type Result } from "@/lang/result.ts";
import { isJson } from "./_reader.ts";

/** A port and its protocol as one text: `80/TCP`. */
export type PortText = string;

/** What an agent tells of its node while some Service wants NodeProxy. */
export interface PublishedNodeProxy {
  /** How kube-proxy says that it forwards (`iptables`, `nftables`, `ipvs`); empty: nothing says. */
  readonly mode: string;
  /** Wanted ports on which the host itself does not listen, sorted. */
  readonly free: readonly PortText[];
  /** Wanted ports on which it does, sorted. */
  readonly taken: readonly PortText[];
}

/** The mode in which NodeProxy cannot work: kube-proxy binds every ingress address on every node. */
export const IPVS_MODE = "ipvs";

/** Most ports that agents look for: each renewal of a Lease carries them. */
export const NODE_PROXY_PORTS_MAX = 256;

/** Longest mode that is believed, in UTF-16 units. */
export const PROXY_MODE_MAX = 32;

/**
 * A port as text.
 *
 * @param port The port, and `TCP`, `UDP` or `SCTP`.
 */
export function formatPort(
  { port, protocol }: { readonly port: number; readonly protocol: string },
): PortText {
  return `${port}/${protocol}`;
}

/**
 * Writes what an agent tells.
 *
 * @example Usage
 * ```ts
 * import { decodeNodeProxy, encodeNodeProxy } from "@/api/node_proxy.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const told = { mode: "iptables", free: ["80/TCP"], taken: ["22/TCP"] };
 * deepStrictEqual(decodeNodeProxy(encodeNodeProxy(told)), { ok: true, value: told });
 * ```
 *
 * @param told What it tells; of more than {@linkcode NODE_PROXY_PORTS_MAX} ports the first.
 * @returns JSON.
 */
export function encodeNodeProxy(
  { mode, free, taken }: PublishedNodeProxy,
): string {
  return JSON.stringify({
    mode: mode.slice(0, PROXY_MODE_MAX),
    free: free.toSorted().slice(0, NODE_PROXY_PORTS_MAX),
    taken: taken.toSorted().slice(0, NODE_PROXY_PORTS_MAX),
  });
}

/**
 * Reads what an agent tells.
 *
 * @param text The annotation.
 * @returns What it tells, or one sentence that says what is wrong.
 */
export function decodeNodeProxy(
  text: string,
): Result<PublishedNodeProxy, string> {
  const refusal = "Cannot read what was published for NodeProxy: ";
  const read = text.length > TEXT_MAX ? undefined : parseJson(text);
  if (!isJson(read)) return err(`${refusal}not a JSON object`);
  const { mode, free, taken } = read;
  if (typeof mode !== "string" || mode.length > PROXY_MODE_MAX) {
    return err(`${refusal}mode is not a short text`);
  }
  if (!isPorts(free) || !isPorts(taken)) {
    return err(`${refusal}free and taken are not lists of ports like 80/TCP`);
  }
  return ok({ mode, free, taken });
}

function isPorts(value: unknown): value is readonly PortText[] {
  return Array.isArray(value) && value.length <= NODE_PROXY_PORTS_MAX &&
    value.every((item) => typeof item === "string" && PORT.test(item));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const PORT = /^[1-9][0-9]{0,4}\/(?:TCP|UDP|SCTP)$/;
const TEXT_MAX = 16_384;
