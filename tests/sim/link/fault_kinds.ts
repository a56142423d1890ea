/**
 * The kinds of faults of a link world.
 *
 * @module
 */

/** A kind of fault. */
export type LinkFault = typeof LINK_FAULTS[number];

/** All kinds. */
export const LINK_FAULTS = [
  /** The host is gone, and boots again. */
  "freeze",
  /** An owner and the next in line are gone together. */
  "pair-freeze",
  /** The data link loses its carrier. */
  "link-down",
  /** The data link is cut, and its carrier stays. */
  "cable-cut",
  /** SIGKILL; the agent is started again. */
  "kill",
  /** SIGSTOP, then SIGCONT. */
  "stop",
  /** The virtual machine stands still, its clocks too. */
  "vm-pause",
  /** Nothing is received. */
  "deaf",
  /** Nothing is sent. */
  "mute",
  /** One node does not hear one other. */
  "one-way",
  /** Two nodes do not hear each other. */
  "two-apart",
  /** The link is in two halves. */
  "partition",
  /** One node hears no other node, but all other hosts. */
  "alone",
  /** The API server is away. */
  "api-outage",
  /** One node does not reach it. */
  "api-lost",
  /** The next in line starts without the API server, knows no VIP, and then the owner is gone. */
  "blind-next",
  /** A node may own nothing. */
  "drain",
  /** SIGTERM, and the agent is started again. */
  "upgrade",
  /** The same with one node after the other. */
  "rolling-upgrade",
  /** A VIP may be owned by other nodes. */
  "endpoint-move",
  /** A VIP is no VIP for a while. */
  "withdraw",
  /** A host that is no agent answers for a VIP. */
  "foreign",
  /** Every frame is lost for less than a second. */
  "burst",
] as const;

/** Planned moves, and an API server that is away. */
export const CALM_FAULTS: readonly LinkFault[] = [
  "drain",
  "upgrade",
  "rolling-upgrade",
  "endpoint-move",
  "api-outage",
];

/** Those that show after the time of a Lease only. */
export const SLOW_FAULTS: ReadonlySet<LinkFault> = new Set([
  "api-outage",
  "api-lost",
]);
