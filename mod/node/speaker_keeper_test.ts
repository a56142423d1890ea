import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  projectBgpConf,
  projectBgpPeer,
  projectEip,
  projectEndpointSlice,
  projectNode,
  projectService,
} from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import { type BgpTables, ClusterState, VipIndex } from "@/reconcile/mod.ts";
import type { BgpSessionView } from "./bgp_commands.ts";
import { SpeakerKeeper } from "./speaker_keeper.ts";
import type { NodeView } from "./wire_messages.ts";

const AT = { nowMs: 0, nowIso: "2026-01-01T00:00:00.000Z" };
const DOWN: BgpSessionView = {
  state: "Active",
  why: "Connection refused",
  announced: 0,
  withdrawn: 0,
  received: 0,
  notifications: { sent: 0, received: 0 },
};
const UP: BgpSessionView = {
  ...DOWN,
  state: "Established",
  agreed: {
    peerAs: 65_001,
    localAs: 65_000,
    routerId: "192.0.2.1",
    holdTimeSeconds: 90,
    families: ["ipv4-unicast"],
  },
};

Deno.test("SpeakerKeeper has the routes of the cluster announced, of this node's", () => {
  const stage = new Stage();
  deepStrictEqual(stage.kinds(), ["announce", "listen", "set-peer"]);
  deepStrictEqual([...stage.keeper.announced], ["192.0.2.91"]);
  deepStrictEqual(stage.kinds(), []);
});

Deno.test("SpeakerKeeper says nothing while another agent runs under the node's name", () => {
  const stage = new Stage();
  deepStrictEqual(stage.kinds(false), []);
  stage.kinds();
  deepStrictEqual(stage.kinds(false), ["withdraw", "remove-peer", "ignore"]);
});

Deno.test("SpeakerKeeper logs that a session comes up and goes, and why, once", () => {
  const stage = new Stage();
  stage.kinds();
  const logged = [DOWN, { ...DOWN, announced: 1 }, UP, UP, DOWN, DOWN].map(
    (session) =>
      stage.keeper.take({ kind: "peer", name: "tor", session }, AT)?.message,
  );
  deepStrictEqual(logged, [
    "BGP session is down",
    undefined,
    "BGP session is up",
    undefined,
    "BGP session is down",
    undefined,
  ]);
});

Deno.test("SpeakerKeeper tells of it in Events of the BgpPeer", () => {
  const stage = new Stage();
  stage.kinds();
  const told = [DOWN, UP, DOWN, UP].map((session) => {
    const { event } =
      stage.keeper.take({ kind: "peer", name: "tor", session }, AT) ?? {};
    const { involvedObject, reason, message } = (event?.body ?? {}) as {
      readonly involvedObject?: {
        readonly kind: string;
        readonly name: string;
      };
      readonly reason?: string;
      readonly message?: string;
    };
    const { kind, name } = involvedObject ?? {};
    return event && `${event.path} ${kind} ${name} ${reason}: ${message}`;
  });
  const path = "/api/v1/namespaces/default/events BgpPeer tor";
  deepStrictEqual(told, [
    `${path} BgpSessionDown: n1 has no session: Connection refused`,
    `${path} BgpSessionUp: n1 has a session, with 192.0.2.1 in AS 65001`,
    undefined,
    undefined,
  ]);
});

Deno.test("SpeakerKeeper has nothing to leave where nothing was begun", () => {
  const stage = new Stage();
  strictEqual(stage.keeper.leave(), undefined);
  strictEqual(stage.keeper.isLeft, true);
});

Deno.test("SpeakerKeeper leaves once, and takes its entries out of the statuses at the end", () => {
  const stage = new Stage();
  stage.kinds();
  stage.keeper.take({ kind: "peer", name: "tor", session: UP }, AT);
  strictEqual(stage.keeper.writes(AT).length, 2);
  strictEqual(stage.keeper.leave()?.kind, "leave");
  strictEqual(stage.keeper.leave(), undefined);
  strictEqual(stage.keeper.isLeft, false);
  stage.showEntries();
  for (const write of ["session-bgpconf/default", "session-bgppeer/tor"]) {
    stage.keeper.written(
      {
        id: write,
        method: "PATCH",
        path: "",
        contentType: "application/merge-patch+json",
        body: {},
      },
      { kind: "written", object: {} },
      AT,
    );
  }
  stage.keeper.take({ kind: "left" }, AT);
  strictEqual(stage.keeper.isLeft, true);
  // What the speaker still tells of its end does not bring the entry back.
  stage.keeper.take({ kind: "peer", name: "tor", session: DOWN }, AT);
  deepStrictEqual(stage.keeper.writes(AT).map(({ body }) => body), [
    { status: { nodesConfStatus: { n1: null } } },
    { status: { nodesPeerStatus: { n1: null } } },
  ]);
});

Deno.test("SpeakerKeeper tells once what of the objects cannot be used", () => {
  const stage = new Stage();
  stage.peer("nowhere");
  stage.kinds();
  strictEqual(stage.keeper.takeRefusals().length, 1);
  stage.keeper.note();
  stage.kinds();
  deepStrictEqual(stage.keeper.takeRefusals(), []);
});

Deno.test("SpeakerKeeper names the routers that it has sessions with, by address and by what they say of themselves", () => {
  const stage = new Stage();
  stage.kinds();
  deepStrictEqual(stage.keeper.routers, []);
  stage.keeper.take({ kind: "peer", name: "tor", session: UP }, AT);
  const names = ["192.0.2.1", "65001/192.0.2.1"];
  deepStrictEqual(stage.keeper.routers, names);
  // What was lost by silence may be unreachable from the router, too.
  const lost = { ...DOWN, isLost: true } as const;
  stage.keeper.take({ kind: "peer", name: "tor", session: lost }, AT);
  deepStrictEqual(stage.keeper.routers, names);
  stage.keeper.take({ kind: "peer", name: "tor", session: DOWN }, AT);
  deepStrictEqual(stage.keeper.routers, []);
});

Deno.test("SpeakerKeeper names the routers of a prefix that it has sessions with, and the first in its log", () => {
  const stage = new Stage();
  stage.kinds();
  const { agreed, ...up } = UP;
  ok(agreed !== undefined);
  const neighbors = {
    "10.0.0.7": DOWN,
    "10.0.0.8": { ...UP, agreed: { ...agreed, routerId: "10.0.0.8" } },
  };
  const session = { ...up, neighbors };
  const news = stage.keeper.take({ kind: "peer", name: "tor", session }, AT);
  deepStrictEqual(news?.fields, {
    peer: "tor",
    state: "Established",
    peerAs: 65_001,
    routerId: "10.0.0.8",
  });
  deepStrictEqual(stage.keeper.routers, ["10.0.0.8", "65001/10.0.0.8"]);
});

Deno.test("SpeakerKeeper does not count a router that it never had a session with", () => {
  const stage = new Stage();
  stage.kinds();
  const session = { ...DOWN, isLost: true } as const;
  stage.keeper.take({ kind: "peer", name: "tor", session }, AT);
  deepStrictEqual(stage.keeper.routers, []);
});

Deno.test("SpeakerKeeper tells routers of a node whose agent lives and does not leave", () => {
  const stage = new Stage();
  stage.second();
  const second = { node: "n2", live: true, leaving: false, macs: [] };
  stage.views = [second];
  ok(stage.kinds().includes("set-third-parties"));
  deepStrictEqual(stage.kinds(), []);
  stage.views = [{ ...second, leaving: true }];
  deepStrictEqual(stage.kinds(), ["retire"]);
  stage.views = [second];
  deepStrictEqual(stage.kinds(), ["announce"]);
  stage.views = [{ ...second, live: false }];
  deepStrictEqual(stage.kinds(), ["withdraw"]);
});

/** One node with a Service of a bgp Eip, a BgpConf and a BgpPeer. */
class Stage {
  readonly #cluster = new ClusterState();
  readonly #tables: BgpTables = { bgpconf: new Map(), bgppeer: new Map() };
  readonly #index = new VipIndex({
    loadBalancerClass: "openelb.io/openelb",
    claimUnclassed: false,
  });
  readonly keeper: SpeakerKeeper = new SpeakerKeeper("n1", {
    index: this.#index,
    tables: this.#tables,
    seed: 1,
  });

  /** The agents by their Leases. */
  views: readonly NodeView[] = [];

  constructor() {
    this.#cluster.putNode(value(projectNode({
      metadata: { name: "n1" },
      status: {
        conditions: [{ type: "Ready", status: "True" }],
        addresses: [{ type: "InternalIP", address: "192.0.2.11" }],
      },
    })));
    this.#cluster.putAgent({
      node: "n1",
      links: [],
      canReach: new Map(),
      problems: [],
    });
    this.#cluster.putEip(value(projectEip({
      metadata: { name: "pool" },
      spec: { address: "192.0.2.91" },
    })));
    this.#cluster.putService(value(projectService({
      metadata: { name: "web", namespace: "d", uid: "u" },
      spec: { type: "LoadBalancer", loadBalancerClass: "openelb.io/openelb" },
      status: { loadBalancer: { ingress: [{ ip: "192.0.2.91" }] } },
    })));
    this.#cluster.putEndpointSlice(value(projectEndpointSlice({
      metadata: {
        name: "web-1",
        namespace: "d",
        labels: { "kubernetes.io/service-name": "web" },
      },
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.0.0.1"], nodeName: "n1" }],
    })));
    this.#conf({});
    this.peer("192.0.2.1");
  }

  /** Another node, with an agent. */
  second(): void {
    this.#cluster.putNode(value(projectNode({
      metadata: { name: "n2" },
      status: {
        conditions: [{ type: "Ready", status: "True" }],
        addresses: [{ type: "InternalIP", address: "192.0.2.12" }],
      },
    })));
    this.#cluster.putAgent({
      node: "n2",
      links: [],
      canReach: new Map(),
      problems: [],
    });
    this.keeper.note();
  }

  peer(neighborAddress: string, status = {}): void {
    const metadata = { name: "tor", uid: "u" };
    const spec = { conf: { neighborAddress, peerAs: 65_001 } };
    const peer = value(projectBgpPeer({ metadata, spec, status }));
    this.#tables.bgppeer.set("tor", peer);
    this.keeper.note();
  }

  /** The entries of this node are in the statuses. */
  showEntries(): void {
    this.#conf({ nodesConfStatus: { n1: { as: 65_000 } } });
    this.peer("192.0.2.1", { nodesPeerStatus: { n1: { downReason: "x" } } });
  }

  kinds(isAdmitted = true): readonly string[] {
    this.#index.note(this.#cluster, this.#cluster.takeChanges());
    const change = this.keeper.plan(this.#cluster);
    return this.keeper.commands(this.#cluster, change, {
      isAdmitted,
      views: this.views,
    }).map((
      { kind },
    ) => kind);
  }

  #conf(status: Record<string, unknown>): void {
    const metadata = { name: "default" };
    const spec = { as: 65_000 };
    const conf = value(projectBgpConf({ metadata, spec, status }));
    this.#tables.bgpconf.set("default", conf);
  }
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
