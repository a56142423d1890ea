/**
 * What reports are made from, as a running agent has it.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { type ClaimConfig, Controller } from "@/reconcile/mod.ts";
import { type MainView, presenceOf } from "../main.ts";
import type { Instant } from "../main_events.ts";
import type { OwnerLedger } from "../owner_ledger.ts";
import type { AgentState, OwnNode, ReportSource } from "./report.ts";

/**
 * The tables and plans of an agent, for a report.
 *
 * The elected agent explains itself with the controller that it has. Any other
 * makes one from the same tables, lets it plan, and writes nothing of it: the
 * same tables give the same plan.
 *
 * @param view The agent.
 * @param claim How it chooses Services.
 * @param at The time.
 */
export function sourceOf(
  view: MainView,
  claim: ClaimConfig,
  at: Instant,
): ReportSource {
  const { cluster, announcements, membership } = view;
  const agents = new Map<string, AgentState>();
  for (const { node, live, leaving } of membership.nodeViews(at)) {
    agents.set(node, { live, leaving });
  }
  return {
    cluster,
    claim,
    announcements,
    controller: view.controller ?? plannedController(view, claim, at),
    agents,
    holder: membership.holder(at),
    told: new Map(),
    unreadable: view.unreadable,
    bgp: view.bgp,
    own: {
      node: view.node,
      nowMs: at.nowMs,
      owned: ownedSince(view.owners),
      owners: view.owners,
      sessions: view.speaker.sessions,
    },
    now: at.nowIso.replace(/\.\d+Z$/, "Z"),
  };
}

function plannedController(
  { cluster, node, membership }: MainView,
  claim: ClaimConfig,
  at: Instant,
): Controller {
  const controller = new Controller(cluster, { claim, node, seed: 1 });
  controller.setPresence(presenceOf(membership.nodeViews(at)));
  controller.plan(at);
  return controller;
}

/** The VIPs that are answered for, with the earliest time on any link. */
function ownedSince(owners: OwnerLedger): OwnNode["owned"] {
  const owned = new Map<IpAddr, number>();
  for (const { vip, sinceMs } of owners.owned) {
    owned.set(vip, Math.min(owned.get(vip) ?? Infinity, sinceMs));
  }
  return owned;
}
