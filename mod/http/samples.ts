/**
 * The state of a node as metric samples, and which part of it is not ready.
 *
 * @module
 */

import type { MetricSample } from "@/obs/metrics.ts";
import {
  type EchoCounters,
  type Instant,
  type MainView,
  missingRightSentence,
} from "@/node/mod.ts";
import type { NotReady } from "./server.ts";

/** The parts of a node that are not ready yet; empty when it is. */
export function missingParts(view: MainView, at: Instant): readonly NotReady[] {
  const missing: NotReady[] = [];
  if (!view.owners.wireReady) {
    missing.push({
      part: "wire",
      message: "The isolate that answers ARP and NDP has not started",
    });
  }
  if (!view.local.isKnown) {
    missing.push({
      part: "links",
      message: "The interfaces of this node are not known yet",
    });
  }
  for (const watched of view.watches.missing()) {
    missing.push({
      part: `watch ${watched}`,
      message: `Not listed yet: ${
        view.watches.states.get(watched)?.problem ??
          "the API server has not answered"
      }`,
    });
  }
  for (const right of view.rights.missing(at)) {
    missing.push({ part: "permission", message: missingRightSentence(right) });
  }
  const { duplicate } = view.membership;
  if (duplicate !== undefined) {
    missing.push({
      part: "node name",
      message:
        `Another agent runs as ${view.node} (${duplicate}): give each agent the name of its own Node`,
    });
  } else if (view.role !== "controller" && !view.membership.hasLease(at)) {
    missing.push({
      part: "lease",
      message: "The Lease of this node is not written yet",
    });
  }
  for (const [link, message] of view.owners.failures) {
    missing.push({ part: `link ${link}`, message });
  }
  return missing;
}

/** The parts of a node that have broken and will not mend themselves; empty when it is healthy. */
export function brokenParts(view: MainView, at: Instant): readonly NotReady[] {
  const silentMs = view.owners.silentMs(at);
  return silentMs <= WIRE_SILENCE_MAX_MS ? [] : [{
    part: "wire",
    message: `The isolate that answers ARP and NDP has said nothing for ${
      Math.round(silentMs / 1000)
    } s`,
  }];
}

/** The gauges and counters of this moment. */
export function samplesOf(
  view: MainView,
  at: Instant,
): readonly MetricSample[] {
  const samples: MetricSample[] = [];
  const add = (
    name: MetricSample["name"],
    value: number,
    labels: Readonly<Record<string, string>> = {},
  ): void => {
    samples.push({ name, value, labels });
  };
  add("foghorn_leader", view.isLeader ? 1 : 0);
  add("foghorn_agents_live", view.membership.liveNodes());
  const renewedMs = view.membership.renewedMs;
  if (renewedMs !== undefined) {
    add("foghorn_lease_age_seconds", (at.nowMs - renewedMs) / 1000);
  }
  for (const [watched, { alive }] of view.watches.states) {
    add("foghorn_watch_up", alive ? 1 : 0, { kind: watched });
  }
  for (const [link, value] of view.local.arpIgnore) {
    add("foghorn_strict_arp_off", value === 0 ? 1 : 0, { link });
  }
  for (const state of PROXY_STATES) {
    add("foghorn_kube_proxy", view.proxy === state ? 1 : 0, { state });
  }
  const certificate = view.admission?.secret?.certificate;
  if (certificate !== undefined) {
    add(
      "foghorn_admission_certificate_expiry_timestamp_seconds",
      certificate.notAfterMs / 1000,
    );
  }
  addPools(view, add);
  addWire(view, add);
  addBgp(view, add);
  return samples;
}

type Add = (
  name: MetricSample["name"],
  value: number,
  labels?: Readonly<Record<string, string>>,
) => void;

function addPools(view: MainView, add: Add): void {
  const { controller } = view;
  if (controller === undefined) return;
  add("foghorn_services_waiting", controller.waiting);
  for (const { eip, size, used } of view.pools()) {
    add("foghorn_pool_addresses", size, { eip });
    add("foghorn_pool_addresses_used", used, { eip });
  }
}

function addWire(view: MainView, add: Add): void {
  const { owners } = view;
  const owned = new Map<string, number>();
  for (const link of owners.links.keys()) owned.set(link, 0);
  for (const { link } of owners.owned) {
    owned.set(link, (owned.get(link) ?? 0) + 1);
  }
  for (const [link, count] of owned) {
    add("foghorn_owned_addresses", count, { link });
  }
  for (const link of owners.links.keys()) {
    const unanswered = [...owners.absences].filter((one) => one.link === link);
    add("foghorn_addresses_unanswered", unanswered.length, { link });
  }
  for (const [link, filter] of owners.links) {
    add("foghorn_wire_filter_exact", filter === "exact" ? 1 : 0, { link });
  }
  add("foghorn_wire_pauses_total", owners.pauses);
  add("foghorn_wire_signed", view.isSigned ? 1 : 0);
  addFellows(view, add);
  for (const counters of owners.counters) {
    const { link } = counters;
    for (const protocol of ["arp", "ndp"] as const) {
      add("foghorn_requests_total", counters.requests[protocol], {
        link,
        protocol,
      });
      add("foghorn_answers_total", counters.answers[protocol], {
        link,
        protocol,
      });
      add("foghorn_announcements_total", counters.announcements[protocol], {
        link,
        protocol,
      });
    }
    for (const [reason, count] of Object.entries(counters.drops)) {
      add("foghorn_frames_dropped_total", count, { link, reason });
    }
    for (const [result, count] of Object.entries(counters.checks ?? {})) {
      add("foghorn_address_checks_total", count, { link, result });
    }
    for (const [result, count] of Object.entries(counters.vetted ?? {})) {
      add("foghorn_addresses_vetted_total", count, { link, result });
    }
    if (counters.echoes !== undefined) addEchoes(link, counters.echoes, add);
    add("foghorn_address_conflicts_total", counters.conflicts, { link });
    add("foghorn_frames_overrun_total", counters.overruns, { link });
  }
}

function addEchoes(link: string, echoes: EchoCounters, add: Add): void {
  for (const [protocol, count] of Object.entries(echoes.answers)) {
    add("foghorn_echo_answers_total", count, { link, protocol });
  }
  for (const [reason, count] of Object.entries(echoes.drops)) {
    add("foghorn_echo_dropped_total", count, { link, reason });
  }
}

function addBgp({ speaker }: MainView, add: Add): void {
  if (speaker.identity === undefined) return;
  add("foghorn_bgp_addresses", speaker.announced.size);
  for (const [peer, { view }] of speaker.sessions) {
    const { state, announced, withdrawn, received, notifications } = view;
    add("foghorn_bgp_session_up", state === "Established" ? 1 : 0, { peer });
    add("foghorn_bgp_prefixes_announced_total", announced, { peer });
    add("foghorn_bgp_prefixes_withdrawn_total", withdrawn, { peer });
    add("foghorn_bgp_prefixes_received_total", received, { peer });
    for (const direction of ["sent", "received"] as const) {
      const count = notifications[direction];
      add("foghorn_bgp_notifications_total", count, { peer, direction });
    }
    const { bfd } = view;
    if (bfd === undefined) continue;
    add("foghorn_bfd_session_up", bfd.state === "up" ? 1 : 0, { peer });
    add("foghorn_bfd_path_failures_total", bfd.failures, { peer });
  }
}

function addFellows({ owners }: MainView, add: Add): void {
  for (const [link, { standing, fellows }] of owners.heard) {
    add("foghorn_link_good", standing === "good" ? 1 : 0, { link });
    for (const presence of PRESENCES) {
      const count = fellows.filter((one) => one.presence === presence).length;
      add("foghorn_fellows", count, { link, presence });
    }
  }
  for (const { link, fellows } of owners.counters) {
    const { sent = {}, received = {}, refused = {} } = fellows ?? {};
    for (const [type, count] of Object.entries(sent)) {
      add("foghorn_fellow_frames_sent_total", count, { link, type });
    }
    for (const [type, count] of Object.entries(received)) {
      add("foghorn_fellow_frames_received_total", count, { link, type });
    }
    for (const [reason, count] of Object.entries(refused)) {
      add("foghorn_fellow_frames_refused_total", count, { link, reason });
    }
  }
}

/** How another agent may stand, as metrics count them. */
const PRESENCES = [
  "unknown",
  "up",
  "verifying",
  "vouched",
  "arp-only",
  "silent",
] as const;
/** The wire isolate reports every 10 s; silent for this long, it hangs. */
const WIRE_SILENCE_MAX_MS = 60_000;

const PROXY_STATES: readonly MainView["proxy"][] = [
  "absent",
  "healthy",
  "unhealthy",
];
