/**
 * Hosts that are asked only to get a sign of life: the gateways, and the last
 * that were heard.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import { STEADY_ASKS_PER_SECOND, WITNESSES_MAX } from "./constants.ts";
import { ask } from "./out.ts";
import type { FailoverState, Step } from "./state.ts";

/**
 * Remembers a host that was heard.
 *
 * @param state The state.
 * @param ip Its address.
 * @param mac Its MAC address.
 */
export function rememberWitness(
  state: FailoverState,
  ip: IpAddr,
  mac: MacAddr,
): void {
  const { witnesses } = state;
  if (state.vips.has(ip)) return;
  witnesses.delete(ip);
  witnesses.set(ip, mac);
  if (witnesses.size <= WITNESSES_MAX) return;
  for (const oldest of witnesses.keys()) {
    witnesses.delete(oldest);
    return;
  }
}

/**
 * Asks a witness: in turn the one heard last, and each of the others.
 *
 * @param step The step.
 */
export function askWitness(step: Step): void {
  const { state, nowMs } = step;
  state.witnessedMs = nowMs;
  const heard = [...state.witnesses.keys()].reverse();
  const all = [...new Set([...heard, ...state.gateways])];
  const turn = state.witnessTurn++;
  const ip = turn % 2 === 0 ? all[0] : all[(turn >> 1) % all.length];
  if (ip !== undefined) ask(step, ip, state.witnesses.get(ip));
}

/**
 * Takes one of the asks that a link may see in its steady state.
 *
 * @param step The step.
 * @returns Whether there was one left.
 */
export function takeSteadyAsk(step: Step): boolean {
  const { state, nowMs } = step;
  const refilled = (nowMs - state.asksAtMs) * STEADY_ASKS_PER_SECOND / 1000;
  state.asks = Math.min(STEADY_ASKS_PER_SECOND, state.asks + refilled);
  state.asksAtMs = nowMs;
  if (state.asks < 1) return false;
  state.asks--;
  return true;
}
