/**
 * What a capture says about an address: who announced it, who answered for it,
 * and whether anybody was left without an answer.
 *
 * @module
 */

import { ok } from "node:assert/strict";
import type { Capture, CapturedFrame, LabNode } from "@/lab/mod.ts";
import { SETTLE_AFTER_STALL_MS } from "@/layer2/failover/mod.ts";

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
 * An agent that did not run for a while, because the machine was busy, says so:
 * as many requests as came meanwhile, and while it listened before it went on,
 * may be without an answer.
 *
 * @param capture The capture, with the client.
 * @param vip The address.
 * @param nodes Who is to answer.
 */
export function noneUnanswered(
  capture: Capture,
  vip: string,
  nodes: readonly LabNode[],
): void {
  const hosts = nodes.map(({ name }) => name);
  const answers = hosts.flatMap((host) => answersOf(capture, vip, host));
  const lastMs = Math.max(...answers.map(({ atMs }) => atMs));
  const requests = capture.frames().filter(({ host, message, atMs }) =>
    host === "client" && "operation" in message && atMs <= lastMs &&
    message.operation === "request" && message.targetIp === vip
  );
  const firstMs = requests[0]?.atMs ?? 0;
  const intervalMs = (lastMs - firstMs) / (requests.length - 1);
  const excused = nodes.flatMap((node) => pausesOf(node, firstMs))
    .map((gapMs) => Math.ceil((gapMs + SETTLE_AFTER_STALL_MS) / intervalMs) + 1)
    .reduce((sum, some) => sum + some, 0);
  ok(
    requests.length > 1 && answers.length + excused >= requests.length,
    `${hosts} gave ${answers.length} answers to ${requests.length} requests for ${vip}, ${excused} are excused`,
  );
}

/** How long an agent did not run, each time since then, by its own words. */
function pausesOf({ agent }: LabNode, sinceMs: number): readonly number[] {
  const since = performance.timeOrigin + sinceMs;
  return (agent?.lines ?? []).filter((line) => line.includes('"gapMs":'))
    .map((line): { "@timestamp": string; gapMs: number } => JSON.parse(line))
    .filter((said) => Date.parse(said["@timestamp"]) >= since)
    .map(({ gapMs }) => gapMs);
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
