import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  projectEip,
  projectEndpointSlice,
  projectNode,
  projectService,
} from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import { ClusterState } from "./cluster_state.ts";
import type { NodeWeights } from "./endpoint_weights.ts";
import { type RouteChange, Routes } from "./routes.ts";
import { VipIndex } from "./vip_index.ts";

type Raw = { [key: string]: unknown };

Deno.test("Routes: under Cluster every fit node with an agent is a next hop", () => {
  const world = new World();
  deepStrictEqual(world.hops(), ["n1", "n2", "n3"]);
  world.state.removeAgent("n2");
  deepStrictEqual(world.hops(), ["n1", "n3"]);
});

Deno.test("Routes: under Local only nodes with a ready endpoint are", () => {
  const world = new World().service("web", {
    externalTrafficPolicy: "Local",
  });
  deepStrictEqual(world.hops(), ["n1"]);
  world.endpoints("web", ["n2", "n3"]);
  deepStrictEqual(world.hops(), ["n2", "n3"]);
  world.endpoints("web", []);
  deepStrictEqual(world.hops(), []);
});

Deno.test("Routes: under Local a node weighs as much as it has endpoints, and another number is another plan", () => {
  const world = new World().service("web", { externalTrafficPolicy: "Local" });
  world.endpoints("web", ["n1", "n2"]);
  deepStrictEqual(world.weights(), { n1: 1, n2: 1 });
  strictEqual(world.plan().upserts.length, 0);
  world.endpoints("web", ["n1", "n2", "n2"]);
  deepStrictEqual(world.weights(), { n1: 1, n2: 2 });
  world.service("web", {});
  strictEqual(world.weights(), undefined);
});

Deno.test("Routes: a Service without any endpoint has no next hop", () => {
  deepStrictEqual(new World().endpoints("web", []).hops(), []);
});

Deno.test.each([
  { name: "not Ready", node: { ready: "False" } },
  {
    name: "excluded",
    node: {
      labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" },
    },
  },
  {
    name: "going",
    node: { taints: [{ key: "ToBeDeletedByClusterAutoscaler" }] },
  },
])("Routes: a node that is $name is no next hop", ({ node }) => {
  deepStrictEqual(new World().node("n2", node).hops(), ["n1", "n3"]);
});

Deno.test("Routes: a node whose agent says that it is unfit is no next hop, unless all say so", () => {
  const world = new World().agent("n1", "KubeProxyUnhealthy");
  deepStrictEqual(world.hops(), ["n2", "n3"]);
  for (const name of ["n2", "n3"]) world.agent(name, "KubeProxyUnhealthy");
  deepStrictEqual(world.hops(), ["n1", "n2", "n3"]);
});

Deno.test("Routes: interfaces do not count", () => {
  const world = new World().eip({ protocol: "bgp", interface: "bond7" });
  deepStrictEqual(world.hops(), ["n1", "n2", "n3"]);
});

Deno.test("Routes: nodes that the Eip's nodeSelector leaves out are no next hops, as labels change", () => {
  const world = new World().eip({
    protocol: "bgp",
    nodeSelector: { matchLabels: { edge: "yes" } },
  });
  deepStrictEqual(world.hops(), []);
  world.node("n2", { labels: { edge: "yes" } });
  deepStrictEqual(world.hops(), ["n2"]);
  world.node("n3", { labels: { edge: "yes" } }).node("n2", {});
  deepStrictEqual(world.hops(), ["n3"]);
});

Deno.test("Routes: an Eip that is left to the CNI is not announced to routers", () => {
  const world = new World();
  world.plan();
  world.eip({ protocol: "bgp" }, { "openelb.kubesphere.io/cni": "calico" });
  deepStrictEqual(world.plan().removes, ["192.0.2.91"]);
  strictEqual(world.hops(), undefined);
});

Deno.test.each([
  ["bgp", true],
  ["", true],
  ["layer2", false],
  ["vip", false],
])(
  "Routes: an Eip of protocol %j is announced to routers: %s",
  (protocol, routed) => {
    const world = new World().eip({ protocol });
    strictEqual(world.hops() !== undefined, routed);
  },
);

Deno.test.each([
  { name: "has no address in its status", service: { ips: [] } },
  {
    name: "is of a foreign class",
    service: { loadBalancerClass: "example.org/other" },
  },
  {
    name: "is being deleted",
    service: { deletionTimestamp: "2026-01-01T00:00:00Z" },
  },
])("Routes: a Service that $name has no route", ({ service }) => {
  const world = new World();
  world.plan();
  world.service("web", service);
  deepStrictEqual(world.plan().removes, ["192.0.2.91"]);
  strictEqual(world.hops(), undefined);
});

Deno.test("Routes: what is as it was is not told again", () => {
  const world = new World();
  deepStrictEqual(world.plan().upserts.map(({ vip }) => vip), ["192.0.2.91"]);
  deepStrictEqual(world.plan(), { upserts: [], removes: [] });
  world.node("n2", {});
  world.endpoints("web", ["n3"]);
  deepStrictEqual(world.plan(), { upserts: [], removes: [] });
});

Deno.test("Routes: an address that is shared is announced where any of its Services is", () => {
  const world = new World().service("web", { externalTrafficPolicy: "Local" })
    .service("other", { externalTrafficPolicy: "Local" })
    .endpoints("other", ["n3"]);
  deepStrictEqual(world.hops(), ["n1", "n3"]);
});

Deno.test("Routes: step by step they come to the same as from scratch", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("service" as const),
      name: fc.constantFrom("web", "other"),
      local: fc.boolean(),
      ip: fc.constantFrom("192.0.2.91", "192.0.2.92", "198.51.100.1"),
    }),
    fc.record({
      kind: fc.constant("endpoints" as const),
      name: fc.constantFrom("web", "other"),
      nodes: fc.subarray(["n1", "n2", "n3"]),
    }),
    fc.record({
      kind: fc.constant("node" as const),
      name: fc.constantFrom("n1", "n2"),
      ready: fc.constantFrom("True", "False"),
    }),
    fc.record({
      kind: fc.constant("eip" as const),
      protocol: fc.constantFrom("bgp", "layer2"),
    }),
    fc.record({
      kind: fc.constant("agent" as const),
      name: fc.constantFrom("n1", "n2"),
      unfit: fc.boolean(),
    }),
  );
  let planned = 0;
  fc.assert(fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
    const world = new World();
    const told = new Map<string, unknown>();
    const follow = ({ upserts, removes }: RouteChange): void => {
      for (const plan of upserts) told.set(plan.vip, plan);
      for (const vip of removes) told.delete(vip);
    };
    for (const one of steps) {
      world.take(one);
      follow(world.plan());
      const fresh = world.fromScratch();
      deepStrictEqual(sorted(world.routes.plans), fresh);
      deepStrictEqual(sorted(told), fresh);
      planned += fresh.length;
    }
  }));
  strictEqual(planned > 50, true);
});

/** Three nodes with agents, one Eip of bgp, one Service. */
class World {
  readonly state: ClusterState = new ClusterState();
  readonly index: VipIndex = new VipIndex(CLAIM);
  readonly routes: Routes = new Routes(this.index);
  #version = 0;

  constructor() {
    for (const name of ["n1", "n2", "n3"]) this.node(name, {}).agent(name);
    this.eip({ protocol: "bgp" });
    this.service("web", {}).endpoints("web", ["n1"]);
  }

  take(
    step:
      | { kind: "service"; name: string; local: boolean; ip: string }
      | { kind: "endpoints"; name: string; nodes: readonly string[] }
      | { kind: "node"; name: string; ready: string }
      | { kind: "eip"; protocol: string }
      | { kind: "agent"; name: string; unfit: boolean },
  ): void {
    switch (step.kind) {
      case "service":
        this.service(step.name, {
          ips: [step.ip],
          externalTrafficPolicy: step.local ? "Local" : "Cluster",
        });
        break;
      case "endpoints":
        this.endpoints(step.name, step.nodes);
        break;
      case "node":
        this.node(step.name, { ready: step.ready });
        break;
      case "eip":
        this.eip({ protocol: step.protocol });
        break;
      case "agent":
        this.agent(step.name, step.unfit ? "KubeProxyUnhealthy" : undefined);
        break;
    }
  }

  node(name: string, options: Raw): this {
    const { ready = "True", labels = {}, ...spec } = options;
    this.state.putNode(value(projectNode({
      metadata: this.#meta(name, { labels }),
      spec,
      status: { conditions: [{ type: "Ready", status: ready }] },
    })));
    return this;
  }

  agent(node: string, unfit?: string): this {
    this.state.putAgent({
      node,
      links: [],
      canReach: new Map(),
      problems: [],
      ...(unfit === undefined ? {} : { unfit }),
    });
    return this;
  }

  eip(spec: Raw, labels: Raw = {}): this {
    this.state.putEip(value(projectEip({
      metadata: this.#meta("pool", { labels }),
      spec: { address: "192.0.2.0/24", ...spec },
    })));
    return this;
  }

  service(name: string, options: Raw): this {
    const { ips = ["192.0.2.91"], deletionTimestamp, ...spec } = options;
    this.state.putService(value(projectService({
      metadata: this.#meta(name, {
        namespace: "d",
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      }),
      spec: {
        type: "LoadBalancer",
        loadBalancerClass: CLAIM.loadBalancerClass,
        ...spec,
      },
      status: {
        loadBalancer: { ingress: (ips as string[]).map((ip) => ({ ip })) },
      },
    })));
    return this;
  }

  endpoints(service: string, nodes: readonly string[]): this {
    this.state.putEndpointSlice(value(projectEndpointSlice({
      metadata: this.#meta(`${service}-1`, {
        namespace: "d",
        labels: { "kubernetes.io/service-name": service },
      }),
      addressType: "IPv4",
      endpoints: nodes.map((nodeName, i) => ({
        addresses: [`10.0.0.${i + 1}`],
        nodeName,
      })),
    })));
    return this;
  }

  plan(): RouteChange {
    this.index.note(this.state, this.state.takeChanges());
    return this.routes.plan(this.state);
  }

  /** The next hops of the first address, after planning again. */
  weights(): NodeWeights | undefined {
    this.plan();
    return this.routes.plans.values().next().value?.weights;
  }

  hops(): readonly string[] | undefined {
    this.plan();
    return [...this.routes.plans.values()].find(({ vip }) =>
      vip === "192.0.2.91"
    )?.nodes;
  }

  /** What an agent that starts now would announce. */
  fromScratch(): readonly unknown[] {
    const index = new VipIndex(CLAIM);
    const routes = new Routes(index);
    index.note(
      this.state,
      [...this.state.services.keys()].map((key) => ({
        kind: "service",
        key,
        vanished: false,
      })),
    );
    routes.plan(this.state);
    return sorted(routes.plans);
  }

  #meta(name: string, fields: Raw): Raw {
    const resourceVersion = `${++this.#version}`;
    return { name, uid: `uid-${name}`, resourceVersion, ...fields };
  }
}

function sorted(plans: ReadonlyMap<string, unknown>): readonly unknown[] {
  return [...plans].sort(([a], [b]) => a < b ? -1 : 1).map(([, plan]) => plan);
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

const CLAIM = {
  loadBalancerClass: "openelb.io/openelb",
  claimUnclassed: false,
} as const;
