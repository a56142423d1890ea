/**
 * Every metric: its name, what it says, and its labels. Labels are closed sets,
 * or names of things an operator made (Eips, interfaces).
 *
 * @module
 */

import type { OpenelbMetricName } from "./openelb_metrics.ts";

/** A metric as it is declared. */
export interface MetricDeclaration {
  /** Prometheus type. */
  readonly kind: "counter" | "gauge" | "histogram";
  /** What it says, one sentence. */
  readonly help: string;
  /** Its labels, in order. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

/** All metrics by name. */
export const METRICS = {
  foghorn_build_info: {
    kind: "gauge",
    help: "Always 1; the label says which version runs",
    labels: ["version"],
  },
  foghorn_leader: {
    kind: "gauge",
    help: "1 while this agent is the controller that gives out addresses",
    labels: [],
  },
  foghorn_agents_live: {
    kind: "gauge",
    help: "Agents whose Lease is live, this one included",
    labels: [],
  },
  foghorn_lease_age_seconds: {
    kind: "gauge",
    help: "Time since this agent last renewed its own Lease",
    labels: [],
  },
  foghorn_admission_reviews_total: {
    kind: "counter",
    help:
      "Questions that API servers asked the webhook of this agent, by kind of object and by answer: allowed, denied, failed",
    labels: ["kind", "verdict"],
  },
  foghorn_admission_certificate_expiry_timestamp_seconds: {
    kind: "gauge",
    help:
      "Until when the webhook's certificate is valid, in seconds since 1970; absent while there is none",
    labels: [],
  },
  foghorn_pool_addresses: {
    kind: "gauge",
    help: "Addresses of an Eip that can be handed out, used or not",
    labels: ["eip"],
  },
  foghorn_pool_addresses_used: {
    kind: "gauge",
    help: "Addresses of an Eip in use",
    labels: ["eip"],
  },
  foghorn_services_waiting: {
    kind: "gauge",
    help:
      "Services that want an address and have none, as the controller sees them",
    labels: [],
  },
  foghorn_owned_addresses: {
    kind: "gauge",
    help: "Addresses this node answers for",
    labels: ["link"],
  },
  foghorn_requests_total: {
    kind: "counter",
    help:
      "ARP requests and Neighbor Solicitations for addresses this node owns",
    labels: ["link", "protocol"],
  },
  foghorn_answers_total: {
    kind: "counter",
    help: "ARP replies and Neighbor Advertisements sent as answers",
    labels: ["link", "protocol"],
  },
  foghorn_announcements_total: {
    kind: "counter",
    help: "Gratuitous ARP and unsolicited Neighbor Advertisements sent",
    labels: ["link", "protocol"],
  },
  foghorn_frames_dropped_total: {
    kind: "counter",
    help: "Frames read and not answered, by reason",
    labels: ["link", "reason"],
  },
  foghorn_frames_overrun_total: {
    kind: "counter",
    help: "Frames the kernel dropped because they were read too slowly",
    labels: ["link"],
  },
  foghorn_address_conflicts_total: {
    kind: "counter",
    help: "Frames of other hosts that claim an address this node owns",
    labels: ["link"],
  },
  foghorn_address_checks_total: {
    kind: "counter",
    help:
      "Questions on the wire for addresses that other nodes own, by what came of them: right, nobody, other-agent, stranger",
    labels: ["link", "result"],
  },
  foghorn_addresses_unanswered: {
    kind: "gauge",
    help:
      "Addresses of other nodes that do not answer on the wire, or not from their owner, as this node sees it",
    labels: ["link"],
  },
  foghorn_addresses_vetted_total: {
    kind: "counter",
    help:
      "Addresses probed for before they are handed out, by what came of it: free, held by a foreign host",
    labels: ["link", "result"],
  },
  foghorn_echo_answers_total: {
    kind: "counter",
    help: "Answers to ping sent for addresses this node owns",
    labels: ["link", "protocol"],
  },
  foghorn_echo_dropped_total: {
    kind: "counter",
    help: "Echo requests read and not answered, by reason",
    labels: ["link", "reason"],
  },
  foghorn_wire_filter_exact: {
    kind: "gauge",
    help:
      "1 while the kernel filters by address, 0 when there are too many and this process does",
    labels: ["link"],
  },
  foghorn_wire_pauses_total: {
    kind: "counter",
    help:
      "Times this process was stopped long enough to discard what was queued",
    labels: [],
  },
  foghorn_link_good: {
    kind: "gauge",
    help:
      "1 while this node is in good standing on a link, 0 while it claims no address there",
    labels: ["link"],
  },
  foghorn_fellows: {
    kind: "gauge",
    help: "Other agents on a link, by how they are heard",
    labels: ["link", "presence"],
  },
  foghorn_fellow_frames_sent_total: {
    kind: "counter",
    help: "Frames sent to other agents, by type",
    labels: ["link", "type"],
  },
  foghorn_fellow_frames_received_total: {
    kind: "counter",
    help: "Frames of other agents that were taken, by type",
    labels: ["link", "type"],
  },
  foghorn_fellow_frames_refused_total: {
    kind: "counter",
    help:
      "Frames of other agents that were refused, by reason: another cluster, a wrong HMAC, no sense",
    labels: ["link", "reason"],
  },
  foghorn_wire_signed: {
    kind: "gauge",
    help:
      "1 while frames between agents carry an HMAC and others are refused, 0 without the Secret foghorn-wire-key",
    labels: [],
  },
  foghorn_bgp_session_up: {
    kind: "gauge",
    help: "1 while the BGP session to a BgpPeer is Established",
    labels: ["peer"],
  },
  foghorn_bgp_addresses: {
    kind: "gauge",
    help: "Addresses this node announces to routers",
    labels: [],
  },
  foghorn_bgp_prefixes_announced_total: {
    kind: "counter",
    help:
      "Prefixes told to a BgpPeer since its session came up, repetitions included",
    labels: ["peer"],
  },
  foghorn_bgp_prefixes_withdrawn_total: {
    kind: "counter",
    help: "Prefixes withdrawn from a BgpPeer since its session came up",
    labels: ["peer"],
  },
  foghorn_bgp_prefixes_received_total: {
    kind: "counter",
    help:
      "Prefixes that a BgpPeer told since its session came up, all of them discarded",
    labels: ["peer"],
  },
  foghorn_bgp_notifications_total: {
    kind: "counter",
    help: "NOTIFICATIONs of the sessions to a BgpPeer, sent and received",
    labels: ["peer", "direction"],
  },
  foghorn_bfd_session_up: {
    kind: "gauge",
    help: "1 while BFD with a BgpPeer that has spec.bfd is up",
    labels: ["peer"],
  },
  foghorn_bfd_path_failures_total: {
    kind: "counter",
    help: "How often BFD found that the path to a BgpPeer had failed",
    labels: ["peer"],
  },
  foghorn_kube_proxy: {
    kind: "gauge",
    help:
      "1 for how kube-proxy of this node is judged by its health port: absent (it never answered), healthy or unhealthy; 0 for the others",
    labels: ["state"],
  },
  foghorn_strict_arp_off: {
    kind: "gauge",
    help:
      "1 when the kernel of this node would answer ARP for an address on any interface (arp_ignore is 0)",
    labels: ["link"],
  },
  foghorn_api_requests_total: {
    kind: "counter",
    help:
      "Requests to the Kubernetes API, watches included, by HTTP method and status",
    labels: ["method", "code"],
  },
  foghorn_api_errors_total: {
    kind: "counter",
    help: "Requests to the Kubernetes API that failed, by reason",
    labels: ["reason"],
  },
  foghorn_watch_up: {
    kind: "gauge",
    help: "1 while a watch is alive",
    labels: ["kind"],
  },
  foghorn_reconcile_seconds: {
    kind: "histogram",
    help: "Time to take events and plan",
    labels: [],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  },
} as const;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;

/** One value of a metric. */
export interface MetricSample {
  /** Which metric. */
  readonly name: MetricName | OpenelbMetricName;
  /** Its labels, as declared. */
  readonly labels: Readonly<Record<string, string>>;
  /** The value; of a counter: since start. */
  readonly value: number;
}
