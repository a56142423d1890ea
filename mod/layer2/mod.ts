/**
 * Layer 2: answering for VIPs on a link by ARP (RFC 826, RFC 5227) and Neighbor
 * Discovery (RFC 4861), and knowing when to.
 *
 * - what is said: `responder.ts` for reading, `fast_responder.ts` for a batch in
 *   place, over the VIPs in `vip_table.ts`; `packet_filter.ts` keeps the rest of
 *   the link's chatter in the kernel; `announcement_frames.ts`;
 *   `echo_responder.ts` for `ping`, behind `echo_filter.ts`
 * - what is asked: `question_frames.ts`; `vetting.ts` for addresses before they
 *   are handed out, `presence_check.ts` for those that others own
 *
 * Everything here is pure: time arrives in events, what is to be done leaves as
 * effects. Not done: Secure Neighbor Discovery (RFC 3971).
 *
 * @module
 */

export * from "./announcement_frames.ts";
export * from "./announcer.ts";
export * from "./conflict.ts";
export * from "./drop_reason.ts";
export * from "./echo_filter.ts";
export * from "./echo_responder.ts";
export type { FellowReport } from "./failover/events.ts";
export * from "./fast_responder.ts";
export * from "./packet_filter.ts";
export * from "./presence_check.ts";
export * from "./question_frames.ts";
export * from "./rank.ts";
export * from "./responder.ts";
export * from "./responder_counters.ts";
export * from "./sighting.ts";
export * from "./unnumbered.ts";
export * from "./vetting.ts";
export * from "./vip_table.ts";
export * from "./vip_tally.ts";
