import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import {
  projectEip,
  projectEndpointSlice,
  projectNode,
  projectService,
} from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import { type AnnouncementChange, Announcements } from "./announcements.ts";
import { ClusterState } from "./cluster_state.ts";

type Raw = { [key: string]: unknown };

Deno.test("Announcements: under Cluster every fit node with an agent may answer", () => {
  const world = new World();
  deepStrictEqual(world.plan(), {
    upserts: [{
      vip: "192.0.2.91",
      eip: "pool",
      services: ["d/web"],
      eligible: ["n1", "n2", "n3"],
      preferences: [],
      links: ["eth0"],
      answersPing: false,
      problem: undefined,
    }],
    removes: [],
  });
  deepStrictEqual(world.plan(), { upserts: [], removes: [] });
});

Deno.test("Announcements: nodeSelector leaves nodes out, and follows their labels", () => {
  const world = new World();
  world.node("n1", { labels: { rack: "r1" } });
  world.node("n2", { labels: { rack: "r2" } });
  world.eip("pool", {
    nodeSelector: {
      matchExpressions: [{ key: "rack", operator: "In", values: ["r1", "r3"] }],
    },
  });
  deepStrictEqual(world.eligible(), ["n1"]);
  deepStrictEqual(world.verdicts(), {
    n1: "eligible",
    n2: "not-selected",
    n3: "not-selected",
  });
  world.node("n3", { labels: { rack: "r3" } });
  deepStrictEqual(world.eligible(), ["n1", "n3"]);
  world.node("n1");
  deepStrictEqual(world.eligible(), ["n3"]);
  world.eip("pool", { nodeSelector: { matchLabels: { rack: "r9" } } });
  deepStrictEqual(world.eligible(), []);
  world.eip("pool", {});
  strictEqual(world.eligible()?.length, 3);
});

Deno.test("Announcements: preferredNodes tells how much each node is preferred, and follows labels", () => {
  const world = new World();
  world.node("n2", { labels: { rack: "r2" } });
  world.eip("pool", {
    preferredNodes: [
      { weight: 10, preference: { matchLabels: { rack: "r2" } } },
      { weight: 20, preference: { matchLabels: { rack: "r3" } } },
    ],
  });
  world.plan();
  deepStrictEqual(world.planned()?.preferences, [0, 1, 0]);
  world.node("n3", { labels: { rack: "r3" } });
  strictEqual(world.plan().upserts.length, 1);
  deepStrictEqual(world.planned()?.preferences, [0, 1, 2]);
  // A node that fails changes nothing for the others.
  world.node("n3", { labels: { rack: "r3" }, ready: "False" });
  world.plan();
  deepStrictEqual(world.planned()?.eligible, ["n1", "n2"]);
  deepStrictEqual(world.planned()?.preferences, [0, 1]);
  world.node("n2", { ready: "True" });
  world.plan();
  deepStrictEqual(world.planned()?.preferences, []);
});

Deno.test("Announcements: an Eip that is left to the CNI is not announced", () => {
  const world = new World();
  strictEqual(world.eligible()?.length, 3);
  world.eip("pool", { labels: { "openelb.kubesphere.io/cni": "calico" } });
  strictEqual(world.eligible(), undefined);
  world.eip("pool", {});
  strictEqual(world.eligible()?.length, 3);
});

Deno.test("Announcements: the annotation of a Node chooses among the interfaces that an Eip leaves open", () => {
  const world = new World();
  const twoLinks = { eth0: "192.0.2.11/24", eth1: "198.51.100.2/24" };
  world.agent("n1", twoLinks);
  const links = (address?: string): unknown => {
    world.node("n1", {
      annotations: address === undefined
        ? {}
        : { "layer2.openelb.kubesphere.io/v1alpha1": address },
    });
    world.plan();
    return world.planned()?.links;
  };
  world.eip("pool", { interface: "eth*" });
  deepStrictEqual(links(), ["eth0", "eth1"]);
  deepStrictEqual(links("198.51.100.2"), ["eth1"]);
  deepStrictEqual(links("192.0.2.0/24"), ["eth0"]);
  world.eip("pool", { interface: "" });
  deepStrictEqual(links("198.51.100.2"), ["eth1"]);
  deepStrictEqual(links(), ["eth0"]);
});

Deno.test("Announcements: under Local only nodes with a ready endpoint may answer", () => {
  const world = new World();
  world.service("web", { externalTrafficPolicy: "Local" });
  world.endpoints("web", [
    { nodeName: "n1", conditions: { ready: false, serving: false } },
    { nodeName: "n2", conditions: { ready: true } },
    { nodeName: "n3", conditions: TERMINATING },
    { nodeName: "n9", conditions: { ready: true } },
  ]);
  deepStrictEqual(world.eligible(), ["n2"]);
  world.endpoints("web", [{ nodeName: "n1" }]);
  deepStrictEqual(world.eligible(), ["n1"]);
});

Deno.test("Announcements: under Local nodes whose endpoints serve while terminating may answer where none is ready", () => {
  const world = new World();
  world.service("web", { externalTrafficPolicy: "Local" });
  world.endpoints("web", [
    { nodeName: "n1", conditions: TERMINATING },
    { nodeName: "n2", conditions: { ready: false, serving: false } },
    { nodeName: "n3", conditions: TERMINATING },
  ]);
  deepStrictEqual(world.eligible(), ["n1", "n3"]);
});

Deno.test("Announcements: a Service without any endpoint is withdrawn, and comes back", () => {
  const world = new World();
  strictEqual(world.eligible()?.length, 3);
  world.endpoints("web", []);
  deepStrictEqual(world.eligible(), []);
  world.endpoints("web", [{
    nodeName: "n2",
    conditions: { ready: false, serving: false },
  }]);
  deepStrictEqual(world.eligible(), []);
  world.endpoints("web", [{ nodeName: "n2" }]);
  strictEqual(world.eligible()?.length, 3);
  world.state.remove("endpointslice", "d/web-1");
  deepStrictEqual(world.eligible(), []);
});

Deno.test("Announcements: a Service without endpoints keeps no other of its Eip from being announced", () => {
  const world = new World();
  // As many as a table is gone through in any order.
  for (let i = 0; i < 9; i++) {
    world.service(`empty-${i}`, { ips: [`192.0.2.${100 + i}`] });
  }
  world.service("other", { ips: ["192.0.2.92"] });
  world.endpoints("other", [{ nodeName: "n2" }]);
  world.plan();
  const answered = [...world.announcements.plans.values()]
    .filter(({ eligible }) => eligible.length > 0).map(({ vip }) => vip);
  deepStrictEqual(answered.sort(), ["192.0.2.91", "192.0.2.92"]);
});

const UNFIT: readonly { name: string; node: Raw }[] = [
  { name: "not Ready", node: { ready: "False" } },
  { name: "of unknown state", node: { ready: "Unknown" } },
  { name: "without a network", node: { networkUnavailable: "True" } },
  {
    name: "excluded by the well-known label",
    node: {
      labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" },
    },
  },
  {
    name: "about to be deleted by the autoscaler",
    node: {
      taints: [
        { key: "other", effect: "NoSchedule" },
        { key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" },
      ],
    },
  },
  {
    name: "out of service",
    node: {
      taints: [
        { key: "node.kubernetes.io/out-of-service", effect: "NoExecute" },
      ],
    },
  },
];

Deno.test.each(UNFIT)(
  "Announcements: a node that is $name may not answer",
  ({ node }) => {
    const world = new World();
    world.node("n2", node);
    deepStrictEqual(world.eligible(), ["n1", "n3"]);
    world.node("n2");
    deepStrictEqual(world.eligible(), ["n1", "n2", "n3"]);
  },
);

Deno.test("Announcements: cordoning alone takes nothing away", () => {
  const world = new World();
  world.node("n2", {
    unschedulable: true,
    taints: [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }],
  });
  deepStrictEqual(world.eligible(), ["n1", "n2", "n3"]);
});

Deno.test("Announcements: a node keeps its links while it hands over", () => {
  const world = new World();
  world.plan();
  world.node("n1", UNFIT.at(-1)?.node);
  deepStrictEqual(world.eligible(), ["n2", "n3"]);
  deepStrictEqual(world.planned()?.links, ["eth0"]);
  world.endpoints("web", []);
  deepStrictEqual(world.eligible(), []);
  deepStrictEqual(world.planned()?.links, ["eth0"]);
  strictEqual(world.planned()?.problem, undefined);
});

Deno.test("Announcements: a node whose agent says that it is unfit may not answer, unless all say so", () => {
  const world = new World();
  const says = (node: string, unfit?: string) => {
    const agent = world.state.agents.get(node);
    if (agent === undefined) throw new Error(node);
    const { unfit: _, ...fit } = agent;
    world.state.putAgent({
      ...fit,
      ...(unfit === undefined ? {} : { unfit }),
    });
  };
  says("n1", "KubeProxyUnhealthy");
  deepStrictEqual(world.eligible(), ["n2", "n3"]);
  deepStrictEqual(world.planned()?.links, ["eth0"]);
  says("n2", "AnotherReason");
  deepStrictEqual(world.eligible(), ["n3"]);
  // Those that are out for another reason do not count.
  world.node("n3", { ready: "False" });
  deepStrictEqual(world.eligible(), ["n1", "n2"]);
  world.node("n3");
  says("n3", "KubeProxyUnhealthy");
  deepStrictEqual(world.eligible(), ["n1", "n2", "n3"]);
  says("n2");
  deepStrictEqual(world.eligible(), ["n2"]);
  says("n1");
  says("n3");
  deepStrictEqual(world.eligible(), ["n1", "n2", "n3"]);
});

Deno.test("Announcements: a node whose agent was refused its sockets never may answer", () => {
  const world = new World();
  const says = (node: string, unfit: string) => {
    const agent = world.state.agents.get(node);
    if (agent === undefined) throw new Error(node);
    world.state.putAgent({ ...agent, unfit });
  };
  says("n1", "SocketRefused");
  deepStrictEqual(world.eligible(), ["n2", "n3"]);
  for (const node of ["n2", "n3"]) says(node, "KubeProxyUnhealthy");
  deepStrictEqual(world.eligible(), ["n2", "n3"]);
  for (const node of ["n2", "n3"]) says(node, "SocketRefused");
  deepStrictEqual(world.eligible(), []);
});

Deno.test("Announcements: when no node is Ready, all that are not excluded may answer", () => {
  const world = new World();
  for (const name of ["n1", "n2"]) world.node(name, { ready: "Unknown" });
  world.node("n3", {
    ready: "Unknown",
    labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" },
  });
  deepStrictEqual(world.eligible(), ["n1", "n2"]);
});

Deno.test("Announcements: a node without an agent, or whose agent is gone, may not answer", () => {
  const world = new World();
  world.state.removeAgent("n3");
  deepStrictEqual(world.eligible(), ["n1", "n2"]);
  world.node("n9");
  deepStrictEqual(world.eligible(), ["n1", "n2"]);
});

Deno.test("Announcements: an address that is shared may be answered where any of its Services can", () => {
  const world = new World();
  for (const [name, node] of [["web", "n1"], ["more", "n3"]] as const) {
    world.service(name, { externalTrafficPolicy: "Local" });
    world.endpoints(name, [{ nodeName: node }]);
  }
  deepStrictEqual(world.eligible(), ["n1", "n3"]);
  deepStrictEqual(world.planned()?.services, ["d/more", "d/web"]);
  world.state.remove("service", "d/more");
  deepStrictEqual(world.eligible(), ["n1"]);
});

Deno.test("Announcements: interfaces are chosen on each node by its own", () => {
  const world = new World();
  world.agent("n2", { eth1: "192.0.2.12/24" });
  world.agent("n3", { eth0: "198.51.100.13/24", eth1: "192.0.2.13/24" });
  deepStrictEqual(world.eligible(), ["n1", "n3"]);
  world.eip("pool", { interface: "eth*" });
  deepStrictEqual(world.eligible(), ["n1", "n2", "n3"]);
  // By the subnet that holds the address.
  world.eip("pool", { interface: "" });
  deepStrictEqual(world.eligible(), ["n1", "n2", "n3"]);
  deepStrictEqual(world.planned()?.links, ["eth0"]);
  world.agent("n1", { eth0: "198.51.100.11/24", eth5: "192.0.2.11/24" });
  world.eligible();
  deepStrictEqual(world.planned()?.links, ["eth5"]);
});

Deno.test("Announcements: this node says why it cannot answer", () => {
  const world = new World();
  world.eip("pool", { interface: "eth7" });
  deepStrictEqual(world.eligible(), []);
  strictEqual(world.planned()?.problem?.reason, "InterfaceNotFound");
  deepStrictEqual(world.planned()?.links, []);
});

Deno.test("Announcements: only Eips of layer2 are announced", () => {
  const world = new World();
  strictEqual(world.eligible()?.length, 3);
  world.eip("pool", { protocol: "bgp" });
  deepStrictEqual(world.plan(), { upserts: [], removes: ["192.0.2.91"] });
  world.eip("pool", {});
  strictEqual(world.eligible()?.length, 3);
  world.state.remove("eip", "pool");
  deepStrictEqual(world.plan().removes, ["192.0.2.91"]);
});

Deno.test("Announcements: what a Service gives up is withdrawn, what it gets is announced", () => {
  const world = new World();
  world.plan();
  world.service("web", { ips: ["192.0.2.92"] });
  deepStrictEqual(summary(world.plan()), {
    up: ["192.0.2.92"],
    gone: ["192.0.2.91"],
  });
  world.service("web", { ips: [] });
  deepStrictEqual(summary(world.plan()), { up: [], gone: ["192.0.2.92"] });
  world.service("web", { type: "ClusterIP" });
  deepStrictEqual(summary(world.plan()), { up: [], gone: [] });
});

Deno.test("Announcements: a Service that is being deleted, or of a foreign class, is not announced", () => {
  const world = new World();
  world.service("web", { deletionTimestamp: "2026-01-01T00:00:00Z" });
  deepStrictEqual(summary(world.plan()), { up: [], gone: [] });
  world.service("web", { loadBalancerClass: "example.com/other" });
  deepStrictEqual(summary(world.plan()), { up: [], gone: [] });
});

Deno.test("Announcements: of Eips that overlap all agents take the oldest, whatever they saw first", () => {
  const plans = [["old", "young"], ["young", "old"]].map((order) => {
    const world = new World();
    world.state.remove("eip", "pool");
    for (const name of order) {
      world.eip(name, {
        interface: name === "old" ? "eth0" : "eth9",
        creationTimestamp: `2026-01-0${name === "old" ? 1 : 2}T00:00:00Z`,
      });
    }
    world.plan();
    return world.planned();
  });
  strictEqual(plans[0]?.eip, "old");
  deepStrictEqual(plans[1], plans[0]);
});

Deno.test("Announcements: an address stays with the Eip its Service is labelled with", () => {
  const world = new World();
  world.eip("given", {
    interface: "eth1",
    creationTimestamp: "2026-01-09T00:00:00Z",
  });
  world.service("web", { label: "given" });
  world.plan();
  strictEqual(world.planned()?.eip, "given");
  // It does not have the address any more: who has it now announces it.
  world.eip("given", { address: "198.51.100.1" });
  world.plan();
  strictEqual(world.planned()?.eip, "pool");
});

Deno.test("Announcements: an address that no Eip has any more is announced as the Eip of its family says", () => {
  const world = new World();
  world.eip("four", { protocol: "bgp", address: "10.0.0.0/24" });
  world.eip("six", { interface: "eth9", address: "2001:db8::/64" });
  const ips = ["10.0.9.1", "2001:db8:9::1"];
  world.service("web", { ips, label: "four", second: "six" });
  world.plan();
  const eips = [...world.announcements.plans].map(([vip, { eip }]) =>
    `${vip} ${eip}`
  );
  deepStrictEqual(eips, ["2001:db8:9::1 six"]);
});

Deno.test("Announcements: step by step they come to the same as from scratch", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(STEPS, { maxLength: 4 }), { maxLength: 30 }),
      (batches) => {
        const world = new World();
        for (const batch of batches) {
          for (const step of batch) step(world);
          const told = new Map(world.told);
          const { upserts, removes } = world.plan();
          for (const vip of removes) told.delete(vip);
          for (const plan of upserts) told.set(plan.vip, plan);
          world.told = told;
          const fresh = world.fromScratch();
          deepStrictEqual(sorted(world.announcements.plans), fresh);
          // And who only heard of the changes knows the same.
          deepStrictEqual(sorted(told), fresh);
        }
      },
    ),
    { numRuns: 200 },
  );
});

const TERMINATING = { ready: false, serving: true, terminating: true };
const NAMES = fc.constantFrom("web", "more", "third");
const NODES = fc.constantFrom("n1", "n2", "n3");
const VIPS = fc.subarray(["192.0.2.91", "192.0.2.92", "198.51.100.1"], {
  maxLength: 2,
});
const LINKS = fc.constantFrom(
  "eth0",
  "eth1",
  "",
  "eth*",
  "eth9",
  "can_reach:192.0.2.1",
);
const RACK_1 = { matchLabels: { rack: "r1" } };
const SELECTIONS = fc.constantFrom<Raw>(
  {},
  { nodeSelector: RACK_1 },
  { preferredNodes: [{ weight: 1, preference: RACK_1 }] },
);
const STEPS: fc.Arbitrary<(world: World) => void> = fc.oneof(
  fc.record({
    name: NAMES,
    ips: VIPS,
    externalTrafficPolicy: fc.constantFrom("Local", "Cluster"),
    label: fc.constantFrom(undefined, "pool", "other"),
    second: fc.constantFrom(undefined, "pool", "other"),
  }).map(({ name, ...options }) => (world: World) =>
    world.service(name, options)
  ),
  NAMES.map((name) => (world: World) =>
    world.state.remove("service", `d/${name}`)
  ),
  fc.tuple(NAMES, fc.subarray(["n1", "n2", "n3"]), fc.boolean()).map(
    ([name, nodes, ready]) => (world: World) =>
      world.endpoints(
        name,
        nodes.map((nodeName) => ({ nodeName, conditions: { ready } })),
      ),
  ),
  fc.record({
    name: NODES,
    ready: fc.constantFrom("True", "False"),
    labels: fc.constantFrom({}, { rack: "r1" }, { rack: "r2" }),
    annotations: fc.constantFrom({}, {
      "layer2.openelb.kubesphere.io/v1alpha1": "198.51.100.2",
    }),
  }).map(({ name, ...options }) => (world: World) => world.node(name, options)),
  NODES.map((name) => (world: World) => world.state.remove("node", name)),
  fc.tuple(
    NODES,
    fc.dictionary(
      fc.constantFrom("eth0", "eth1"),
      fc.constantFrom("192.0.2.11/24", "198.51.100.2/24"),
    ),
  ).map(
    ([name, links]) => (world: World) => world.agent(name, links),
  ),
  NODES.map((name) => (world: World) => world.state.removeAgent(name)),
  fc.tuple(
    fc.constantFrom("pool", "other"),
    LINKS,
    fc.constantFrom("layer2", "bgp"),
    fc.constantFrom("192.0.2.0/24", "192.0.2.92", "198.51.100.0/24"),
    SELECTIONS,
  ).map(
    ([name, link, protocol, address, selection]) => (world: World) =>
      world.eip(name, { interface: link, protocol, address, ...selection }),
  ),
  fc.constantFrom("pool", "other").map((name) => (world: World) =>
    world.state.remove("eip", name)
  ),
);

/** Three nodes with agents, one Eip, one Service. */
class World {
  readonly state: ClusterState = new ClusterState();
  readonly announcements: Announcements = new Announcements("n1", CLAIM);
  told: ReadonlyMap<string, unknown> = new Map();
  #version = 0;

  constructor() {
    for (const [i, name] of ["n1", "n2", "n3"].entries()) {
      this.node(name);
      this.agent(name, { eth0: `192.0.2.${11 + i}/24` });
    }
    this.eip("pool", {});
    this.service("web", {});
    this.endpoints("web", [{ nodeName: "n1" }]);
  }

  node(name: string, options: Raw = {}): void {
    const {
      ready = "True",
      networkUnavailable = "False",
      labels = {},
      annotations = {},
      ...spec
    } = options;
    this.state.putNode(value(projectNode({
      metadata: this.#meta(name, { labels, annotations }),
      spec,
      status: {
        conditions: [
          { type: "Ready", status: ready },
          { type: "NetworkUnavailable", status: networkUnavailable },
        ],
      },
    })));
  }

  agent(node: string, links: Readonly<Record<string, string>>): void {
    this.state.putAgent({
      node,
      links: Object.entries(links).map(([name, text]) => {
        const mac = parseMacAddr("02:00:00:00:00:01");
        const prefix = parsePrefix(text);
        if (mac === undefined || prefix === undefined) throw new Error(text);
        return { name, up: true, mac, prefixes: [prefix] };
      }),
      canReach: new Map(),
      problems: [],
    });
  }

  eip(name: string, options: Raw): void {
    const {
      creationTimestamp = "2026-01-01T00:00:00Z",
      labels = {},
      ...spec
    } = options;
    this.state.putEip(value(projectEip({
      metadata: this.#meta(name, { creationTimestamp, labels }),
      spec: {
        address: "192.0.2.0/24",
        protocol: "layer2",
        interface: "eth0",
        ...spec,
      },
    })));
  }

  service(name: string, options: Raw): void {
    const {
      ips = ["192.0.2.91"],
      deletionTimestamp,
      label,
      second,
      ...spec
    } = options;
    this.state.putService(value(projectService({
      metadata: this.#meta(name, {
        namespace: "d",
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
        labels: {
          ...(label === undefined
            ? {}
            : { "eip.openelb.kubesphere.io/v1alpha2": label }),
          ...(second === undefined
            ? {}
            : { "foghorn.openelb.io/second-eip": second }),
        },
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
  }

  endpoints(service: string, endpoints: readonly Raw[]): void {
    this.state.putEndpointSlice(value(projectEndpointSlice({
      metadata: this.#meta(`${service}-1`, {
        namespace: "d",
        labels: { "kubernetes.io/service-name": service },
      }),
      addressType: "IPv4",
      endpoints: endpoints.map((one) => ({ addresses: ["10.0.0.1"], ...one })),
    })));
  }

  plan(): AnnouncementChange {
    this.announcements.note(this.state, this.state.takeChanges());
    return this.announcements.plan(this.state);
  }

  /** What is announced of the first address. */
  planned() {
    const vip = parseIpAddr("192.0.2.91");
    return vip === undefined ? undefined : this.announcements.plans.get(vip);
  }

  /** Who may answer for the first address, after planning again. */
  eligible(): readonly string[] | undefined {
    this.plan();
    return this.planned()?.eligible;
  }

  /** What stands between the nodes and the first address. */
  verdicts(): Readonly<Record<string, string>> {
    const vip = parseIpAddr("192.0.2.91");
    if (vip === undefined) return {};
    const { nodes } = this.announcements.explain(this.state, vip);
    return Object.fromEntries(
      [...nodes].map(([node, { kind }]) => [node, kind]),
    );
  }

  /** What an agent that starts now would announce. */
  fromScratch(): readonly unknown[] {
    const fresh = new Announcements("n1", CLAIM);
    fresh.note(
      this.state,
      [...this.state.services.keys()].map((key) => ({
        kind: "service",
        key,
        vanished: false,
      })),
    );
    fresh.plan(this.state);
    return sorted(fresh.plans);
  }

  #meta(name: string, fields: Raw): Raw {
    const resourceVersion = `${++this.#version}`;
    return { name, uid: `uid-${name}`, resourceVersion, ...fields };
  }
}

function sorted(plans: ReadonlyMap<string, unknown>): readonly unknown[] {
  return [...plans].sort(([a], [b]) => a < b ? -1 : 1).map(([, plan]) => plan);
}

function summary({ upserts, removes }: AnnouncementChange) {
  return { up: upserts.map(({ vip }) => vip), gone: removes };
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

const CLAIM = {
  loadBalancerClass: "openelb.io/openelb",
  claimUnclassed: false,
} as const;
