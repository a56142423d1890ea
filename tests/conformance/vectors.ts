/**
 * The cases of `tests/vectors/bgp/malformed.json`, carried out by a speaker.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { encodeKeepalive } from "@/wire/bgp/mod.ts";
import malformed from "../vectors/bgp/malformed.json" with { type: "json" };
import { INTERNAL, Talk, type TalkOptions } from "./talk.ts";

/** A case of the vectors. */
export interface Vector {
  readonly id: string;
  readonly phase: string;
  readonly open?: string;
  readonly before?: string;
  readonly send?: string;
  readonly peerAs?: number;
  readonly expect: {
    readonly action: string;
    readonly code?: number;
    readonly subcode?: number;
    readonly data?: string;
  };
}

/** All of them. */
export const MALFORMED: readonly Vector[] = malformed
  .cases as readonly Vector[];

/** A talk at the end of a case. */
export function afterVector(id: string, options: TalkOptions = {}): Talk {
  const found = MALFORMED.find((vector) => vector.id === id);
  assert(found !== undefined, `There is a vector ${id}`);
  const { phase, open, before, send = "", peerAs } = found;
  const internal = peerAs === 65_002 ? INTERNAL : {};
  const enhanced = id.startsWith("rr-") ? ENHANCED : {};
  const talk = Talk.connected({ ...internal, ...enhanced, ...options });
  if (!phase.startsWith("connected")) {
    assert(open !== undefined, `${id} has an OPEN`);
    talk.receive(open);
    if (phase.startsWith("established")) talk.receive(encodeKeepalive());
    if (before !== undefined) talk.receive(before);
  }
  if (send !== "") talk.receive(send);
  return talk;
}

const ENHANCED: TalkOptions = {
  ours: {
    capabilities: [
      { kind: "multiprotocol", family: "ipv4-unicast" },
      { kind: "route-refresh" },
      { kind: "enhanced-route-refresh" },
      { kind: "four-octet-as", as: 65_002 },
    ],
  },
};
