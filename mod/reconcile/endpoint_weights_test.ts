import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  type EndpointSlice,
  projectEndpointSlice,
  projectService,
  type Service,
} from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import { type NodeWeights, nodeWeights } from "./endpoint_weights.ts";

const NODES = ["n1", "n2"];

Deno.test("nodeWeights() counts the endpoints of each node that may take traffic", () => {
  const slices = [slice("IPv4", ["n1 10.0.0.1", "n2 10.0.0.2", "n2 10.0.0.3"])];
  deepStrictEqual(weightsOf(slices), { n1: 1, n2: 2 });
  deepStrictEqual(weightsOf(slices, ["n2"]), { n2: 2 });
  strictEqual(weightsOf(slices, []), undefined);
});

Deno.test("nodeWeights() counts an endpoint once that is in two slices, and those of the address's family", () => {
  const slices = [
    slice("IPv4", ["n1 10.0.0.1"]),
    slice("IPv4", ["n1 10.0.0.1", "n1 10.0.0.4"]),
    slice("IPv6", ["n1 2001:db8::1", "n2 2001:db8::2"]),
  ];
  deepStrictEqual(weightsOf(slices), { n1: 2 });
  deepStrictEqual(weightsOf(slices, NODES, 6), { n1: 1, n2: 1 });
});

Deno.test("nodeWeights() counts those that still serve where none is ready (KEP-1669)", () => {
  const going = { ready: false, serving: true, terminating: true };
  const slices = [slice("IPv4", ["n1 10.0.0.1"], going)];
  deepStrictEqual(weightsOf(slices), { n1: 1 });
  const ready = slice("IPv4", ["n2 10.0.0.2"]);
  deepStrictEqual(weightsOf([...slices, ready]), { n2: 1 });
});

Deno.test("nodeWeights() adds the endpoints of Services that share an address, if all are Local", () => {
  const slices = new Map([
    ["d/a", [slice("IPv4", ["n1 10.0.0.1"])]],
    ["d/b", [slice("IPv4", ["n1 10.0.0.2", "n2 10.0.0.3"])]],
  ]);
  const of = (policy: string): NodeWeights | undefined =>
    nodeWeights([service("a", "Local"), service("b", policy)], NODES, {
      slicesOf: (key) => slices.get(key) ?? [],
      family: 4,
    });
  deepStrictEqual(of("Local"), { n1: 2, n2: 1 });
  strictEqual(of("Cluster"), undefined);
});

function weightsOf(
  slices: readonly EndpointSlice[],
  nodes: readonly string[] = NODES,
  family: 4 | 6 = 4,
): NodeWeights | undefined {
  const slicesOf = () => slices;
  return nodeWeights([service("a", "Local")], nodes, { slicesOf, family });
}

function slice(
  addressType: string,
  endpoints: readonly string[],
  conditions = {},
): EndpointSlice {
  return value(projectEndpointSlice({
    metadata: { name: "s", namespace: "d" },
    addressType,
    endpoints: endpoints.map((text) => {
      const [nodeName, address] = text.split(" ");
      return { addresses: [address], nodeName, conditions };
    }),
  }));
}

function service(name: string, externalTrafficPolicy: string): Service {
  return value(projectService({
    metadata: { name, namespace: "d" },
    spec: { type: "LoadBalancer", externalTrafficPolicy },
  }));
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
