/**
 * Numbers of BGP that IANA and RFCs assign.
 *
 * What is listed and not done is marked so.
 *
 * @module
 */

/** Message types: https://www.iana.org/assignments/bgp-parameters (BGP Message Types). */
export const BGP_MESSAGE_TYPE = {
  /** OPEN, RFC 4271 §4.2. */
  open: 1,
  /** UPDATE, RFC 4271 §4.3. */
  update: 2,
  /** NOTIFICATION, RFC 4271 §4.5. */
  notification: 3,
  /** KEEPALIVE, RFC 4271 §4.4. */
  keepalive: 4,
  /** ROUTE-REFRESH, RFC 2918 §3. */
  routeRefresh: 5,
} as const;

/** Address families: https://www.iana.org/assignments/address-family-numbers. */
export const AFI = {
  /** IP version 4. */
  ipv4: 1,
  /** IP version 6. */
  ipv6: 2,
} as const;

/** Subsequent address families: https://www.iana.org/assignments/safi-namespace. */
export const SAFI = {
  /** Unicast forwarding, RFC 4760 §6. */
  unicast: 1,
} as const;

/** Optional parameters of OPEN: https://www.iana.org/assignments/bgp-parameters (BGP OPEN Optional Parameter Types). */
export const OPEN_PARAMETER = {
  /** Capabilities, RFC 5492 §4. */
  capabilities: 2,
  /** Extended length, RFC 9072 §2. */
  extendedLength: 255,
} as const;

/** Capabilities: https://www.iana.org/assignments/capability-codes. */
export const BGP_CAPABILITY = {
  /** Multiprotocol extensions, RFC 4760 §8. */
  multiprotocol: 1,
  /** Route refresh, RFC 2918 §2. */
  routeRefresh: 2,
  /** Extended next hop encoding, RFC 8950 §3. */
  extendedNextHop: 5,
  /** Extended message, RFC 8654 §3. */
  extendedMessage: 6,
  /** Role, RFC 9234 §4.1. */
  role: 9,
  /** Graceful restart, RFC 4724 §3. */
  gracefulRestart: 64,
  /** Four-octet AS numbers, RFC 6793 §3. */
  fourOctetAs: 65,
  /** ADD-PATH, RFC 7911 §4. */
  addPath: 69,
  /** Enhanced route refresh, RFC 7313 §3.1. */
  enhancedRouteRefresh: 70,
  /** Long-lived graceful restart, RFC 9494 §3.1. */
  longLivedGracefulRestart: 71,
  /** Host and domain name, draft-walton-bgp-hostname-capability. */
  fqdn: 73,
  /** Route refresh of before RFC 2918; deprecated, RFC 8810. */
  routeRefreshCisco: 128,
} as const;

/** Path attributes: https://www.iana.org/assignments/bgp-parameters (BGP Path Attributes). */
export const PATH_ATTRIBUTE = {
  /** ORIGIN, RFC 4271 §5.1.1. */
  origin: 1,
  /** AS_PATH, RFC 4271 §5.1.2. */
  asPath: 2,
  /** NEXT_HOP, RFC 4271 §5.1.3. */
  nextHop: 3,
  /** MULTI_EXIT_DISC, RFC 4271 §5.1.4. */
  multiExitDisc: 4,
  /** LOCAL_PREF, RFC 4271 §5.1.5. */
  localPref: 5,
  /** ATOMIC_AGGREGATE, RFC 4271 §5.1.6. */
  atomicAggregate: 6,
  /** AGGREGATOR, RFC 4271 §5.1.7. */
  aggregator: 7,
  /** COMMUNITIES, RFC 1997. */
  communities: 8,
  /** ORIGINATOR_ID, RFC 4456 §8. */
  originatorId: 9,
  /** CLUSTER_LIST, RFC 4456 §8. */
  clusterList: 10,
  /** MP_REACH_NLRI, RFC 4760 §3. */
  mpReach: 14,
  /** MP_UNREACH_NLRI, RFC 4760 §4. */
  mpUnreach: 15,
  /** EXTENDED COMMUNITIES, RFC 4360 §2. */
  extendedCommunities: 16,
  /** AS4_PATH, RFC 6793 §3. */
  as4Path: 17,
  /** AS4_AGGREGATOR, RFC 6793 §3. */
  as4Aggregator: 18,
  /** LARGE_COMMUNITY, RFC 8092 §3. */
  largeCommunities: 32,
  /** Only to Customer (OTC), RFC 9234 §5. */
  onlyToCustomer: 35,
} as const;

/** Flags of a path attribute, RFC 4271 §4.3; the low four bits are unused. */
export const ATTRIBUTE_FLAG = {
  /** Optional, not well-known. */
  optional: 0x80,
  /** Transitive. */
  transitive: 0x40,
  /** Partial: somebody on the way did not know it. */
  partial: 0x20,
  /** The length has two octets. */
  extendedLength: 0x10,
} as const;

/** Types of a segment of AS_PATH. */
export const AS_SEGMENT = {
  /** AS_SET, RFC 4271 §4.3. */
  set: 1,
  /** AS_SEQUENCE, RFC 4271 §4.3. */
  sequence: 2,
  /** AS_CONFED_SEQUENCE, RFC 5065 §3. */
  confedSequence: 3,
  /** AS_CONFED_SET, RFC 5065 §3. */
  confedSet: 4,
} as const;

/** The AS number that stands for one that does not fit two octets, RFC 6793 §3. */
export const AS_TRANS = 23_456;

/** Error codes of NOTIFICATION: https://www.iana.org/assignments/bgp-parameters (BGP Error Codes). */
export const BGP_ERROR = {
  /** Message Header Error, RFC 4271 §6.1. */
  messageHeader: 1,
  /** OPEN Message Error, RFC 4271 §6.2. */
  openMessage: 2,
  /** UPDATE Message Error, RFC 4271 §6.3. */
  updateMessage: 3,
  /** Hold Timer Expired, RFC 4271 §6.5. */
  holdTimerExpired: 4,
  /** Finite State Machine Error, RFC 4271 §6.6. */
  fsm: 5,
  /** Cease, RFC 4271 §6.7. */
  cease: 6,
  /** ROUTE-REFRESH Message Error, RFC 7313 §5. */
  routeRefreshMessage: 7,
  /** Send Hold Timer Expired, RFC 9687 §4; never sent, as nothing gets through. */
  sendHoldTimerExpired: 8,
} as const;

/** Subcodes of Message Header Error, RFC 4271 §6.1. */
export const HEADER_ERROR = {
  /** Connection Not Synchronized. */
  notSynchronized: 1,
  /** Bad Message Length; its data are the length. */
  badLength: 2,
  /** Bad Message Type; its data are the type. */
  badType: 3,
} as const;

/** Subcodes of OPEN Message Error. */
export const OPEN_ERROR = {
  /** Not told more exactly, RFC 4271 §6.2. */
  unspecific: 0,
  /** Unsupported Version Number, RFC 4271 §6.2; its data are ours. */
  unsupportedVersion: 1,
  /** Bad Peer AS, RFC 4271 §6.2. */
  badPeerAs: 2,
  /** Bad BGP Identifier, RFC 6286 §2.2. */
  badBgpIdentifier: 3,
  /** Unsupported Optional Parameter, RFC 4271 §6.2. */
  unsupportedOptionalParameter: 4,
  /** Unacceptable Hold Time, RFC 4271 §6.2. */
  unacceptableHoldTime: 6,
  /** Unsupported Capability, RFC 5492 §5; its data are the capabilities that lack. */
  unsupportedCapability: 7,
  /** Role Mismatch, RFC 9234 §4.2. */
  roleMismatch: 11,
} as const;

/** Subcodes of UPDATE Message Error, RFC 4271 §6.3. */
export const UPDATE_ERROR = {
  /** Malformed Attribute List. */
  malformedAttributeList: 1,
  /** Unrecognized Well-known Attribute; its data are the attribute. */
  unrecognizedWellKnown: 2,
  /** Missing Well-known Attribute; since RFC 7606 treat-as-withdraw. */
  missingWellKnown: 3,
  /** Attribute Flags Error; since RFC 7606 treat-as-withdraw. */
  attributeFlags: 4,
  /** Attribute Length Error; since RFC 7606 treat-as-withdraw. */
  attributeLength: 5,
  /** Invalid ORIGIN Attribute; since RFC 7606 treat-as-withdraw. */
  invalidOrigin: 6,
  /** Invalid NEXT_HOP Attribute; since RFC 7606 treat-as-withdraw. */
  invalidNextHop: 8,
  /** Optional Attribute Error. */
  optionalAttribute: 9,
  /** Invalid Network Field. */
  invalidNetworkField: 10,
  /** Malformed AS_PATH; since RFC 7606 treat-as-withdraw. */
  malformedAsPath: 11,
} as const;

/** Subcodes of Finite State Machine Error, RFC 6608 §3. */
export const FSM_ERROR = {
  /** Not told more exactly. */
  unspecific: 0,
  /** Unexpected message in OpenSent. */
  inOpenSent: 1,
  /** Unexpected message in OpenConfirm. */
  inOpenConfirm: 2,
  /** Unexpected message in Established. */
  inEstablished: 3,
} as const;

/** Subcodes of Cease, RFC 4486 §3. */
export const CEASE = {
  /** Maximum Number of Prefixes Reached; its data may be the family and the limit. */
  maximumPrefixes: 1,
  /** Administrative Shutdown; its data may be a text (RFC 9003). */
  administrativeShutdown: 2,
  /** Peer De-configured. */
  peerDeconfigured: 3,
  /** Administrative Reset; its data may be a text (RFC 9003). */
  administrativeReset: 4,
  /** Connection Rejected. */
  connectionRejected: 5,
  /** Other Configuration Change. */
  otherConfigurationChange: 6,
  /** Connection Collision Resolution. */
  connectionCollision: 7,
  /** Out of Resources. */
  outOfResources: 8,
  /** Hard Reset, RFC 8538 §3; its data are the NOTIFICATION that is meant. */
  hardReset: 9,
  /** BFD Down, RFC 9384 §3. */
  bfdDown: 10,
} as const;

/** Subcodes of ROUTE-REFRESH Message Error, RFC 7313 §5. */
export const ROUTE_REFRESH_ERROR = {
  /** Invalid Message Length; its data are the whole message. */
  invalidLength: 1,
} as const;

/** Message subtypes of ROUTE-REFRESH, RFC 7313 §3.2. */
export const ROUTE_REFRESH_SUBTYPE = {
  /** A request, RFC 2918 §3. */
  request: 0,
  /** Beginning of Route Refresh (BoRR). */
  begin: 1,
  /** End of Route Refresh (EoRR). */
  end: 2,
} as const;

/** Size of the header of every message, in bytes (RFC 4271 §4.1). */
export const BGP_HEADER_BYTES = 19;

/** Longest message without capability 6, in bytes (RFC 4271 §4.1). */
export const BGP_MESSAGE_BYTES_MAX = 4_096;

/** Longest message with capability 6, in bytes (RFC 8654 §4). */
export const BGP_EXTENDED_MESSAGE_BYTES_MAX = 65_535;
