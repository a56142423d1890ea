/**
 * Captured messages, and sessions for tests.
 *
 * @module
 */

import captured from "../../../tests/vectors/bgp/captured.json" with {
  type: "json",
};
import type { UnicastFamily } from "./family.ts";
import { BgpMessageReader } from "./message_reader.ts";
import type { UpdateSession } from "./session.ts";

/** A captured message and what it means. */
export interface CapturedMessage {
  readonly id: string;
  readonly hex: string;
  // deno-lint-ignore no-explicit-any -- the file has its own words for each kind
  readonly meaning: any;
  readonly context?: {
    readonly as4?: boolean;
    readonly addPath?: readonly UnicastFamily[];
  };
}

/** All of them. */
export const CAPTURED: readonly CapturedMessage[] = captured
  .messages as readonly CapturedMessage[];

/** A session that lets everything through that two speakers may agree on. */
export const SESSION: UpdateSession = {
  external: false,
  fourOctetAs: true,
  families: ["ipv4-unicast", "ipv6-unicast"],
  addPathReceive: [],
  addPathSend: [],
  extendedNextHop: ["ipv4-unicast"],
  extendedMessage: true,
};

/** The session a captured message was sent in. */
export function sessionOf({ context }: CapturedMessage): UpdateSession {
  const addPath = context?.addPath ?? [];
  return {
    ...SESSION,
    fourOctetAs: context?.as4 ?? true,
    addPathReceive: addPath,
    addPathSend: addPath,
  };
}

/** A reader as after an exchange of OPENs that allows long messages. */
export function longReader(): BgpMessageReader {
  const reader = new BgpMessageReader();
  reader.limits = { extendedMessage: true, enhancedRouteRefresh: false };
  return reader;
}

/** An UPDATE from its parts, as hexadecimal digits. */
export function updateOf(
  parts: {
    readonly withdrawn?: string;
    readonly attributes?: string;
    readonly nlri?: string;
  },
): Uint8Array {
  const { withdrawn = "", attributes = "", nlri = "" } = parts;
  const length = (text: string) =>
    (text.length / 2).toString(16).padStart(4, "0");
  const body = `${length(withdrawn)}${withdrawn}${
    length(attributes)
  }${attributes}${nlri}`;
  const whole = (19 + body.length / 2).toString(16).padStart(4, "0");
  return Uint8Array.fromHex(`${"ff".repeat(16)}${whole}02${body}`);
}

/** ORIGIN IGP, AS_PATH 65001 and NEXT_HOP 10.0.0.1. */
export const PLAIN_ATTRIBUTES = "4001010040020602010000fde94003040a000001";
