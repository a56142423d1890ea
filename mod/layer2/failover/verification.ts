/**
 * The exact test of a fellow whose beacon is overdue: five round trips and two
 * ARP or ND requests to it alone. Only silence in both, and no voucher by a
 * third node, makes it silent.
 *
 * @module
 */

import {
  ARP_ONLY_RECHECK_MS,
  ARP_VETO_MAX_MS,
  GRACE_MS,
  SILENT_RECHECK_LATE_MS,
  SILENT_RECHECK_MS,
  SILENT_RECHECK_OFTEN_MS,
  VERIFY_INTERVAL_MS,
  VERIFY_PAUSE_MS,
  VERIFY_PROBES,
  VOUCH_HOLD_MS,
  VOUCHED_RECHECK_MS,
} from "./constants.ts";
import { ask, sendProbe, sendSuspect, setPresence } from "./out.ts";
import { type Fellow, overdueMs, type Step } from "./state.ts";
import { askWitness } from "./witness.ts";

/**
 * Begins to verify a fellow.
 *
 * @param step The step.
 * @param fellow The fellow.
 */
export function startVerification(step: Step, fellow: Fellow): void {
  const { nowMs } = step;
  const from = fellow.presence;
  setPresence(step, fellow, "verifying");
  fellow.verifiedMs = nowMs;
  fellow.verification = { startedMs: nowMs, from, sent: 0, nextMs: nowMs };
  advanceVerification(step, fellow);
  step.state.fellowAgenda.note(fellow);
}

/**
 * Whether a verification may begin because of a frame; floods of them start
 * one in 300 ms at most.
 *
 * @param step The step.
 * @param fellow The fellow.
 * @returns True when it may.
 */
export function mayVerify(step: Step, fellow: Fellow): boolean {
  return step.nowMs - fellow.verifiedMs >= VERIFY_PAUSE_MS;
}

/**
 * Does what is due for fellows.
 *
 * @param step The step.
 */
export function advanceFellows(step: Step): void {
  const { fellowAgenda } = step.state;
  const due: Fellow[] = [];
  for (;;) {
    const fellow = fellowAgenda.takeDue(step.nowMs);
    if (fellow === undefined) break;
    due.push(fellow);
  }
  for (const fellow of due) {
    advanceFellow(step, fellow);
    fellowAgenda.note(fellow);
  }
}

function advanceFellow(step: Step, fellow: Fellow): void {
  const { nowMs } = step;
  switch (fellow.presence) {
    case "up":
      if (nowMs >= overdueMs(fellow)) startVerification(step, fellow);
      break;
    case "verifying":
      advanceVerification(step, fellow);
      break;
    case "vouched":
    case "arp-only":
      if (nowMs >= fellow.recheckMs) startVerification(step, fellow);
      break;
    case "silent":
      if (nowMs >= fellow.recheckMs) recheckSilent(step, fellow);
      break;
    default:
  }
}

function advanceVerification(step: Step, fellow: Fellow): void {
  const { verification } = fellow;
  if (verification === undefined || step.nowMs < verification.nextMs) return;
  const probes = VERIFY_PROBES +
    Math.ceil(step.state.config.patienceMs / VERIFY_INTERVAL_MS);
  if (verification.sent === probes) {
    conclude(step, fellow);
    return;
  }
  verification.sent++;
  verification.nextMs = step.nowMs + VERIFY_INTERVAL_MS;
  sendProbe(step, fellow);
  const { sent } = verification;
  if (sent === SUSPECT_PROBE) sendSuspect(step, fellow);
  if (sent === SUSPECT_PROBE) askForVip(step, fellow, 0);
  else if (sent === probes) askForVip(step, fellow, 1);
  if (!isAnotherHeard(step, fellow)) askWitness(step);
}

function conclude(step: Step, fellow: Fellow): void {
  const { nowMs } = step;
  const startedMs = fellow.verification?.startedMs ?? nowMs;
  if (fellow.arpAnsweredMs >= startedMs) {
    fellow.vetoSinceMs ??= nowMs;
    if (!isVetoOver(step, fellow)) {
      fellow.recheckMs = nowMs + ARP_ONLY_RECHECK_MS;
      setPresence(step, fellow, "arp-only");
      return;
    }
  }
  if (nowMs - fellow.vouchedMs <= VOUCH_HOLD_MS) {
    fellow.recheckMs = nowMs + VOUCHED_RECHECK_MS;
    setPresence(step, fellow, "vouched");
    return;
  }
  fellow.silentSinceMs = nowMs;
  fellow.recheckMs = nowMs + SILENT_RECHECK_MS;
  setPresence(step, fellow, "silent");
}

/** An ARP answer without any REPLY is a proxy, or our EtherType is filtered. */
function isVetoOver(step: Step, fellow: Fellow): boolean {
  const sinceMs = fellow.vetoSinceMs ?? step.nowMs;
  return step.nowMs - sinceMs >= ARP_VETO_MAX_MS ||
    (fellow.inView && !fellow.live);
}

function recheckSilent(step: Step, fellow: Fellow): void {
  const { nowMs } = step;
  const often = nowMs - fellow.silentSinceMs < SILENT_RECHECK_OFTEN_MS;
  fellow.recheckMs = nowMs +
    (often ? SILENT_RECHECK_MS : SILENT_RECHECK_LATE_MS);
  sendProbe(step, fellow);
  sendSuspect(step, fellow);
}

function askForVip(step: Step, fellow: Fellow, index: number): void {
  const asked = index % Math.max(1, fellow.list.size);
  let at = 0;
  for (const vip of fellow.list.keys()) {
    if (at++ !== asked) continue;
    if (fellow.mac !== undefined) ask(step, vip, fellow.mac);
    return;
  }
}

function isAnotherHeard(step: Step, fellow: Fellow): boolean {
  for (const other of step.state.fellows.values()) {
    if (other === fellow || other.presence !== "up") continue;
    const sinceMs = step.nowMs - other.heardMs;
    if (sinceMs <= other.said.beaconIntervalMs + GRACE_MS) return true;
  }
  return false;
}

// SUSPECT goes out late, so that a lost beacon costs two unicast frames and no
// multicast.
const SUSPECT_PROBE = 3;
