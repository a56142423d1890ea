/**
 * Status conditions: their types, their reasons, and how one is set without
 * writing what already reads so.
 *
 * @module
 */

/** A condition, as `metav1.Condition`. */
export interface Condition {
  /** What it is about, CamelCase; at most one of a type in a list. */
  readonly type: string;
  /** Whether it holds. */
  readonly status: "True" | "False" | "Unknown";
  /** Why, CamelCase. */
  readonly reason: string;
  /** One sentence a person can act on; may be empty. */
  readonly message: string;
  /** When {@linkcode Condition.status} last changed, RFC 3339. */
  readonly lastTransitionTime: string;
  /** The generation of the object that was judged. */
  readonly observedGeneration?: number;
}

/** A condition before it is dated. */
export type ConditionClaim = Omit<Condition, "lastTransitionTime">;

/** The condition types we set. */
export const CONDITION = {
  /** Eip, BgpConf, BgpPeer: the object is understood and in use. */
  ready: "Ready",
  /** Eip, Service, BgpConf, BgpPeer: it works, but not as it should. */
  degraded: "Degraded",
  /** Service: it has the addresses it asks for. */
  addressAssigned: "AddressAssigned",
  /** Service: a node answers for its addresses; written when that changes, see `docs/adr/0010`. */
  announced: "Announced",
  /** BgpPeer: every node that speaks to it has a session. */
  established: "Established",
  /** Eip: `status.used` lists everything; False when it was cut to its bound. */
  usedComplete: "UsedComplete",
} as const;

/** The condition reasons we set, besides those that an allocation is refused by (`ipam`). */
export const CONDITION_REASON = {
  /** All is well with an Eip, BgpConf or BgpPeer. */
  ready: "Ready",
  /** All is well, said of a type other than Ready. */
  asExpected: "AsExpected",
  /** The address of an Eip, or the one a Service asks for, cannot be parsed. */
  addressInvalid: "AddressInvalid",
  /** A selector of an Eip cannot be read; the pools (`ipam`) say so too. */
  selectorInvalid: "SelectorInvalid",
  /** The Eip's name does not fit into a label. */
  nameTooLong: "NameTooLong",
  /** A Service asks for more addresses than it has families. */
  tooManyAddresses: "TooManyAddresses",
  /** The Eip overlaps another one. */
  addressOverlap: "AddressOverlap",
  /** Addresses in use are not in the range of the Eip they are from. */
  usedAddressOutside: "UsedAddressOutside",
  /** More than one Eip is marked as the default. */
  severalDefaults: "SeveralDefaults",
  /** The Eip is switched off: no new addresses. */
  disabled: "Disabled",
  /** The Eip is being deleted and Services still use it. */
  inUse: "InUse",
  /** The Eip is being deleted. */
  deleting: "Deleting",
  /** The Eip a Service names does not exist. */
  eipNotFound: "EipNotFound",
  /** No Eip is bound to the namespace, and none is the default. */
  noEip: "NoEip",
  /** Sharing exists already although it would be refused. */
  sharingConflict: "SharingConflict",
  /** Two Services hold one address although neither agreed to share; the older keeps it. */
  doubleUse: "DoubleUse",
  /** An address was assigned. */
  assigned: "Assigned",
  /** Another controller writes the same status. */
  statusFight: "StatusFight",
  /** Every node that speaks to a BgpPeer has a session. */
  sessionsUp: "SessionsUp",
  /** Some node that speaks to a BgpPeer has no session. */
  sessionsDown: "SessionsDown",
  /** A field of a BgpConf or BgpPeer has a value it cannot have. */
  fieldInvalid: "FieldInvalid",
  /** A BgpPeer lacks what says who the peer is. */
  confMissing: "ConfMissing",
  /** Two BgpPeers are one and the same peer of a node. */
  duplicatePeer: "DuplicatePeer",
  /** A BgpConf that is not named default does not count. */
  notDefault: "NotDefault",
  /** The policy that the BgpConf names cannot be had. */
  policyMissing: "PolicyMissing",
  /** The policy that the BgpConf names is wrong. */
  policyInvalid: "PolicyInvalid",
  /** The password that a BgpPeer names cannot be had, or be none. */
  passwordMissing: "PasswordMissing",
  /** The object cannot be read. */
  unreadable: "Unreadable",
  /** The protocol of an Eip is not announced by this version. */
  protocolNotServed: "ProtocolNotServed",
  /** The interface of a node is down or has no carrier. */
  interfaceDown: "InterfaceDown",
  /** The kernel of a node would answer ARP for the address itself. */
  strictArpOff: "StrictArpOff",
  /** kube-proxy of a node is not healthy: it may not forward. */
  kubeProxyUnhealthy: "KubeProxyUnhealthy",
  /** The agent of a node was refused the packet socket of an interface, so it cannot answer there. */
  socketRefused: "SocketRefused",
  /** An agent whose Lease lives is not heard on a link that both answer on. */
  wireUnheard: "WireUnheard",
  /** A foreign host claims the address. */
  addressConflict: "AddressConflict",
  /** An address does not answer on the wire, or not from its owner. */
  addressUnanswered: "AddressUnanswered",
  /** A node answers. */
  announced: "Announced",
  /** No endpoint of a Service takes traffic. */
  noReadyEndpoint: "NoReadyEndpoint",
  /** Under `externalTrafficPolicy: Local`, a node has no endpoint that takes traffic. */
  noLocalEndpoint: "NoLocalEndpoint",
  /** There is no Node of this name. */
  nodeMissing: "NodeMissing",
  /** A Node is labelled not to be used by load balancers. */
  nodeExcluded: "NodeExcluded",
  /** `spec.nodeSelector` of the Eip leaves a Node out. */
  nodeNotSelected: "NodeNotSelected",
  /** The Eip is left to the CNI. */
  leftToCni: "LeftToCni",
  /** A Node has a taint that says that it goes. */
  nodeGoing: "NodeGoing",
  /** A Node is not Ready. */
  nodeNotReady: "NodeNotReady",
  /** The network of a Node is not set up. */
  networkUnavailable: "NetworkUnavailable",
  /** No agent has ever said that it runs on a node. */
  noAgent: "NoAgent",
  /** The Lease of a node's agent was not renewed. */
  agentSilent: "AgentSilent",
  /** The agent of a node is about to stop. */
  agentLeaving: "AgentLeaving",
  /** No node may answer, each for a reason of its own. */
  noCandidate: "NoCandidate",
  /** A node is labelled not to be used by NodeProxy. */
  nodeProxyExcluded: "NodeProxyExcluded",
  /** The annotation that asks for NodeProxy has a value that means nothing. */
  nodeProxyTypeUnknown: "NodeProxyTypeUnknown",
  /** kube-proxy of a node is in IPVS mode, in which NodeProxy cannot work. */
  ipvsUnsupported: "IpvsUnsupported",
  /** A node listens itself on a port of a Service that wants NodeProxy. */
  portInUse: "PortInUse",
  /** Another Service has the port on a node by NodeProxy. */
  portTaken: "PortTaken",
  /** An agent has not told yet whether its node listens on the ports. */
  portsUnknown: "PortsUnknown",
  /** More ports are wanted by NodeProxy than agents look for. */
  tooManyPorts: "TooManyPorts",
  /** More nodes are fit for NodeProxy than a Service shows. */
  tooManyNodes: "TooManyNodes",
  /** A Node has no address of a family that a Service has. */
  noNodeAddress: "NoNodeAddress",
  /** `status.used` was cut to its bound; counts are exact. */
  usedTruncated: "UsedTruncated",
  /** `status.used` lists everything. */
  usedComplete: "UsedComplete",
} as const;

/**
 * Sets one condition in a list.
 *
 * `lastTransitionTime` moves only when the status does. When nothing but the
 * time would change, the very same list is returned, so that `===` tells
 * whether there is something to write.
 *
 * @example Usage
 * ```ts
 * import { setCondition } from "@/api/conditions.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const claim = { type: "Ready", status: "True", reason: "Ready", message: "" } as const;
 * const first = setCondition([], claim, "2026-01-01T00:00:00Z");
 * strictEqual(setCondition(first, claim, "2026-01-01T00:00:09Z"), first);
 * ```
 *
 * @param list The conditions that stand.
 * @param claim The condition to set.
 * @param nowIso The wall-clock time, RFC 3339; fractions of a second are cut.
 * @returns The list with the condition in it, the order of types kept.
 */
export function setCondition(
  list: readonly Condition[],
  claim: ConditionClaim,
  nowIso: string,
): readonly Condition[] {
  const at = list.findIndex(({ type }) => type === claim.type);
  const old = list[at];
  if (old !== undefined && sameClaim(old, claim)) return list;
  const dated: Condition = {
    type: claim.type,
    status: claim.status,
    reason: claim.reason,
    message: claim.message,
    lastTransitionTime: old !== undefined && old.status === claim.status
      ? old.lastTransitionTime
      : wholeSeconds(nowIso),
    ...(claim.observedGeneration === undefined
      ? {}
      : { observedGeneration: claim.observedGeneration }),
  };
  return old === undefined ? [...list, dated] : list.with(at, dated);
}

/**
 * A list without the conditions of one type.
 *
 * @param list The conditions that stand.
 * @param type The type to drop.
 * @returns The very same list when it holds none.
 */
export function withoutCondition(
  list: readonly Condition[],
  type: string,
): readonly Condition[] {
  return list.some((condition) => condition.type === type)
    ? list.filter((condition) => condition.type !== type)
    : list;
}

/**
 * Whether two lists say the same: order and `lastTransitionTime` do not count.
 *
 * @param a One list.
 * @param b The other.
 * @returns Whether nothing needs writing.
 */
export function sameConditions(
  a: readonly Condition[],
  b: readonly Condition[],
): boolean {
  return a.length === b.length && a.every((condition) => {
    const other = b.find(({ type }) => type === condition.type);
    return other !== undefined && sameClaim(condition, other);
  });
}

function sameClaim(a: ConditionClaim, b: ConditionClaim): boolean {
  return a.type === b.type && a.status === b.status && a.reason === b.reason &&
    a.message === b.message && a.observedGeneration === b.observedGeneration;
}

/** metav1.Time has whole seconds; a fraction would read as a change after a round trip through the server. */
function wholeSeconds(iso: string): string {
  return iso.replace(/\.\d+/, "");
}
