/**
 * What BGP's RFCs demand of a speaker that announces and learns nothing, one
 * line for each thing that a test can show, in our own words.
 *
 * A statement whose number is the same but for the letter belongs to the same
 * demand. `statements_test.ts` holds the tests to this list.
 *
 * @module
 */

/** A demand. */
export interface Statement {
  /** Tests of it begin with this. */
  readonly id: string;
  readonly rfc: number;
  /** Its section; tests of it end with RFC and section. */
  readonly section: string;
  readonly what: string;
}

/** A demand that tests elsewhere show, since they need a kernel. */
export interface ShownElsewhere extends Statement {
  /** The file of the test. */
  readonly file: string;
  /** What the test is called there. */
  readonly test: string;
}

/** Demands and where they come from, by RFC. */
const BY_RFC: Readonly<
  Record<number, readonly (readonly [string, string, string])[]>
> = {
  1997: [
    ["1997-1a", "4", "COMMUNITIES: four octets each, sorted, none twice"],
    ["1997-1b", "4", "No attribute without a community"],
    ["1997-1c", "5", "The well-known communities by name"],
    ["1997-1d", "5", "No-export is respected: nothing is passed on"],
  ],
  2385: [
    [
      "2385-1a",
      "2",
      "The key is set before listening sockets take a SYN, and before the dial",
    ],
    ["2385-1b", "4.5", "Another key needs another connection"],
    ["2385-1c", "4.5", "No key, no option"],
  ],
  2918: [
    ["2918-1a", "2", "Capability 2, and 128 of before"],
    ["2918-1b", "4", "A request is answered by the whole table of its family"],
    ["2918-1c", "4", "What was not agreed on is ignored"],
    ["2918-1d", "4", "Not more often than needed"],
    ["2918-1e", "4", "Asked of peers that can only"],
  ],
  4271: [
    ["4271-1a", "4.1", "Marker, length and type of what is sent"],
    ["4271-3", "4.1", "A stream may be cut anywhere"],
    ["4271-5a", "4.2", "The Hold Time is the smaller of both"],
    ["4271-5b", "4.2", "A Hold Time of 0 means no timers"],
    ["4271-7a", "4.3", "Attributes ascend, flags are right, unused bits are 0"],
    ["4271-7b", "4.3", "The extended length only for more than 255 octets"],
    ["4271-7c", "4.3", "Prefixes of equal attributes share messages"],
    ["4271-10", "4.3", "Withdrawn and announced in one message: announced"],
    ["4271-11c", "4.3", "Unused flags are ignored"],
    [
      "4271-5c",
      "4.4",
      "KEEPALIVEs by a third of the Hold Time, at most one a second",
    ],
    ["4271-11a", "5", "Unknown optional transitive attributes are kept"],
    ["4271-11b", "5", "Unknown optional attributes do no harm"],
    ["4271-8a", "5.1.2", "Our AS in front to others, an empty path inside"],
    ["4271-8b", "5.1.2", "Segments have up to 255 numbers"],
    ["4271-8c", "5.1.3", "The next hop is ours, or as given"],
    ["4271-9a", "5.1.3", "Never the peer itself as next hop"],
    ["4271-9b", "5.1.3", "Never ourselves as next hop of a received route"],
    ["4271-8d", "5.1.4", "MULTI_EXIT_DISC where it was set"],
    ["4271-8e", "5.1.5", "LOCAL_PREF inside an AS, never between"],
    ["4271-1b", "6.1", "Errors of the header: 1/1, 1/2, 1/3 with their data"],
    ["4271-1c", "6.1", "Each octet of the marker counts"],
    ["4271-2", "6.1", "Least and largest length of each type"],
    ["4271-4a", "6.2", "Errors of OPEN: 2/0, 2/1, 2/2, 2/4, 2/6"],
    ["4271-4b", "6.2", "The shortest Hold Time, and no parameters, are right"],
    ["4271-4c", "6.2", "Version 4 only"],
    ["4271-4d", "6.2", "Any AS but ours where none is configured"],
    ["4271-27", "6.4", "NOTIFICATION closes, is never answered, and is shown"],
    ["4271-6a", "6.5", "KEEPALIVE and UPDATE restart the hold timer"],
    ["4271-6b", "6.5", "Its expiry: 4/0"],
    ["4271-25a", "6.7", "Cease has the subcode of its cause"],
    ["4271-25b", "6.7", "Another configuration: 6/6"],
    ["4271-30a", "6.8", "Of two connections the higher identifier's stays"],
    ["4271-30b", "6.8", "Identifiers compare as unsigned numbers"],
    ["4271-32", "6.8", "An Established connection stays"],
    ["4271-24", "8.1.1", "An error makes the next start wait"],
    ["4271-23", "8.2.1.3", "DelayOpen"],
    ["4271-20", "8.2.2", "Every state and event"],
    ["4271-21a", "8.2.2", "The first dial at once; a failure leads to Active"],
    ["4271-21b", "8.2.2", "A late peer is reached within ConnectRetryTime"],
    ["4271-22", "8.2.2", "A passive peer is waited for only"],
    ["4271-26a", "8.2.2", "Nobody's connections are closed"],
    ["4271-26b", "8.2.2", "Idle refuses connections"],
    ["4271-28", "8.2.2", "A broken connection, in each state"],
    ["4271-12", "9.1.2", "A loop is no error"],
    ["4271-13", "9.1.2", "A million routes leave nothing behind"],
    ["4271-14", "9.2.1.1", "Nothing is delayed"],
    ["4271-21c", "10", "Timers have jitter"],
  ],
  4360: [
    [
      "4360-1a",
      "2",
      "EXTENDED COMMUNITIES: eight octets each, sorted, none twice",
    ],
    ["4360-1b", "4", "Route target and origin in their three forms"],
    ["4360-1c", "7", "Link bandwidth"],
  ],
  4724: [
    ["4724-2a", "2", "End-of-RIB after each table, always"],
    ["4724-2b", "2", "End-of-RIB of an empty table, once"],
    ["4724-2c", "2", "End-of-RIB of a peer"],
    ["4724-1a", "3", "R, restart time, families and F in capability 64"],
    ["4724-1b", "3", "No families: a helper; and both sides need it"],
    ["4724-1c", "3", "The last of several counts"],
    ["4724-3a", "4.1", "R after a restart, F since forwarding goes on"],
    ["4724-3b", "4.1", "Routes are loaded before End-of-RIB"],
    ["4724-4a", "4.2", "A stop for good says Cease"],
    ["4271-33", "4.2", "A new connection of a restarted peer"],
  ],
  4760: [
    ["4760-2a", "3", "IPv6 routes go out in MP_REACH_NLRI"],
    ["4760-2b", "3", "MP_REACH_NLRI may stand anywhere"],
    ["4760-4", "3", "Next hops of 16 and 32 octets (RFC 2545), and no others"],
    ["4760-3", "3", "Next hops are of the routes' version"],
    ["4760-2c", "4", "IPv6 routes are withdrawn in MP_UNREACH_NLRI"],
    ["4760-5", "7", "Foreign families are ignored"],
    ["4760-1a", "8", "A family needs both sides"],
    ["4760-1b", "8", "No capability: IPv4 unicast"],
  ],
  5082: [
    ["4271-ttl", "1", "A TTL of 1 between ASes without multihop"],
    ["5082-1a", "3", "Set before connecting"],
    ["5082-1b", "3", "Set on what is accepted"],
    ["5082-1d", "3", "What is accepted is judged by its SYN"],
  ],
  5492: [
    ["5492-2a", "3", "Once without capabilities after 2/4 or 2/7"],
    ["5492-2b", "3", "With them after any other error"],
    ["5492-1c", "3", "2/7 for what the configuration insists on"],
    ["5492-1a", "4", "One parameter or many"],
    ["5492-1b", "4", "Unknown and repeated capabilities"],
  ],
  6286: [
    ["6286-1a", "2.1", "Any identifier but 0"],
    ["6286-1b", "2.2", "It differs inside an AS only"],
    ["4271-31", "2.3", "Of equal identifiers the larger AS wins"],
  ],
  6608: [
    ["6608-1a", "3", "5/1 and 5/2 by state"],
    ["6608-1b", "3", "5/3, and all messages out of turn"],
  ],
  6793: [
    ["6793-1b", "4.1", "Four octets to new speakers"],
    ["6793-1c", "4.1", "The peer's AS is that of its capability"],
    ["6793-1a", "4.2.1", "Capability 65 always, AS_TRANS in the field"],
    ["6793-2a", "4.2.2", "AS_TRANS and AS4_PATH to old speakers"],
    ["6793-2b", "4.2.2", "Nothing added where numbers fit"],
    ["6793-2c", "4.2.2", "AS4_AGGREGATOR to old speakers"],
    ["6793-2d", "4.2.3", "AS4_PATH merged by length"],
    ["6793-2e", "4.2.3", "Not where an old speaker aggregated"],
    ["6793-2f", "6", "Both discarded from new speakers"],
    ["6793-2g", "6", "Both discarded when malformed"],
  ],
  7313: [
    ["7313-1a", "3.1", "Capability 70 of both"],
    ["7313-1b", "4", "Answers between BoRR and EoRR"],
    ["7313-1c", "4", "BoRR and EoRR of a peer"],
    ["7313-1d", "5", "7/1 with the message as data"],
    ["7313-1e", "5", "Unknown subtypes are ignored"],
  ],
  7606: [
    ["7606-d1", "3", "Lengths that lie: 3/1"],
    ["7606-d3a", "3", "Two lists of MP routes: 3/1"],
    ["7606-d4", "3", "Of other repetitions the first counts"],
    ["7606-d5", "3", "A mandatory attribute lacks: withdraw"],
    ["7606-d7a", "3", "The strongest action counts"],
    ["7606-flags", "3", "Wrong flags: withdraw"],
    ["7606-a1", "4", "An attribute over the end: withdraw"],
    ["7606-a2", "4", "An empty attribute: withdraw, mostly"],
    ["7606-d9", "4", "An unknown well-known attribute: 3/2"],
    ["7606-2a", "5.1", "One list of routes in each UPDATE"],
    ["7606-2b", "5.1", "Any mix is read"],
    ["7606-d8", "5.2", "Attributes without routes: the session ends"],
    ["7606-d2a", "5.3", "A bad prefix: 3/10"],
    ["7606-d2b", "5.3", "A bad prefix in MP attributes: 3/9"],
    ["7606-d2c", "5.3", "Host bits, and empty UPDATEs, are right"],
    ["7606-1a", "6", "The malformed UPDATE is told"],
    ["7606-1b", "6", "It is not told for ever"],
    ["7606-origin", "7.1", "ORIGIN"],
    ["7606-as-path", "7.2", "AS_PATH"],
    ["7606-next-hop", "7.3", "NEXT_HOP"],
    ["7606-med", "7.4", "MULTI_EXIT_DISC"],
    ["7606-local-pref", "7.5", "LOCAL_PREF of another AS"],
    ["7606-local-pref-ibgp", "7.5", "LOCAL_PREF of our AS"],
    ["7606-atomic-aggregate", "7.6", "ATOMIC_AGGREGATE"],
    ["7606-aggregator", "7.7", "AGGREGATOR"],
    ["7606-aggregator-old", "7.7", "AGGREGATOR of an old speaker"],
    ["7606-communities", "7.8", "COMMUNITIES"],
    ["7606-originator-id", "7.9", "ORIGINATOR_ID of another AS"],
    ["7606-originator-id-ibgp", "7.9", "ORIGINATOR_ID of our AS"],
    ["7606-cluster-list", "7.10", "CLUSTER_LIST of another AS"],
    ["7606-cluster-list-ibgp", "7.10", "CLUSTER_LIST of our AS"],
    ["7606-mp", "7.11", "Flags of MP attributes"],
    ["7606-extended-communities", "7.14", "EXTENDED COMMUNITIES"],
    ["7606-vectors", "8", "The vectors, by a speaker"],
  ],
  7607: [
    ["7607-1a", "2", "AS 0 in OPEN: 2/2"],
    ["7607-1b", "2", "AS 0 in AS_PATH: withdraw"],
    ["7607-1c", "2", "AS 0 in AS4_PATH: withdraw"],
    ["7607-1d", "2", "AS 0 in AGGREGATOR: discard"],
  ],
  7911: [
    ["7911-1a", "3", "An identifier before each prefix"],
    ["7911-1b", "3", "Identifiers are unique, and stay"],
    ["7911-1c", "3", "Withdrawn by identifier"],
    ["7911-1d", "3", "A real limit"],
    ["7911-1e", "4", "Who may send to whom"],
    ["7911-1f", "4", "By family"],
    ["7911-1g", "4", "Unassigned modes"],
    ["7911-1h", "5", "End-of-RIB unchanged"],
  ],
  8092: [
    ["8092-1a", "3", "LARGE_COMMUNITY: twelve octets each, sorted, none twice"],
    ["8092-1b", "5", "Its text"],
    ["8092-1c", "6", "Malformed: withdraw"],
  ],
  8326: [
    ["8326-1a", "4.1", "The community before routes go"],
    ["8326-1b", "4.1", "LOCAL_PREF 0 inside the AS"],
    ["8326-1c", "4.1", "Then a pause, then the end"],
    ["8326-1d", "4.1", "Not twice"],
  ],
  8538: [
    ["8538-1a", "2", "The N bit of both"],
    ["8538-1b", "3", "Hard Reset holds what is meant"],
    ["8538-1c", "5.1", "Hard Reset for what ends for good"],
    ["8538-1d", "5.1", "Not for what comes back"],
    ["8538-1e", "5.1", "Not without the N bit"],
  ],
  8654: [
    ["8654-1a", "4", "Longer messages if both sent capability 6"],
    ["8654-1b", "4", "Which types are never longer"],
    ["8654-1c", "4", "Ours are as long as agreed on"],
    ["8654-1d", "4", "What does not fit is left out"],
    ["8654-1e", "5", "NOTIFICATION fits, too"],
  ],
  8950: [
    ["8950-1a", "3", "IPv6 next hops of IPv4 routes, read"],
    ["8950-1b", "4", "And written, if both allow it"],
    ["8950-1c", "4", "The capability's tuples"],
  ],
  9003: [
    ["9003-1a", "2", "A text with 6/2"],
    ["9003-1b", "2", "Up to 255 octets"],
    ["9003-1c", "2", "Shown, of 6/2 and 6/4"],
    ["9003-1d", "2", "A wrong text is a Cease all the same"],
    ["9003-1e", "6", "Texts are foreign input"],
  ],
  9072: [
    ["9072-1a", "2", "The extended form, read"],
    ["9072-1b", "2", "Lengths of two octets"],
    ["9072-1c", "2", "Lengths that lie"],
    ["9072-1d", "2", "Written where it is needed only"],
  ],
  9234: [
    ["9234-1a", "4.1", "The roles in capability 9"],
    ["9234-1b", "4.2", "Counterparts only"],
    ["9234-1c", "4.2", "Several or unassigned roles: 2/11"],
    ["9234-1d", "4.2", "Strict mode"],
    ["9234-1e", "4.2", "Between ASes, if we have a role"],
    ["9234-1f", "5", "Leaks"],
    ["9234-1g", "5", "OTC on the way in"],
    ["9234-1h", "5", "OTC on the way out"],
    ["9234-1i", "5", "OTC on our routes"],
    ["9234-1j", "5", "Malformed OTC: withdraw"],
  ],
  9494: [
    ["9494-1a", "3.1", "Capability 71"],
    ["9494-1b", "4.1", "With capability 64 only"],
  ],
  9687: [
    ["9687-1a", "4", "Its expiry"],
    ["9687-1b", "4", "Its restart"],
    ["9687-1c", "4", "None without a Hold Time"],
    ["9687-1d", "5", "Its length"],
  ],
};

/** Demands that tests beside this file show. */
export const STATEMENTS: readonly Statement[] = Object.entries(BY_RFC)
  .flatMap(([rfc, rows]) =>
    rows.map(([id, section, what]) => ({ id, rfc: Number(rfc), section, what }))
  );

const KERNEL = "mod/io/tcp/kernel_tcp_test.ts";

/** Demands that need a kernel. */
export const SHOWN_ELSEWHERE: readonly ShownElsewhere[] = [
  {
    id: "2385-1d",
    rfc: 2385,
    section: "2",
    what: "Only who has the same password is reached",
    file: KERNEL,
    test: "connects with the same password only",
  },
  {
    id: "2385-1e",
    rfc: 2385,
    section: "4.5",
    what: "Keys change while we listen",
    file: KERNEL,
    test: "changes keys while it listens",
  },
  {
    id: "2385-1f",
    rfc: 2385,
    section: "4.1",
    what: "A wrong or missing password is told, not only a timeout",
    file: KERNEL,
    test:
      "reads from the kernel's counts that a password differs or is missing",
  },
  {
    id: "5082-1c",
    rfc: 5082,
    section: "3",
    what: "Segments of far peers are dropped, SYN and SYN-ACK among them",
    file: KERNEL,
    test: "takes segments of near peers only",
  },
  {
    id: "5082-1d-kernel",
    rfc: 5082,
    section: "3",
    what: "The SYN tells how far a peer is, before its OPEN is read",
    file: KERNEL,
    test: "refuses a peer from too far away before its OPEN is read",
  },
  {
    id: "4271-ttl-sent",
    rfc: 5082,
    section: "1",
    what: "Packets go as far as they are told",
    file: KERNEL,
    test: "reaches over a router as far as it is told",
  },
];

/** Demands that are not met, for the reasons in `docs/bgp.md`. */
export const LEFT_OUT: readonly Statement[] = [
  {
    id: "4271-25c",
    rfc: 4271,
    section: "6.7",
    what: "Cease 6/1 at a limit of received prefixes",
  },
  {
    id: "4271-25d",
    rfc: 4271,
    section: "6.7",
    what: "Cease 6/5 and 6/8 to connections that are refused",
  },
  {
    id: "4724-5",
    rfc: 4724,
    section: "4.2",
    what: "Routes of a restarting peer are kept",
  },
  {
    id: "7606-afi",
    rfc: 7606,
    section: "2",
    what: "A family is disabled instead of the session",
  },
  {
    id: "9494-2",
    rfc: 9494,
    section: "4.3",
    what: "Stale routes are kept for hours",
  },
  {
    id: "5925-1",
    rfc: 5925,
    section: "1",
    what: "TCP-AO",
  },
];
