/**
 * What a capture says about an address: who announced it, who answered for it,
 * and whether anybody was left without an answer.
 *
 * @module
 */

import { ok } from "node:assert/strict";
import type { Capture, CapturedFrame } from "@/lab/mod.ts";

/** The announcements of an address: gratuitous ARP, unsolicited advertisements. */
export function announcementsOf(
  capture: Capture,
  vip: string,
): readonly CapturedFrame[] {
  return capture.frames().filter(({ message }) =>
    "operation" in message
      ? message.senderIp === vip && message.targetIp === vip
      : message.kind === "neighbor-advertisement" && message.target === vip &&
        !message.solicited
  );
}

/** The answers of one host. */
export function answersOf(
  capture: Capture,
  vip: string,
  host: string,
): readonly CapturedFrame[] {
  return capture.answersFor(vip).filter((frame) => frame.host === host);
}

/** The hosts that said anything as if the address were theirs, each once, sorted. */
export function speakersOf(capture: Capture, vip: string): readonly string[] {
  const frames = [...announcementsOf(capture, vip), ...capture.answersFor(vip)];
  return [...new Set(frames.map(({ host }) => host))].sort();
}

/**
 * Checks that every ARP request of the client was answered, but for those after
 * the last answer: when it was enough, one may have been under way.
 *
 * When an address moves, the old owner answers the first requests and the new
 * one the last: without a gap they give at least as many answers together.
 *
 * @param capture The capture, with the client.
 * @param vip The address.
 * @param hosts Who is to answer.
 */
export function noneUnanswered(
  capture: Capture,
  vip: string,
  hosts: readonly string[],
): void {
  const answers = hosts.flatMap((host) => answersOf(capture, vip, host));
  const lastMs = Math.max(...answers.map(({ atMs }) => atMs));
  const requests = capture.frames().filter(({ host, message, atMs }) =>
    host === "client" && "operation" in message && atMs <= lastMs &&
    message.operation === "request" && message.targetIp === vip
  );
  ok(
    requests.length > 0 && answers.length >= requests.length,
    `${hosts} gave ${answers.length} answers to ${requests.length} requests for ${vip}`,
  );
}

/**
 * Checks that the new owner was heard before the old one fell silent, and that
 * the old one then said no more.
 *
 * @param capture The capture.
 * @param vip The address.
 * @param move From whom, to whom, and how long both may answer meanwhile.
 */
export function movedInOrder(
  capture: Capture,
  vip: string,
  { from, to, overlapMsMax }: {
    readonly from: string;
    readonly to: string;
    readonly overlapMsMax: number;
  },
): void {
  const announced = announcementsOf(capture, vip).find(({ host }) =>
    host === to
  );
  ok(announced !== undefined, `${to} has not announced ${vip}`);
  const last = answersOf(capture, vip, from).at(-1);
  const late = last === undefined ? 0 : last.atMs - announced.atMs;
  ok(late < overlapMsMax, `${from} still answered ${late} ms later`);
}
