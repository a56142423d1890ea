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
 * Checks that every ARP request of the client was answered.
 *
 * When an address moves, the old owner answers the first requests and the new
 * one the last: together they answer all, but for the one that was under way
 * when it was enough.
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
  const requests =
    capture.frames().filter(({ host, message }) =>
      host === "client" && "operation" in message &&
      message.operation === "request" && message.targetIp === vip
    ).length;
  const answers = hosts.map((host) => answersOf(capture, vip, host).length);
  const answered = answers.reduce((sum, count) => sum + count, 0);
  ok(
    requests > 0 && answered >= requests - 1,
    `${hosts} gave ${answers} answers to ${requests} requests for ${vip}`,
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
