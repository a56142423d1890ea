import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  type BgpPeerNodeStatus,
  projectBgpConf,
  projectBgpPeer,
} from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import type { Result } from "@/lang/result.ts";
import type { BgpTables, PlannedWrite } from "@/reconcile/mod.ts";
import type { BgpSessionView } from "./bgp_commands.ts";
import {
  type DatedSession,
  DYNAMIC_STATUSES_MAX,
  mergePatchTo,
  SpeakerStatus,
  STATUS_COUNTS_INTERVAL_MS,
  STATUS_INTERVAL_MS,
} from "./speaker_status.ts";

type Raw = { [key: string]: unknown };

const DOWN: BgpSessionView = {
  state: "Active",
  why: "Connection refused",
  announced: 0,
  withdrawn: 0,
  received: 0,
  notifications: { sent: 0, received: 0 },
};
const UP: BgpSessionView = {
  state: "Established",
  agreed: {
    peerAs: 65_001,
    localAs: 65_000,
    routerId: "192.0.2.1",
    holdTimeSeconds: 90,
    families: ["ipv4-unicast"],
  },
  announced: 3,
  withdrawn: 0,
  received: 0,
  notifications: { sent: 0, received: 0 },
};

Deno.test("SpeakerStatus tells how BFD stands, in words and at once", () => {
  const stage = new Stage();
  const bfd = { state: "up", message: "", blocks: false, failures: 0 } as const;
  const told = (view: BgpSessionView): string | undefined => {
    stage.session(view, { upAt: "2026-01-01T00:00:00Z" });
    const writes = stage.plan();
    for (const write of writes) {
      stage.status.written(write, { kind: "written", object: {} }, stage.at);
    }
    return /"bfdState":"[^"]*"/.exec(JSON.stringify(writes))?.[0];
  };
  stage.session(UP, { upAt: "2026-01-01T00:00:00Z" });
  stage.settle();
  stage.nowMs += STATUS_INTERVAL_MS;
  strictEqual(told({ ...UP, bfd }), '"bfdState":"up"');
  stage.nowMs += STATUS_INTERVAL_MS;
  const down = { ...bfd, state: "down", message: "Not heard" } as const;
  strictEqual(told({ ...UP, bfd: down }), '"bfdState":"down: Not heard"');
});

Deno.test("SpeakerStatus writes a session under the node's own name, in OpenELB's form", () => {
  const stage = new Stage();
  stage.session(UP, { upAt: "2026-01-01T00:00:00Z" });
  const [conf, peer] = stage.plan();
  deepStrictEqual(conf?.body, {
    status: {
      nodesConfStatus: { n1: { routerId: "192.0.2.11", as: 65_000 } },
    },
  });
  strictEqual(
    peer?.path,
    "/apis/network.kubesphere.io/v1alpha2/bgppeers/tor/status",
  );
  deepStrictEqual(peer?.body, {
    status: {
      nodesPeerStatus: {
        n1: {
          peerState: {
            neighborAddress: "192.0.2.1",
            peerAs: 65_001,
            sessionState: "ESTABLISHED",
            localAs: 65_000,
            routerId: "192.0.2.1",
            peerType: 1,
          },
          timersState: {
            negotiatedHoldTime: "90",
            keepaliveInterval: "30",
            uptime: "2026-01-01T00:00:00Z",
          },
        },
      },
    },
  });
});

Deno.test("SpeakerStatus tells messages by type, and what was agreed on of the configured timers", () => {
  const stage = new Stage({
    timers: { config: { holdTime: "90", keepaliveInterval: "7" } },
    conf: { description: "top of rack" },
  });
  const none = {
    open: 0,
    update: 0,
    notification: 0,
    keepalive: 0,
    refresh: 0,
  };
  const counts = {
    sent: { ...none, open: 1, update: 3 },
    received: { ...none, open: 1, keepalive: 2 },
    treatedAsWithdraw: 1,
    prefixes: 1,
    pending: 0,
  };
  stage.session({ ...UP, counts }, {});
  const { messages, description, keepaliveInterval } = stage.entry();
  deepStrictEqual(messages, {
    received: { open: "1", keepalive: "2", withdrawUpdate: "1", total: "3" },
    sent: { open: "1", update: "3", total: "4" },
  });
  deepStrictEqual([description, keepaliveInterval], ["top of rack", "7"]);
  stage.nowMs += STATUS_INTERVAL_MS;
  const sent = { ...counts.sent, keepalive: 1 };
  stage.session({ ...UP, counts: { ...counts, sent } }, {});
  deepStrictEqual(stage.plan(), [], "counts alone are no news");
  const agreed = { ...UP.agreed, holdTimeSeconds: 9 } as typeof UP.agreed;
  assert(agreed !== undefined, "It is Established");
  stage.nowMs += STATUS_INTERVAL_MS;
  stage.session({ ...UP, agreed }, {});
  strictEqual(stage.entry().keepaliveInterval, "3", "the peer lowered it");
});

Deno.test("SpeakerStatus writes the address that was found of an unnumbered peer", () => {
  const stage = new Stage();
  stage.session({ ...DOWN, neighbor: "fe80::2%eth1" }, {});
  match(
    JSON.stringify(stage.plan()),
    /"peerState":{"neighborAddress":"fe80::2%eth1"/,
  );
});

Deno.test("SpeakerStatus writes each router of a prefix, so many as an object has room for", () => {
  const stage = new Stage();
  const count = 2 * DYNAMIC_STATUSES_MAX;
  const neighbors = Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`10.0.0.${i}`, UP] as const),
  );
  stage.session({ ...UP, neighbors }, {});
  const text = JSON.stringify(stage.plan());
  match(
    text,
    /"dynamicNeighbors":{"10\.0\.0\.0":{"peerState":{"sessionState":"ESTABLISHED","peerAs":65001/,
  );
  strictEqual(text.match(/"10\.0\.0\.\d+":/g)?.length, DYNAMIC_STATUSES_MAX);
});

Deno.test("SpeakerStatus takes away what no longer holds, and leaves other nodes' entries alone", () => {
  const stage = new Stage();
  stage.session(UP, { upAt: "2026-01-01T00:00:00Z" });
  stage.settle();
  stage.nowMs += STATUS_INTERVAL_MS;
  stage.session(DOWN, { downAt: "2026-01-01T00:00:01Z" });
  const [write] = stage.plan();
  deepStrictEqual(write?.body, {
    status: {
      nodesPeerStatus: {
        n1: {
          peerState: {
            sessionState: "ACTIVE",
            localAs: null,
            routerId: null,
            peerType: null,
          },
          timersState: {
            negotiatedHoldTime: null,
            keepaliveInterval: null,
            uptime: null,
            downtime: "2026-01-01T00:00:01Z",
          },
          downReason: "Connection refused",
        },
      },
    },
  });
});

Deno.test("SpeakerStatus removes its entry when the node speaks to the peer no more", () => {
  const stage = new Stage();
  stage.session(UP, {});
  stage.settle();
  stage.nowMs += STATUS_INTERVAL_MS;
  stage.sessions.clear();
  deepStrictEqual(stage.plan()[0]?.body, {
    status: { nodesPeerStatus: { n1: null } },
  });
});

Deno.test("SpeakerStatus writes nothing without a speaker where nothing is written", () => {
  const stage = new Stage();
  stage.identity = undefined;
  deepStrictEqual(stage.plan(), []);
});

Deno.test("SpeakerStatus writes another state a second after the last write", () => {
  const stage = new Stage();
  stage.session(DOWN, {});
  stage.settle();
  stage.nowMs = 1;
  stage.session(UP, {});
  deepStrictEqual(stage.plan(), []);
  strictEqual(stage.status.deadlineMs(), STATUS_INTERVAL_MS);
  stage.nowMs = STATUS_INTERVAL_MS;
  strictEqual(stage.plan().length, 1);
});

Deno.test("SpeakerStatus writes how a dial goes on, and counts, every 30 s", () => {
  const stage = new Stage();
  stage.session(DOWN, {});
  stage.settle();
  stage.nowMs = STATUS_COUNTS_INTERVAL_MS - 1;
  stage.session({
    ...DOWN,
    state: "Connect",
    notifications: { sent: 1, received: 0 },
  }, {});
  deepStrictEqual(stage.plan(), []);
  stage.nowMs = STATUS_COUNTS_INTERVAL_MS;
  strictEqual(stage.plan().length, 1);
});

Deno.test("SpeakerStatus writes again what failed, and not at once", () => {
  const stage = new Stage();
  stage.session(UP, {});
  for (const write of stage.plan()) {
    stage.status.written(
      write,
      { kind: "failed", reason: "conflict", message: "" },
      stage.at,
    );
  }
  deepStrictEqual(stage.plan(), []);
  stage.nowMs = stage.status.deadlineMs() ?? 0;
  strictEqual(stage.nowMs > 0, true);
  stage.nowMs += 1_000;
  strictEqual(stage.plan().length, 2);
});

Deno.test("mergePatchTo() leads from any object to any other", () => {
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      fc.string(),
      fc.integer(),
      fc.dictionary(fc.constantFrom("a", "b", "c"), tie("json"), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
    ),
  }));
  fc.assert(fc.property(json, json, (from, to) => {
    const patch = mergePatchTo(from, to);
    deepStrictEqual(patch === undefined ? from : merged(from, patch), to);
  }));
});

/** RFC 7396 §2, as it stands there. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isRaw(patch)) return patch;
  const result: Raw = isRaw(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

function isRaw(value: unknown): value is Raw {
  return typeof value === "object" && value !== null;
}

/** One node, a BgpConf and a BgpPeer, and an API server of a few lines. */
class Stage {
  readonly status: SpeakerStatus = new SpeakerStatus("n1", 1);
  readonly sessions = new Map<string, DatedSession>();
  identity: { as: number; routerId: string } | undefined = {
    as: 65_000,
    routerId: "192.0.2.11",
  };
  nowMs = 0;
  #conf: Raw = { metadata: { name: "default" }, spec: { as: 65_000 } };
  #peer: Raw = {
    metadata: { name: "tor" },
    spec: { conf: { neighborAddress: "192.0.2.1", peerAs: 65_001 } },
  };

  /** The BgpPeer has such a spec, too. */
  constructor(spec: Raw = {}) {
    this.#peer = merged(this.#peer, { spec }) as Raw;
  }

  get at() {
    return { nowMs: this.nowMs, nowIso: "2026-01-01T00:00:00.000Z" };
  }

  session(
    view: BgpSessionView,
    { upAt, downAt }: { readonly upAt?: string; readonly downAt?: string },
  ): void {
    this.sessions.set("tor", { view, upAt, downAt });
  }

  plan(): readonly PlannedWrite[] {
    const tables: BgpTables = {
      bgpconf: new Map([["default", value(projectBgpConf(this.#conf))]]),
      bgppeer: new Map([["tor", value(projectBgpPeer(this.#peer))]]),
    };
    const { identity, sessions } = this;
    return this.status.plan({ tables, identity, sessions }, this.at);
  }

  /** What is to be written of the BgpPeer. */
  entry(): {
    readonly messages: unknown;
    readonly description: unknown;
    readonly keepaliveInterval: unknown;
  } {
    const write = this.plan().find(({ path }) => path.includes("bgppeers"));
    const { status } = write?.body as {
      readonly status: {
        readonly nodesPeerStatus: { readonly n1: BgpPeerNodeStatus };
      };
    };
    const { peerState, timersState } = status.nodesPeerStatus.n1;
    if (write !== undefined) {
      this.status.written(write, { kind: "written", object: {} }, this.at);
    }
    return {
      messages: peerState?.messages,
      description: peerState?.description,
      keepaliveInterval: timersState?.keepaliveInterval,
    };
  }

  /** Plans, answers, and shows what was written. */
  settle(): void {
    for (const write of this.plan()) {
      if (write.path.includes("bgpconfs")) {
        this.#conf = merged(this.#conf, write.body) as Raw;
      } else this.#peer = merged(this.#peer, write.body) as Raw;
      this.status.written(write, { kind: "written", object: {} }, this.at);
    }
    deepStrictEqual(this.plan(), []);
  }
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
