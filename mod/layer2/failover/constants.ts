/**
 * The times and limits of fail-over on a link, and why each is what it is.
 *
 * They belong together: silence before a claim is one beacon interval plus
 * {@linkcode GRACE_MS} plus the verification, and a gap in which this process
 * did not run must be noticed before that could have cost anyone's claim.
 *
 * @module
 */

/** Bounds of the time between two beacons, in milliseconds. */
export const BEACON_INTERVAL_MIN_MS = 100;

/** See {@linkcode BEACON_INTERVAL_MIN_MS}; 334 frames/s are received at 100 nodes. */
export const BEACON_INTERVAL_MAX_MS = 300;

/** How much each node on the link adds to the beacon interval. */
export const BEACON_INTERVAL_PER_NODE_MS = 3;

/**
 * How much of its interval early a beacon goes out with one of another agent,
 * which woke this one anyway. Agents of a link so come to speak at the same
 * moment and to sleep at the same; more than half, so that also two that speak
 * by turns find together.
 */
export const BEACON_EARLY = 0.6;

/** How long after its beacon was due a fellow is verified: jitter and scheduling. */
export const GRACE_MS = 60;

/** PROBEs of a verification without any patience asked for. */
export const VERIFY_PROBES = 5;

/** Time between two of them. */
export const VERIFY_INTERVAL_MS = 60;

/** A verification of one fellow starts at most once in this time. */
export const VERIFY_PAUSE_MS = 300;

/** A longer gap between two steps silences this node until it has settled. */
export const STALL_MS = 250;

/** The longest time between two steps while the link is up; makes a gap visible. */
export const TICK_MS = 100;

/** Without any proof for so long a node is UNSURE. */
export const UNSURE_MS = 260;

/** How long an UNSURE node listens from its first proof. */
export const SETTLE_MS = 400;

/** The least time a node settles after a gap; one beacon interval and grace otherwise. */
export const SETTLE_AFTER_STALL_MS = 150;

/** How much longer it waits for fellows that were not heard, or lists that are behind. */
export const SETTLE_MORE_MS = 1_000;

/** How long a link that came up is listened to without any frame. */
export const LINK_UP_SILENT_MS = 2_000;

/** How long a node listens when it starts: three beacons of everyone. */
export const LISTEN_MS = 1_000;

/** How much longer each candidate waits for the one before it. */
export const STAGGER_MS = 250;

/** How much longer it waits for one with a live Lease that was never heard. */
export const UNKNOWN_WAIT_MS = 1_500;

/** How many of those are waited for at most. */
export const UNKNOWN_WAITS_MAX = 2;

/** How much longer a first claim waits while a better candidate is LISTENING. */
export const LISTENING_WAIT_MS = 1_250;

/** ARP Probes of a first claim (RFC 5227 §2.1.1, PROBE_NUM, shortened). */
export const DAD_PROBES = 2;

/** The same of an address that somebody answered for before: more, since it is probed for again and again, and of many probes two in a row get lost now and then. */
export const HELD_PROBES = 5;

/** Time between them, and after the last. */
export const DAD_INTERVAL_MS = 100;

/** How long an agent may be heard to answer for a VIP before its list says so, until it counts as a host that is none of ours. */
export const LIST_DUE_MS = 3_000;

/** When a VIP held by a foreign host is asked for again. */
export const HELD_RETRY_MS = 5_000;

/** How long a check ahead of time stands for the probes of a first claim. */
export const VETTED_VALID_MS = 60_000;

/** How many addresses are remembered so. */
export const VETTED_MAX = 1_024;

/** How long a voucher holds. */
export const VOUCH_HOLD_MS = 2_000;

/** When a vouched fellow is verified again. */
export const VOUCHED_RECHECK_MS = 500;

/** When a fellow that answers ARP alone is verified again. */
export const ARP_ONLY_RECHECK_MS = 1_000;

/** When a silent fellow is asked again, at first. */
export const SILENT_RECHECK_MS = 2_000;

/** For how long that goes on. */
export const SILENT_RECHECK_OFTEN_MS = 30_000;

/** When it is asked again later. */
export const SILENT_RECHECK_LATE_MS = 10_000;

/** How long a suspecter is told that a fellow answers. */
export const SUSPECTER_MS = 500;

/** For how long a REPLY makes beacons with UNSURE count. */
export const REPLY_VALID_MS = 500;

/** When a third node tells the weaker of two holders, and how often. */
export const ARBITRATE_MS = 500;

/** Time between two tries to tell a weaker owner of our claim. */
export const DEFEND_MS = 50;

/** When the first such try is made if we claimed just now. */
export const DEFEND_FIRST_MS = 60;

/** After so many tries the other evidently cannot hear. */
export const DEFEND_TRIES = 4;

/** Beacons of the other that must have come meanwhile. */
export const DEFEND_BEACONS = 2;

/**
 * How long an owner that must leave does not believe the list of one it was
 * telling to yield: until the list that says that it did has come.
 */
export const DOUBT_MS = 100;

/** How often an owner looks again whether a stronger one is heard. */
export const LOOK_AGAIN_MS = 50;

/** A list of which nothing changed is sent again. */
export const LIST_REFRESH_MS = 5_000;

/** A changed list is sent at most this often. */
export const LIST_PAUSE_MS = 20;

/**
 * A beacon out of turn, a QUERY to one fellow, and a PROBE to a silent one that
 * says UNSURE, is sent at most this often.
 */
export const OUT_OF_TURN_MS = 50;

/** How long agent and link have been stable before a VIP moves to a better rank. */
export const STABLE_MS = 30_000;

/** The most it is multiplied by after involuntary losses. */
export const STABLE_FACTOR_MAX = 8;

/** How long an involuntary loss counts. */
export const LOSS_MEMORY_MS = 600_000;

/** How long a VIP has been unmoved before it moves to a better rank. */
export const DWELL_MS = 60_000;

/** How long an owner was FROZEN and its taker in good standing. */
export const FROZEN_MOVE_MS = 10_000;

/** How many VIPs begin a move that is not urgent within {@linkcode MOVE_WINDOW_MS}. */
export const MOVES_MAX = 50;

/** See {@linkcode MOVES_MAX}. */
export const MOVE_WINDOW_MS = 100;

/** How long the owner's REPLY is waited for before a planned move. */
export const ASK_MS = 200;

/** When a leaving owner that did not answer is asked again. */
export const ASK_AGAIN_LEAVING_MS = 100;

/** When any other owner that did not answer is asked again. */
export const ASK_AGAIN_MS = 10_000;

/** How long a VIP that should leave is served without being relieved. */
export const LEAVE_MAX_MS = 10_000;

/** The same, when nobody could relieve it. */
export const LEAVE_ALONE_MAX_MS = 2_000;

/** The same, when the process is about to stop. */
export const LEAVE_STOP_MAX_MS = 3_000;

/** For how long answers to ARP alone keep a fellow from being silent. */
export const ARP_VETO_MAX_MS = 15_000;

/** How often a witness is asked when no fellow is present. */
export const WITNESS_MS = 200;

/** How many hosts that were heard are remembered as witnesses. */
export const WITNESSES_MAX = 8;

/** How often a foreign host that answers for VIPs is asked. */
export const FOREIGN_WATCH_MS = 500;

/** After so many answers missed in a row its VIPs are probed for. */
export const FOREIGN_MISSES_MAX = 3;

/** How often an owner asks who else answers, while an agent that lives was never heard. */
export const RIVAL_WATCH_MS = 1_000;

/**
 * The same, while one answers. Each time that is three frames, a request and two
 * of an announcement: with those to witnesses they stay below 10 a second.
 */
export const RIVAL_FOUND_MS = 600;

/** How many foreign hosts are watched at most. */
export const FOREIGN_HOSTS_MAX = 64;

/**
 * ARP requests and Neighbor Solicitations for witnesses and foreign hosts per
 * second at most: a port under Dynamic ARP Inspection is disabled at 15 frames
 * per second by default, and answers count too. With the checks of VIPs and of
 * addresses that come next it stays below 10.
 */
export const STEADY_ASKS_PER_SECOND = 6;

/** How many fellows are known at most; frames of further ones are refused. */
export const FELLOWS_MAX = 250;

/** Bytes of a body at most, so that a frame fits the smallest usual MTU. */
export const LIST_BODY_BYTES_MAX = 1_400;
