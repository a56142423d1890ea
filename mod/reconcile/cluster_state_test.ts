import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type {
  Eip,
  EndpointSlice,
  Namespace,
  Node,
  ObjectMeta,
  Service,
} from "@/api/mod.ts";
import {
  ClusterState,
  ENDS_REMEMBERED_MAX,
  isOlderVersion,
} from "./cluster_state.ts";

const VERSIONS: readonly {
  a: string;
  b: string;
  older: boolean;
}[] = [
  { a: "9", b: "10", older: true },
  { a: "10", b: "9", older: false },
  { a: "10", b: "10", older: false },
  { a: "18446744073709551615", b: "18446744073709551616", older: true },
  { a: "", b: "1", older: false },
  { a: "0", b: "1", older: false },
  { a: "opaque", b: "other", older: false },
];

Deno.test.each(VERSIONS)(
  "isOlderVersion($a, $b) is $older",
  ({ a, b, older }) => {
    strictEqual(isOlderVersion(a, b), older);
  },
);

Deno.test("ClusterState ignores a version of an object older than the known one", () => {
  const state = new ClusterState();
  state.putService(service("web", { resourceVersion: "20" }));
  state.putEip(eip("pool", { resourceVersion: "20" }));
  state.putNode(node("n1", { resourceVersion: "20" }));
  state.putNamespace(namespace("a", { resourceVersion: "20" }));
  state.putEndpointSlice(slice("web-1", "web", { resourceVersion: "20" }));
  state.takeChanges();
  state.putService(service("web", { resourceVersion: "19" }));
  state.putEip(eip("pool", { resourceVersion: "19" }));
  state.putNode(node("n1", { resourceVersion: "19", labels: { a: "b" } }));
  state.putNamespace(
    namespace("a", { resourceVersion: "9", labels: { a: "b" } }),
  );
  state.putEndpointSlice(slice("web-1", "web", { resourceVersion: "19" }));
  deepStrictEqual(state.takeChanges(), []);
  strictEqual(state.services.get("d/web")?.meta.resourceVersion, "20");
  strictEqual(state.nodes.get("n1")?.meta.resourceVersion, "20");
});

Deno.test("ClusterState is not misled by a watch that repeats itself", () => {
  const state = new ClusterState();
  const first = service("web", { resourceVersion: "20", uid: "first" });
  const second = service("web", { resourceVersion: "40", uid: "second" });
  const end = { ...first.meta, resourceVersion: "30" };
  state.putService(first);
  state.end("service", "d/web", end);
  state.putService(first);
  strictEqual(state.services.size, 0, "it is not brought back");
  state.putService(second);
  state.takeChanges();
  state.putService(first);
  state.end("service", "d/web", end);
  strictEqual(state.services.get("d/web")?.meta.uid, "second");
  deepStrictEqual(state.takeChanges(), []);
  state.end("service", "d/web", { ...second.meta, resourceVersion: "50" });
  strictEqual(state.services.size, 0);
});

Deno.test("ClusterState takes back what has ended when the cluster was set back, and what it cannot know", () => {
  const state = new ClusterState();
  const web = service("web", { resourceVersion: "20", uid: "first" });
  state.putService(web);
  state.end("service", "d/web", web.meta);
  state.putService(web, true);
  strictEqual(state.services.size, 1, "by a list that is certain");
  state.putService(service("web", { resourceVersion: "21", uid: "first" }));
  strictEqual(state.services.get("d/web")?.meta.resourceVersion, "21");
  state.end("service", "d/web", undefined);
  strictEqual(state.services.size, 0, "an end that cannot be read is an end");
  const s = slice("s", "web", { resourceVersion: "5", uid: "slice" });
  state.putEndpointSlice(s);
  state.end("endpointslice", "d/s", s.meta);
  state.putEndpointSlice(s);
  deepStrictEqual([...state.slicesOf("d/web")], []);
});

Deno.test("ClusterState remembers a bounded number of ends", () => {
  const state = new ClusterState();
  const web = service("web", { resourceVersion: "20", uid: "first" });
  state.end("service", "d/web", web.meta);
  for (let i = 1; i < ENDS_REMEMBERED_MAX; i++) {
    state.end("service", "d/web", { ...web.meta, uid: `uid-${i}` });
  }
  state.putService(web);
  strictEqual(state.services.size, 0);
  state.end("service", "d/web", { ...web.meta, uid: "one more" });
  state.putService(web);
  strictEqual(state.services.size, 1);
});

Deno.test("ClusterState takes an older version of another object of that name, and from a list that is certain", () => {
  const state = new ClusterState();
  state.putService(service("web", { resourceVersion: "20" }));
  state.putService(service("web", { resourceVersion: "5", uid: "another" }));
  strictEqual(state.services.get("d/web")?.meta.uid, "another");
  state.putService(
    service("web", { resourceVersion: "4", uid: "another" }),
    true,
  );
  strictEqual(state.services.get("d/web")?.meta.resourceVersion, "4");
});

Deno.test("ClusterState.isBehind() compares a list with the newest that is known", () => {
  const state = new ClusterState();
  strictEqual(state.isBehind("service", "1"), false);
  state.putService(service("web", { resourceVersion: "20" }));
  state.putEndpointSlice(slice("web-1", "web", { resourceVersion: "30" }));
  strictEqual(state.isBehind("service", "19"), true);
  strictEqual(state.isBehind("service", "20"), false);
  strictEqual(state.isBehind("endpointslice", "29"), true);
  strictEqual(state.isBehind("eip", "1"), false);
  strictEqual(state.isBehind("service", "opaque"), false);
});

Deno.test("ClusterState waits for the watch to confirm what only an answer said", () => {
  const state = new ClusterState();
  state.putService(service("web", { resourceVersion: "20" }));
  state.putServiceReply(service("web", { resourceVersion: "30" }));
  strictEqual(state.services.get("d/web")?.meta.resourceVersion, "30");
  strictEqual(state.isUnconfirmed("service", "d/web"), true);
  state.putService(service("web", { resourceVersion: "29" }));
  strictEqual(state.isUnconfirmed("service", "d/web"), true);
  state.putService(service("web", { resourceVersion: "30" }));
  strictEqual(state.isUnconfirmed("service", "d/web"), false);

  state.putEip(eip("pool", { resourceVersion: "1" }));
  state.putEipReply(eip("pool", { resourceVersion: "40" }));
  state.putEip(eip("pool", { resourceVersion: "1" }), true);
  strictEqual(state.isUnconfirmed("eip", "pool"), false);
  strictEqual(state.eips.get("pool")?.meta.resourceVersion, "1");
});

Deno.test("ClusterState does not bring back by an answer what is gone", () => {
  const state = new ClusterState();
  state.putService(service("web", { resourceVersion: "20" }));
  state.remove("service", "d/web");
  state.putServiceReply(service("web", { resourceVersion: "30" }));
  strictEqual(state.services.size, 0);
  state.putEip(eip("pool", { resourceVersion: "20" }));
  state.putEip(eip("pool", { resourceVersion: "25", uid: "new" }));
  state.putEipReply(eip("pool", { resourceVersion: "30" }));
  strictEqual(state.eips.get("pool")?.meta.uid, "new");
  strictEqual(state.isUnconfirmed("eip", "pool"), false);
});

Deno.test("ClusterState notes a Node only when something that is used changed", () => {
  const state = new ClusterState();
  state.putNode(node("n1", { resourceVersion: "1" }));
  state.takeChanges();
  state.putNode(node("n1", { resourceVersion: "2" }));
  deepStrictEqual(state.takeChanges(), []);
  state.putNode({ ...node("n1", { resourceVersion: "3" }), ready: false });
  deepStrictEqual(state.takeChanges(), [
    { kind: "node", key: "n1", vanished: false },
  ]);
  const addresses = [{ type: "InternalIP", address: "192.0.2.1" }];
  for (const resourceVersion of ["4", "5"]) {
    state.putNode({
      ...node("n1", { resourceVersion }),
      ready: false,
      addresses: [...addresses],
    });
  }
  deepStrictEqual(state.takeChanges(), [
    { kind: "node", key: "n1", vanished: false },
  ]);
});

Deno.test("ClusterState keeps EndpointSlices by Service, also when one changes its Service", () => {
  const state = new ClusterState();
  state.putEndpointSlice(slice("s", "web", { resourceVersion: "1" }));
  strictEqual([...state.slicesOf("d/web")].length, 1);
  state.takeChanges();
  state.putEndpointSlice(slice("s", "other", { resourceVersion: "2" }));
  strictEqual([...state.slicesOf("d/web")].length, 0);
  strictEqual([...state.slicesOf("d/other")].length, 1);
  deepStrictEqual(state.takeChanges().map(({ key }) => key), [
    "d/web",
    "d/other",
  ]);
  state.remove("endpointslice", "d/s");
  deepStrictEqual([...state.keys("endpointslice")], []);
  deepStrictEqual(state.takeChanges().map(({ key }) => key), ["d/other"]);
});

Deno.test("ClusterState says of what is removed whether that was seen", () => {
  const state = new ClusterState();
  state.putService(service("a", {}));
  state.putService(service("b", {}));
  state.takeChanges();
  state.remove("service", "d/a");
  state.remove("service", "d/b", true);
  state.remove("service", "d/unknown");
  deepStrictEqual(state.takeChanges(), [
    { kind: "service", key: "d/a", vanished: false },
    { kind: "service", key: "d/b", vanished: true },
  ]);
});

function meta(
  name: string,
  namespace: string,
  fields: Partial<ObjectMeta>,
): ObjectMeta {
  return {
    name,
    namespace,
    uid: `uid-${name}`,
    resourceVersion: "1",
    labels: {},
    annotations: {},
    finalizers: [],
    ...fields,
  };
}

function service(name: string, fields: Partial<ObjectMeta>): Service {
  return {
    meta: meta(name, "d", fields),
    type: "LoadBalancer",
    ipFamilies: ["IPv4"],
    externalTrafficPolicy: "Cluster",
    selector: {},
    ports: [],
    ingress: [],
    conditions: [],
  };
}

function eip(name: string, fields: Partial<ObjectMeta>): Eip {
  return {
    meta: meta(name, "", fields),
    spec: {
      address: "192.0.2.1",
      disable: false,
      priority: 0,
      namespaces: [],
      exclude: [],
      avoidBuggyIPs: false,
      answerPing: false,
    },
    status: { used: {}, conditions: [] },
  };
}

function node(name: string, fields: Partial<ObjectMeta>): Node {
  return {
    meta: meta(name, "", fields),
    ready: true,
    networkUnavailable: false,
    taints: [],
    addresses: [],
  };
}

function namespace(name: string, fields: Partial<ObjectMeta>): Namespace {
  return { meta: meta(name, "", fields) };
}

function slice(
  name: string,
  serviceName: string,
  fields: Partial<ObjectMeta>,
): EndpointSlice {
  return {
    meta: meta(name, "d", fields),
    serviceName,
    addressType: "IPv4",
    endpoints: [],
  };
}
