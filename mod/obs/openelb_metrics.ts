/**
 * The metrics that OpenELB names, with what they say there, and true values.
 *
 * @module
 */

// deno-lint-ignore-file camelcase -- OpenELB names them
import type { MetricDeclaration } from "./metrics.ts";

/** The name of one of them. */
export type OpenelbMetricName =
  | "addresses_total"
  | "addresses_in_use_total"
  | "services_allocated_total"
  | "requests_received"
  | "responses_sent"
  | "gratuitous_sent"
  | "session_up"
  | "updates_total"
  | "announced_prefixes_total"
  | "pending_prefixes_total";

/** The metrics by name. */
export const OPENELB_METRICS: Readonly<
  Record<OpenelbMetricName, MetricDeclaration>
> = {
  addresses_total: {
    kind: "gauge",
    help: "Addresses of an Eip that can be handed out, used or not",
    labels: ["eipName"],
  },
  addresses_in_use_total: {
    kind: "gauge",
    help: "Addresses of an Eip in use",
    labels: ["eipName"],
  },
  services_allocated_total: {
    kind: "gauge",
    help: "Services that have an address of an Eip",
    labels: ["eipName"],
  },
  requests_received: {
    kind: "counter",
    help: "ARP requests and Neighbor Solicitations for an address",
    labels: ["ip"],
  },
  responses_sent: {
    kind: "counter",
    help: "ARP replies and Neighbor Advertisements sent as answers",
    labels: ["ip"],
  },
  gratuitous_sent: {
    kind: "counter",
    help: "Gratuitous ARP and unsolicited Neighbor Advertisements sent",
    labels: ["ip"],
  },
  session_up: {
    kind: "gauge",
    help:
      "State of a BGP session: 0 Idle, 1 Connect, 2 Active, 3 OpenSent, 4 OpenConfirm, 5 Established",
    labels: ["peerIP", "nodeName"],
  },
  updates_total: {
    kind: "counter",
    help: "UPDATE messages received from a BGP peer",
    labels: ["peerIP", "nodeName"],
  },
  announced_prefixes_total: {
    kind: "gauge",
    help: "Prefixes that a BGP peer has been told of",
    labels: ["peerIP", "nodeName"],
  },
  pending_prefixes_total: {
    kind: "gauge",
    help: "Changed prefixes that a BGP peer is still to be told of",
    labels: ["peerIP", "nodeName"],
  },
};
