/**
 * Who answers for an address, as the switch sees it while a client asks.
 *
 * @module
 */

import { Capture, type CapturedFrame } from "./capture.ts";
import type { LabClient } from "./client.ts";
import type { LabHost } from "./network.ts";

/** What the wire showed when the client asked for an address. */
export interface WireAnswer {
  /** The hosts that answered, each once, in the order of their first answer. */
  readonly hosts: readonly string[];
  /** Their frames. */
  readonly frames: readonly CapturedFrame[];
  /** The node whose backend answered HTTP; absent when none did. */
  readonly backend?: string;
}

/** How the wire is asked. */
export interface WireQuestion {
  /** Who asks. */
  readonly client: LabClient;
  /** Whose answers are taken down. */
  readonly hosts: readonly LabHost[];
  /** How long the client tries. */
  readonly timeoutMs: number;
}

/**
 * Lets a client ask for an address anew, and takes down who answers.
 *
 * @param vip The address, in canonical form.
 * @param question Who asks, and how.
 */
export async function askTheWire(
  vip: string,
  { client, hosts, timeoutMs }: WireQuestion,
): Promise<WireAnswer> {
  await using capture = await Capture.start(hosts);
  await client.forget(vip);
  let { body: backend } = await client.request(vip, { timeoutMs });
  if (backend !== undefined) {
    // Whoever else would answer, too, has had as long as the first one.
    await client.forget(vip);
    backend = (await client.request(vip, { timeoutMs })).body;
  }
  const frames = capture.answersFor(vip);
  return {
    frames,
    hosts: [...new Set(frames.map(({ host }) => host))],
    ...(backend === undefined ? {} : { backend }),
  };
}
