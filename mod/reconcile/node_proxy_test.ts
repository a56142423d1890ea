/**
 * From a Service that asks for NodeProxy to what is written about it.
 *
 * @module
 */

import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { internalOf, ProxyWorld, told, WEB } from "./_node_proxy_stage_test.ts";
import type { AgentRecord } from "./cluster_state.ts";
import { ANSWERS_WAIT_MS, LEFT_GRACE_MS } from "./node_proxy_planner.ts";
import type { Raw } from "./_world_test.ts";

const ALL = ["n1", "n2", "n3"].map(internalOf);

Deno.test("Controller publishes every node of a daemonset by one write", () => {
  const world = new ProxyWorld();
  world.eip("pool", { address: "192.0.2.90-192.0.2.99" }, {
    annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
  });
  world.proxied("default/web", "daemonset");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ALL);
  strictEqual(world.writes(), 1);
  strictEqual(world.annotation(WEB, "internal-ip"), ALL.join(","));
  strictEqual(world.annotation(WEB, "external-ip"), "");
  strictEqual(world.condition(WEB, "AddressAssigned"), "True Assigned");
  strictEqual(world.condition(WEB, "Degraded"), "");
  deepStrictEqual(world.used("pool"), {});
  deepStrictEqual(world.events(), [
    `Normal AssignIP: success to assign ip: ${ALL.join(", ")}`,
  ]);
  const { metadata, status } = world.objects.get(WEB) ?? {};
  deepStrictEqual((metadata as Raw)["finalizers"], []);
  deepStrictEqual((status as Raw)["loadBalancer"], {
    ingress: ALL.map((ip) => ({ ip, ipMode: "VIP" })),
  });
});

Deno.test("Controller publishes one node of a deployment, the preferred one, and it stays", () => {
  const world = new ProxyWorld();
  world.node("n2", {
    labels: { "node-proxy.openelb.kubesphere.io/external-ip-preffered": "" },
  });
  world.proxied("default/web", "deployment");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), [internalOf("n2")]);
  world.node("n2");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), [internalOf("n2")]);
  world.node("n2", { ready: "False" });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), [internalOf("n1")]);
  world.node("n2");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), [internalOf("n1")]);
});

Deno.test("Controller spreads Services of type deployment over the nodes", () => {
  const world = new ProxyWorld();
  const ports = [80, 443].map((port) => ({ protocol: "TCP", port }));
  for (const [i, port] of [...ports, { protocol: "UDP", port: 53 }].entries()) {
    world.proxied(`default/web${i}`, "deployment", { spec: { ports: [port] } });
  }
  world.settleAll();
  deepStrictEqual(
    [0, 1, 2].map((i) => world.addresses(`default/web${i}`)[0]),
    ALL,
  );
});

Deno.test.each<{
  name: string;
  reason: string;
  change: (world: ProxyWorld) => void;
}>([
  {
    name: "labelled exclude-node",
    reason: "NodeProxyExcluded",
    change: (world) =>
      world.node("n2", {
        labels: { "node-proxy.openelb.kubesphere.io/exclude-node": "true" },
      }),
  },
  {
    name: "labelled not to be used by load balancers",
    reason: "NodeExcluded",
    change: (world) =>
      world.node("n2", {
        labels: {
          "node.kubernetes.io/exclude-from-external-load-balancers": "",
        },
      }),
  },
  {
    name: "not Ready",
    reason: "NodeNotReady",
    change: (world) => world.node("n2", { ready: "Unknown" }),
  },
  {
    name: "without an agent",
    reason: "NoAgent",
    change: (world) => world.state.removeAgent("n2"),
  },
  {
    name: "with a silent agent",
    reason: "AgentSilent",
    change: (world) => world.is("n2", "silent"),
  },
  {
    name: "with a kube-proxy that is not healthy",
    reason: "KubeProxyUnhealthy",
    change: (world) => world.agent("n2", { unfit: "KubeProxyUnhealthy" }),
  },
  {
    name: "that listens on the port itself",
    reason: "PortInUse",
    change: (world) =>
      world.agent("n2", { nodeProxy: told({ free: [], taken: ["80/TCP"] }) }),
  },
  {
    name: "without an address of the family",
    reason: "NoNodeAddress",
    change: (world) =>
      world.node("n2", { addresses: [["InternalIP", "2001:db8::12"]] }),
  },
])(
  "Controller does not publish a node $name, and takes it out by one write",
  ({ change, reason }) => {
    const others = [internalOf("n1"), internalOf("n3")];
    const world = new ProxyWorld();
    change(world);
    world.proxied("default/web", "daemonset");
    world.settleAll();
    deepStrictEqual(world.addresses("default/web"), others);
    const verdict = world.controller.explainNodeProxy("default/web")?.verdicts
      .get("n2");
    strictEqual(verdict?.kind === "out" && verdict.reason, reason);
    const later = new ProxyWorld();
    later.proxied("default/web", "daemonset");
    later.settleAll();
    change(later);
    later.settleAll();
    deepStrictEqual(later.addresses("default/web"), others);
    strictEqual(later.annotation(WEB, "internal-ip"), others.join(","));
    strictEqual(later.writes(), 2);
  },
);

Deno.test("Controller publishes the nodes with a ready endpoint under Local", () => {
  const world = new ProxyWorld();
  world.proxied("default/web", "daemonset", {
    spec: { externalTrafficPolicy: "Local" },
  });
  world.endpoints("default/web", "n1", "n3");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), [ALL[0], ALL[2]]);
  world.endpoints("default/web", "n2");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), [ALL[1]]);
  world.endpoints("default/web");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), []);
  strictEqual(world.condition(WEB, "AddressAssigned"), "False NoLocalEndpoint");
});

Deno.test("Controller refuses a port that every node listens on, by name", () => {
  const world = new ProxyWorld();
  const nodeProxy = told({ free: ["80/TCP"], taken: ["22/TCP"] });
  for (const node of ["n1", "n2", "n3"]) world.agent(node, { nodeProxy });
  world.proxied("default/web", "daemonset", {
    spec: { ports: [80, 22].map((port) => ({ protocol: "TCP", port })) },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), []);
  strictEqual(world.condition(WEB, "AddressAssigned"), "False PortInUse");
  strictEqual(
    world.message(WEB, "AddressAssigned"),
    "No node can be published. n1, n2, n3: listens on TCP port 22 itself: use another port in the Service, or stop what listens there",
  );
  match(world.events().join(), /^Warning AssignIPFailed: No node can be/);
});

Deno.test("Controller says which nodes listen on a port where others do not", () => {
  const world = new ProxyWorld();
  world.agent("n3", { nodeProxy: told({ free: [], taken: ["80/TCP"] }) });
  world.proxied("default/web", "daemonset");
  world.settleAll();
  strictEqual(world.condition(WEB, "AddressAssigned"), "True Assigned");
  strictEqual(world.condition(WEB, "Degraded"), "True PortInUse");
  match(
    world.message(WEB, "Degraded"),
    /^Not on all nodes. n3: listens on TCP/,
  );
  world.agent("n3");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ALL);
  strictEqual(world.condition(WEB, "Degraded"), "");
});

Deno.test("Controller gives a port of a node to one Service, the older one", () => {
  const world = new ProxyWorld();
  world.proxied("default/web", "daemonset");
  world.nowMs += 60_000;
  world.proxied("default/young", "daemonset");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ALL);
  const young = "services/default/young";
  strictEqual(world.condition(young, "AddressAssigned"), "False PortTaken");
  match(
    world.message(young, "AddressAssigned"),
    /serves TCP port 80 for default\/web already/,
  );
  // What it shows it keeps, although an older one would want it back.
  world.node("n2", { ready: "False" });
  world.settleAll();
  world.remove(WEB);
  world.settleAll();
  world.node("n2");
  world.settleAll();
  deepStrictEqual(world.addresses("default/young"), ALL);
  world.nowMs = 0;
  world.proxied("default/web", "daemonset");
  world.settleAll();
  deepStrictEqual(world.addresses("default/young"), ALL);
  strictEqual(world.condition(WEB, "AddressAssigned"), "False PortTaken");
});

Deno.test.each<{ name: string; spec: Raw; status?: Raw; nodes: string[] }>([
  {
    name: "a nodePort",
    spec: { type: "NodePort", ports: [{ port: 1, nodePort: 80 }] },
    nodes: [],
  },
  {
    name: "a nodePort of another protocol",
    spec: {
      type: "NodePort",
      ports: [{ port: 1, nodePort: 80, protocol: "UDP" }],
    },
    nodes: ["n1", "n2", "n3"],
  },
  {
    name: "the address of a node in externalIPs",
    spec: { type: "ClusterIP", externalIPs: [internalOf("n2")] },
    nodes: ["n1", "n3"],
  },
  {
    name: "the address of a node from another controller",
    spec: { loadBalancerClass: "example.com/other" },
    status: { loadBalancer: { ingress: [{ ip: internalOf("n3") }] } },
    nodes: ["n1", "n2"],
  },
  {
    name: "the address of a node at another port",
    spec: {
      loadBalancerClass: "example.com/other",
      ports: [{ port: 443, protocol: "TCP" }],
    },
    status: { loadBalancer: { ingress: [{ ip: internalOf("n3") }] } },
    nodes: ["n1", "n2", "n3"],
  },
])(
  "Controller leaves a port to a Service that has it by $name",
  ({ spec, status, nodes }) => {
    const world = new ProxyWorld();
    world.service("default/other", { spec, ...(status ? { status } : {}) });
    world.proxied("default/web", "daemonset");
    world.settleAll();
    deepStrictEqual(world.addresses("default/web"), nodes.map(internalOf));
    const reason = nodes.length === 0 ? "AddressAssigned" : "Degraded";
    const told = nodes.length === 3 ? "" : world.message(WEB, reason);
    strictEqual(/TCP port 80 for default\/other/.test(told), nodes.length < 3);
    // It is free when that one is gone.
    world.remove("services/default/other");
    world.settleAll();
    deepStrictEqual(world.addresses("default/web"), ALL);
    // What is published already stays.
    const later = new ProxyWorld();
    later.proxied("default/web", "daemonset");
    later.settleAll();
    later.service("default/other", { spec, ...(status ? { status } : {}) });
    later.node("n1", { labels: { touched: "yes" } });
    later.settleAll();
    deepStrictEqual(later.addresses("default/web"), ALL);
  },
);

Deno.test.each<{ name: string; mode: string; refused: boolean }>([
  { name: "iptables", mode: "iptables", refused: false },
  { name: "nftables", mode: "nftables", refused: false },
  { name: "a mode that nobody tells", mode: "", refused: false },
  { name: "ipvs", mode: "ipvs", refused: true },
])("Controller and one node in $name", ({ mode, refused }) => {
  const world = new ProxyWorld();
  world.proxied("default/web", "daemonset");
  world.settleAll();
  world.agent("n2", { nodeProxy: told({ mode }) });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), refused ? [] : ALL);
  if (!refused) return;
  strictEqual(world.condition(WEB, "AddressAssigned"), "False IpvsUnsupported");
  match(
    world.message(WEB, "AddressAssigned"),
    /^kube-proxy is in IPVS mode on n2, .* run it in nftables or iptables mode/,
  );
});

Deno.test("Controller tells external addresses first, and internal ones where packets come to those", () => {
  const world = new ProxyWorld();
  const prefixes = (text: string): Partial<AgentRecord> => {
    const links = world.state.agents.get("n2")?.links ?? [];
    return {
      links: links.map((link) => ({
        ...link,
        prefixes: link.prefixes.map((one) => ({
          ...one,
          addr: text as typeof one.addr,
        })),
      })),
    };
  };
  // On an interface of n2; n3 is behind somebody who translates.
  world.node("n2", {
    addresses: [["InternalIP", internalOf("n2")], [
      "ExternalIP",
      "198.51.100.2",
    ]],
  });
  world.agent("n2", prefixes("198.51.100.2"));
  world.node("n3", {
    addresses: [["InternalIP", internalOf("n3")], [
      "ExternalIP",
      "198.51.100.3",
    ]],
  });
  world.proxied("default/web", "daemonset");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), [
    "198.51.100.2",
    "198.51.100.3",
    internalOf("n3"),
    internalOf("n1"),
  ]);
  strictEqual(
    world.annotation(WEB, "external-ip"),
    "198.51.100.2,198.51.100.3",
  );
  strictEqual(world.annotation(WEB, "internal-ip"), ALL.join(","));
});

Deno.test("Controller publishes both families of a Service that has both", () => {
  const world = new ProxyWorld(["n1"]);
  world.proxied("default/web", "daemonset", {
    spec: { ipFamilies: ["IPv6", "IPv4"], ipFamilyPolicy: "RequireDualStack" },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), [
    "2001:db8::11",
    internalOf("n1"),
  ]);
});

Deno.test("Controller waits for agents that have not told of the ports, and not for ever", () => {
  const world = new ProxyWorld();
  const unknown = { nodeProxy: told({ free: [] }) };
  for (const node of ["n1", "n2", "n3"]) world.agent(node, unknown);
  world.proxied("default/web", "daemonset");
  world.settle();
  strictEqual(world.writes(), 0);
  world.agent("n1");
  world.settle();
  world.agent("n2");
  world.settle();
  strictEqual(world.writes(), 0);
  strictEqual(world.controller.deadlineMs(), ANSWERS_WAIT_MS);
  world.nowMs = ANSWERS_WAIT_MS;
  world.settle();
  deepStrictEqual(world.addresses("default/web"), ALL.slice(0, 2));
  world.agent("n3");
  world.settle();
  deepStrictEqual(world.addresses("default/web"), ALL);
  strictEqual(world.writes(), 2);
});

Deno.test("Controller tells that agents have not told of the ports", () => {
  const world = new ProxyWorld(["n1"]);
  world.agent("n1", { nodeProxy: told({ free: [] }) });
  world.proxied("default/web", "daemonset");
  world.settleAll();
  strictEqual(world.condition(WEB, "AddressAssigned"), "False PortsUnknown");
  match(
    world.message(WEB, "AddressAssigned"),
    /n1: has not told yet whether it listens on TCP port 80 itself/,
  );
});

Deno.test("Controller leaves nodes published whose agents restart, for five minutes", () => {
  const world = new ProxyWorld();
  world.proxied("default/web", "daemonset");
  world.settleAll();
  world.is("n2", "leaving");
  world.settle();
  // The new one has not looked at the ports yet.
  const { nodeProxy: _, ...record } = world.state.agents.get("n2") ??
    { node: "n2", links: [], canReach: new Map(), problems: [] };
  world.state.putAgent(record);
  world.is("n2", "live");
  world.settle();
  strictEqual(world.writes(), 1);
  world.agent("n2");
  world.is("n2", "leaving");
  world.settle();
  world.nowMs += LEFT_GRACE_MS;
  world.settle();
  deepStrictEqual(world.addresses("default/web"), [ALL[0], ALL[2]]);
});

Deno.test("Controller keeps all nodes published where every agent is silent", () => {
  const world = new ProxyWorld();
  world.proxied("default/web", "daemonset");
  for (const node of ["n1", "n2", "n3"]) world.is(node, "silent");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ALL);
});

Deno.test("Controller publishes 256 addresses at most, says so, and leaves them", () => {
  const world = new ProxyWorld([]);
  for (let i = 0; i < 300; i++) {
    const address = `10.0.${i >> 8}.${i & 255}`;
    world.node(`n${i}`, { addresses: [["InternalIP", address]] });
    world.agent(`n${i}`, { links: [] });
  }
  world.proxied("default/web", "daemonset");
  world.settleAll();
  const before = world.addresses("default/web");
  strictEqual(before.length, 256);
  strictEqual(world.condition(WEB, "Degraded"), "True TooManyNodes");
  match(world.message(WEB, "Degraded"), /: 44 more are fit/);
  world.node("n0", { addresses: [["InternalIP", "10.0.0.0"]], ready: "False" });
  world.settleAll();
  const after = world.addresses("default/web");
  strictEqual(after.length, 256);
  strictEqual(before.filter((one) => after.includes(one)).length, 255);
  world.node("n0", { addresses: [["InternalIP", "10.0.0.0"]] });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), after);
});

Deno.test("Controller refuses ports beyond those that agents look for, of the younger Service", () => {
  const world = new ProxyWorld(["n1"]);
  const free = Array.from({ length: 256 }, (_, i) => `${1000 + i}/TCP`);
  world.agent("n1", { nodeProxy: told({ free }) });
  world.proxied("default/web", "daemonset", {
    spec: {
      ports: free.map((_, i) => ({ protocol: "TCP", port: 1000 + i })),
    },
  });
  world.nowMs += 60_000;
  world.proxied("default/young", "daemonset");
  world.proxied("default/sctp", "daemonset", {
    spec: { ports: [{ protocol: "SCTP", port: 7 }] },
  });
  world.settleAll();
  for (const key of ["default/web", "default/sctp"]) {
    deepStrictEqual(world.addresses(key), [internalOf("n1")]);
  }
  const young = "services/default/young";
  strictEqual(world.condition(young, "AddressAssigned"), "False TooManyPorts");
  match(
    world.message(young, "AddressAssigned"),
    /want more than 256 ports together, so TCP port 80 is not looked for/,
  );
});

Deno.test("Controller comes to rest over 40 Services and 60 nodes, each change written once", () => {
  const names = Array.from({ length: 60 }, (_, i) => `n${i + 1}`);
  const world = new ProxyWorld([]);
  const ports = Array.from({ length: 40 }, (_, i) => 1000 + i);
  const free = ports.map((port) => `${port}/TCP`);
  for (const [i, name] of names.entries()) {
    world.node(name, { addresses: [["InternalIP", `10.0.0.${i + 1}`]] });
    world.agent(name, { nodeProxy: told({ free }) });
  }
  for (const port of ports) {
    world.proxied(`default/web${port}`, "daemonset", {
      spec: { ports: [{ protocol: "TCP", port }] },
    });
  }
  world.settleAll();
  strictEqual(world.addresses("default/web1000").length, 60);
  world.node("n7", { ready: "False" });
  world.settleAll();
  strictEqual(world.addresses("default/web1039").length, 59);
  deepStrictEqual(
    ports.map((port) => world.writes(`default/web${port}`)),
    ports.map(() => 2),
  );
});
