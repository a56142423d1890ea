/**
 * The kinds the agent reads and writes, each with the rules of its own that
 * the agent relies on or has to respect.
 *
 * @module
 */

import {
  deepStrictEqual,
  match,
  notStrictEqual,
  ok,
  strictEqual,
} from "node:assert/strict";
import {
  arrayAt,
  type Json,
  type JsonObject,
  valueAt,
} from "@/lab/apiserver/json.ts";
import {
  type ContractApi,
  type ContractCase,
  PATCH,
  revisionOf,
} from "./api.ts";

/** The cases. */
export const KIND_CASES: readonly ContractCase[] = [
  {
    name: "Services: what is left out is filled in",
    run: async (api) => {
      const service = await createService(api, "a", { type: "LoadBalancer" });
      const spec = valueAt(service, "spec");
      match(String(valueAt(spec, "clusterIP")), /^\d+\.\d+\.\d+\.\d+$/);
      deepStrictEqual(valueAt(spec, "clusterIPs"), [
        valueAt(spec, "clusterIP"),
      ]);
      deepStrictEqual(valueAt(spec, "ipFamilies"), ["IPv4"]);
      strictEqual(valueAt(spec, "ipFamilyPolicy"), "SingleStack");
      strictEqual(valueAt(spec, "sessionAffinity"), "None");
      strictEqual(valueAt(spec, "externalTrafficPolicy"), "Cluster");
      strictEqual(valueAt(spec, "internalTrafficPolicy"), "Cluster");
      strictEqual(valueAt(spec, "allocateLoadBalancerNodePorts"), true);
      const [port] = arrayAt(spec, "ports");
      strictEqual(valueAt(port, "protocol"), "TCP");
      strictEqual(valueAt(port, "targetPort"), 80);
      ok(Number(valueAt(port, "nodePort")) >= 30_000);
      deepStrictEqual(service["status"], { loadBalancer: {} });
    },
  },
  {
    name: "Services: dual stack has an address of each family",
    run: async (api) => {
      const service = await createService(api, "a", {
        ipFamilyPolicy: "PreferDualStack",
      });
      deepStrictEqual(valueAt(service, "spec", "ipFamilies"), ["IPv4", "IPv6"]);
      strictEqual(arrayAt(service, "spec", "clusterIPs").length, 2);
      const single = await api.ok("PATCH", api.core("services", "a"), {
        spec: { ipFamilyPolicy: "SingleStack" },
      }, PATCH.merge);
      deepStrictEqual(valueAt(single, "spec", "ipFamilies"), ["IPv4"]);
      const second = await createService(api, "b", {
        ipFamilyPolicy: "SingleStack",
        ipFamilies: ["IPv6"],
      });
      match(String(valueAt(second, "spec", "clusterIP")), /:/);
      await refusesService(api, {
        ipFamilyPolicy: "SingleStack",
        ipFamilies: ["IPv4", "IPv6"],
      });
    },
  },
  {
    name: "Services: the mistakes users make answer 422",
    run: async (api) => {
      await refusesService(api, { ports: [] });
      await refusesService(api, { ports: [{ port: 70_000 }] });
      await refusesService(api, { ports: [{ port: 80, protocol: "ICMP" }] });
      await refusesService(api, { ports: [{ port: 80 }, { port: 81 }] });
      await refusesService(api, {
        ports: [{ name: "a", port: 80 }, { name: "b", port: 80 }],
      });
      await refusesService(api, {
        ports: [{ name: "a", port: 80 }, { name: "a", port: 81 }],
      });
      await refusesService(api, { type: "Balancer" });
      await refusesService(api, { externalTrafficPolicy: "Local" });
      await refusesService(api, { loadBalancerClass: "example.org/lb" });
      await refusesService(api, { type: "LoadBalancer", clusterIP: "None" });
      await refusesService(api, {
        type: "LoadBalancer",
        loadBalancerSourceRanges: ["nonsense"],
      });
      await refusesService(api, { ports: [{ port: 80, nodePort: 30_001 }] });
    },
  },
  {
    name: "Services: a TCP and a UDP port may share their number",
    run: async (api) => {
      const service = await createService(api, "a", {
        ports: [
          { name: "tcp", port: 53, protocol: "TCP" },
          { name: "udp", port: 53, protocol: "UDP" },
        ],
      });
      strictEqual(arrayAt(service, "spec", "ports").length, 2);
    },
  },
  {
    name: "Services: one patch of /status sets label, finalizer and ingress",
    run: async (api) => {
      const made = await createService(api, "a", { type: "LoadBalancer" });
      const patched = await patchStatus(api, "a", {
        metadata: {
          resourceVersion: revisionOf(made),
          labels: { "example.org/eip": "pool" },
          finalizers: ["example.org/lb"],
        },
        spec: { loadBalancerIP: "192.0.2.9" },
        status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
      });
      deepStrictEqual(valueAt(patched, "metadata", "labels"), {
        "example.org/eip": "pool",
      });
      deepStrictEqual(valueAt(patched, "metadata", "finalizers"), [
        "example.org/lb",
      ]);
      deepStrictEqual(arrayAt(patched, "status", "loadBalancer", "ingress"), [
        { ip: "192.0.2.1", ipMode: "VIP" },
      ]);
      // The spec is not to be changed there.
      deepStrictEqual(patched["spec"], made["spec"]);
      await api.fails(
        { code: 409, reason: "Conflict" },
        "PATCH",
        api.core("services", "a", "status"),
        { metadata: { resourceVersion: revisionOf(made), labels: { a: "b" } } },
        PATCH.merge,
      );
      await patchStatus(api, "a", { metadata: { finalizers: null } });
    },
  },
  {
    name: "Services: a deleted one ends when /status takes its finalizer",
    run: async (api) => {
      const path = api.core("services", "a");
      await createService(api, "a", {}, { finalizers: ["example.org/lb"] });
      await api.ok("DELETE", path);
      await patchStatus(api, "a", { metadata: { finalizers: null } });
      await api.fails({ code: 404 }, "GET", path);
    },
  },
  {
    name: "Services: the main resource ignores the status",
    run: async (api) => {
      const made = await createService(api, "a", { type: "LoadBalancer" });
      const updated = await api.ok("PUT", api.core("services", "a"), {
        ...made,
        status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
      });
      deepStrictEqual(updated["status"], { loadBalancer: {} });
      strictEqual(revisionOf(updated), revisionOf(made));
    },
  },
  {
    name: "Services: an ingress that is no address, or of no balancer, is 422",
    run: async (api) => {
      const expected = { code: 422, reason: "Invalid" };
      const patch = (ingress: JsonObject): JsonObject => ({
        status: { loadBalancer: { ingress: [ingress] } },
      });
      await createService(api, "a", { type: "LoadBalancer" });
      await createService(api, "b", {});
      const path = api.core("services", "a", "status");
      await api.fails(expected, "PATCH", path, patch({ ip: "x" }), PATCH.merge);
      await api.fails(
        expected,
        "PATCH",
        path,
        patch({ ip: "192.0.2.1", ipMode: "Magic" }),
        PATCH.merge,
      );
      await api.fails(
        expected,
        "PATCH",
        api.core("services", "b", "status"),
        patch({ ip: "192.0.2.1" }),
        PATCH.merge,
      );
    },
  },
  {
    name: "Services: another type takes the address and the class away",
    run: async (api) => {
      const made = await createService(api, "a", {
        type: "LoadBalancer",
        loadBalancerClass: "example.org/lb",
      });
      await patchStatus(api, "a", {
        status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
      });
      await api.fails(
        { code: 422, reason: "Invalid" },
        "PATCH",
        api.core("services", "a"),
        { spec: { loadBalancerClass: "example.org/other" } },
        PATCH.merge,
      );
      const changed = await api.ok("PATCH", api.core("services", "a"), {
        spec: { type: "ClusterIP" },
      }, PATCH.merge);
      deepStrictEqual(changed["status"], { loadBalancer: {} });
      strictEqual(valueAt(changed, "spec", "loadBalancerClass"), undefined);
      strictEqual(valueAt(changed, "spec", "externalTrafficPolicy"), undefined);
      strictEqual(
        valueAt(arrayAt(changed, "spec", "ports")[0], "nodePort"),
        undefined,
      );
      strictEqual(
        valueAt(changed, "spec", "clusterIP"),
        valueAt(made, "spec", "clusterIP"),
      );
    },
  },
  {
    name: "Services: an update that leaves out what was allotted keeps it",
    run: async (api) => {
      const made = await createService(api, "a", { type: "LoadBalancer" });
      const updated = await api.ok("PUT", api.core("services", "a"), {
        metadata: { name: "a", labels: { x: "1" } },
        spec: {
          type: "LoadBalancer",
          ports: [{ port: 80 }],
          selector: { app: "x" },
        },
      });
      deepStrictEqual(updated["spec"], made["spec"]);
      await api.fails(
        { code: 422, reason: "Invalid" },
        "PATCH",
        api.core("services", "a"),
        { spec: { clusterIP: "10.96.250.250", clusterIPs: null } },
        PATCH.merge,
      );
    },
  },
  {
    name: "Services: conditions keep whole seconds and merge by type",
    run: async (api) => {
      await createService(api, "a", {});
      const condition = (type: string): JsonObject => ({
        type,
        status: "True",
        reason: "Because",
        message: "",
        lastTransitionTime: "2026-01-02T03:04:05.678Z",
      });
      await patchStatus(
        api,
        "a",
        { status: { conditions: [condition("A")] } },
        PATCH.strategic,
      );
      const patched = await patchStatus(
        api,
        "a",
        { status: { conditions: [condition("B")] } },
        PATCH.strategic,
      );
      const conditions = arrayAt(patched, "status", "conditions");
      deepStrictEqual(
        conditions.map((item) => valueAt(item, "type") ?? null).toSorted(),
        ["A", "B"],
      );
      strictEqual(
        valueAt(conditions[0], "lastTransitionTime"),
        "2026-01-02T03:04:05Z",
      );
    },
  },
  {
    name: "Leases: a PUT creates, and two writers cannot both win",
    run: async (api) => {
      const path = api.group("coordination.k8s.io/v1", "leases", "a");
      const lease = (holder: string, resourceVersion?: string): JsonObject => ({
        metadata: {
          name: "a",
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
        },
        spec: {
          holderIdentity: holder,
          leaseDurationSeconds: 15,
          renewTime: "2026-01-02T03:04:05.000678Z",
          leaseTransitions: 0,
        },
      });
      const answer = await api.request("PUT", path, lease("one"));
      strictEqual(answer.code, 201);
      deepStrictEqual(answer.body["spec"], lease("one")["spec"]);
      const revision = revisionOf(answer.body);
      await api.ok("PUT", path, lease("two", revision));
      await api.fails(
        { code: 409, reason: "Conflict" },
        "PUT",
        path,
        lease("three", revision),
      );
      strictEqual(
        valueAt(await api.ok("GET", path), "spec", "holderIdentity"),
        "two",
      );
    },
  },
  {
    name: "Leases: an empty holder gives one back, as client-go does",
    run: async (api) => {
      const path = api.group("coordination.k8s.io/v1", "leases");
      await api.ok("POST", path, {
        metadata: { name: "a" },
        spec: { holderIdentity: "x", leaseDurationSeconds: 15 },
      });
      const released = await api.ok("PATCH", `${path}/a`, {
        spec: { holderIdentity: "", leaseDurationSeconds: 1 },
      }, PATCH.merge);
      strictEqual(valueAt(released, "spec", "holderIdentity"), "");
    },
  },
  {
    name: "Leases: times have six digits, or the request is 400",
    run: async (api) => {
      const path = api.group("coordination.k8s.io/v1", "leases");
      const lease = (renewTime: string): JsonObject => ({
        metadata: { name: "a" },
        spec: { holderIdentity: "x", leaseDurationSeconds: 15, renewTime },
      });
      const expected = { code: 400, reason: "BadRequest" };
      await api.fails(expected, "POST", path, lease("2026-01-02T03:04:05Z"));
      await api.fails(
        expected,
        "POST",
        path,
        lease("2026-01-02T03:04:05.678Z"),
      );
      await api.ok("POST", path, lease("2026-01-02T03:04:05.678000Z"));
    },
  },
  {
    name: "Leases: a duration of zero answers 422",
    run: async (api) => {
      await api.fails(
        { code: 422, reason: "Invalid" },
        "POST",
        api.group("coordination.k8s.io/v1", "leases"),
        { metadata: { name: "a" }, spec: { leaseDurationSeconds: 0 } },
      );
    },
  },
  {
    name: "Events: of a cluster-scoped object only in namespace default",
    run: async (api) => {
      const event = (kind: string, namespace: string): JsonObject => ({
        metadata: { generateName: "contract-" },
        involvedObject: {
          kind,
          name: "x",
          ...(namespace === "" ? {} : { namespace }),
        },
        reason: "Tested",
        message: "words",
        type: "Normal",
        firstTimestamp: "2026-01-02T03:04:05Z",
        lastTimestamp: "2026-01-02T03:04:05Z",
        count: 1,
      });
      const expected = { code: 422, reason: "Invalid" };
      await api.fails(expected, "POST", api.core("events"), event("Eip", ""));
      await api.fails(
        expected,
        "POST",
        api.core("events"),
        event("Service", "default"),
      );
      await api.ok("POST", api.core("events"), event("Service", api.namespace));
      const events = "/api/v1/namespaces/default/events";
      const made = await api.ok("POST", events, event("Eip", ""));
      api.cleansUp(`${events}/${valueAt(made, "metadata", "name")}`);
    },
  },
  {
    name: "Events: both groups show the same objects in their own words",
    run: async (api) => {
      const path = api.group("events.k8s.io/v1", "events");
      const event: JsonObject = {
        metadata: { name: "a" },
        eventTime: "2026-01-02T03:04:05.000000Z",
        reportingController: "example.org/controller",
        reportingInstance: "x",
        action: "Test",
        reason: "Tested",
        regarding: { kind: "Service", name: "x", namespace: api.namespace },
        note: "words",
        type: "Normal",
      };
      await api.ok("POST", path, event);
      const core = await api.ok("GET", api.core("events", "a"));
      strictEqual(core["message"], "words");
      strictEqual(core["apiVersion"], "v1");
      strictEqual(valueAt(core, "involvedObject", "name"), "x");
      strictEqual(core["reportingComponent"], "example.org/controller");
      const back = await api.ok("GET", `${path}/a`);
      strictEqual(back["note"], "words");
      strictEqual(back["apiVersion"], "events.k8s.io/v1");
      const { eventTime: _, ...timeless } = event;
      await api.fails({ code: 422, reason: "Invalid" }, "POST", path, {
        ...timeless,
        metadata: { name: "b" },
      });
      const list = await api.ok(
        "GET",
        `${api.core("events")}?fieldSelector=${
          encodeURIComponent("involvedObject.name=x,type=Normal")
        }`,
      );
      strictEqual(arrayAt(list, "items").length, 1);
    },
  },
  {
    name: "EndpointSlices: addresses fit the type, which does not change",
    run: async (api) => {
      const path = api.group("discovery.k8s.io/v1", "endpointslices");
      const slice = (addressType: string, address: string): JsonObject => ({
        metadata: {
          name: "a",
          labels: { "kubernetes.io/service-name": "x" },
        },
        addressType,
        endpoints: [{
          addresses: [address],
          conditions: { ready: false, serving: true, terminating: true },
          nodeName: "n1",
        }],
        ports: [{ port: 80 }],
      });
      const expected = { code: 422, reason: "Invalid" };
      await api.fails(expected, "POST", path, slice("IPv6", "192.0.2.1"));
      await api.fails(expected, "POST", path, slice("Other", "192.0.2.1"));
      const made = await api.ok("POST", path, slice("IPv4", "192.0.2.1"));
      deepStrictEqual(valueAt(arrayAt(made, "endpoints")[0], "conditions"), {
        ready: false,
        serving: true,
        terminating: true,
      });
      await api.fails(expected, "PUT", `${path}/a`, {
        ...slice("IPv6", "2001:db8::1"),
      });
      const emptied = await api.ok("PATCH", `${path}/a`, {
        endpoints: null,
      }, PATCH.merge);
      // Go writes no list as null.
      strictEqual(emptied["endpoints"], null);
    },
  },
  {
    name: "Nodes: conditions are set through /status and merge by type",
    run: async (api) => {
      const name = `${api.namespace}-node`;
      const path = `/api/v1/nodes/${name}`;
      await api.ok("POST", "/api/v1/nodes", { metadata: { name } });
      api.cleansUp(path);
      const condition = (type: string, status: string): JsonObject => ({
        status: { conditions: [{ type, status }] },
      });
      await api.ok(
        "PATCH",
        `${path}/status`,
        condition("Ready", "True"),
        PATCH.strategic,
      );
      await api.ok(
        "PATCH",
        `${path}/status`,
        condition("NetworkUnavailable", "False"),
        PATCH.strategic,
      );
      const ready = await api.ok(
        "PATCH",
        `${path}/status`,
        condition("Ready", "Unknown"),
        PATCH.strategic,
      );
      const states = arrayAt(ready, "status", "conditions").map((item) =>
        `${valueAt(item, "type")} ${valueAt(item, "status")}`
      );
      deepStrictEqual(states.toSorted(), [
        "NetworkUnavailable False",
        "Ready Unknown",
      ]);
      const ignored = await api.ok(
        "PATCH",
        path,
        { metadata: { labels: { x: "1" } }, status: { conditions: [] } },
        PATCH.merge,
      );
      strictEqual(arrayAt(ignored, "status", "conditions").length, 2);
      strictEqual(valueAt(ignored, "metadata", "labels", "x"), "1");
    },
  },
  {
    name: "Namespaces: labelled with their name, and take their objects along",
    run: async (api) => {
      const made = await api.ok("POST", "/api/v1/namespaces", {
        metadata: { generateName: "contract-" },
      });
      const name = String(valueAt(made, "metadata", "name"));
      strictEqual(
        valueAt(made, "metadata", "labels", "kubernetes.io/metadata.name"),
        name,
      );
      strictEqual(valueAt(made, "status", "phase"), "Active");
      const secrets = `/api/v1/namespaces/${name}/secrets`;
      const secret = await api.ok("POST", secrets, {
        metadata: { name: "a", finalizers: ["example.org/a"] },
      });
      const watch = await api.watch("/api/v1/namespaces", {
        resourceVersion: revisionOf(secret),
        fieldSelector: `metadata.name=${name}`,
      });
      const gone = await api.watch(secrets, {
        resourceVersion: revisionOf(secret),
      });
      await api.ok("DELETE", `/api/v1/namespaces/${name}`);
      deepStrictEqual(await gone.names(1), ["MODIFIED a"]);
      await api.fails({ code: 403, reason: "Forbidden" }, "POST", secrets, {
        metadata: { name: "b" },
      });
      await api.ok(
        "PATCH",
        `${secrets}/a`,
        { metadata: { finalizers: null } },
        PATCH.merge,
      );
      deepStrictEqual(await gone.names(1), ["DELETED a"]);
      let last = await watch.next();
      strictEqual(valueAt(last?.object, "status", "phase"), "Terminating");
      while (last?.type === "MODIFIED") {
        // deno-lint-ignore no-await-in-loop -- one event after the other
        last = await watch.next();
      }
      strictEqual(last?.type, "DELETED");
    },
  },
  {
    name: "discovery names what is served",
    run: async (api) => {
      const core = await api.ok("GET", "/api/v1");
      const services = arrayAt(core, "resources").find((resource) =>
        valueAt(resource, "name") === "services"
      );
      strictEqual(valueAt(services, "kind"), "Service");
      strictEqual(valueAt(services, "namespaced"), true);
      ok(arrayAt(services, "verbs").includes("watch"));
      ok(
        arrayAt(core, "resources").some((resource) =>
          valueAt(resource, "name") === "services/status"
        ),
      );
      const groups = await api.ok("GET", "/apis");
      ok(
        arrayAt(groups, "groups").some((group) =>
          valueAt(group, "name") === "coordination.k8s.io"
        ),
      );
      strictEqual((await api.ok("GET", "/version"))["major"], "1");
      notStrictEqual((await api.request("GET", "/healthz")).code, 404);
    },
  },
];

function serviceBody(
  name: string,
  spec: JsonObject,
  metadata: JsonObject = {},
): JsonObject {
  return {
    metadata: { name, ...metadata },
    spec: { ports: [{ port: 80 }], selector: { app: "x" }, ...spec },
  };
}

async function createService(
  api: ContractApi,
  name: string,
  spec: JsonObject,
  metadata: JsonObject = {},
): Promise<JsonObject> {
  return await api.ok(
    "POST",
    api.core("services"),
    serviceBody(name, spec, metadata),
  );
}

async function refusesService(
  api: ContractApi,
  spec: JsonObject,
): Promise<void> {
  await api.fails(
    { code: 422, reason: "Invalid" },
    "POST",
    api.core("services"),
    serviceBody("refused", spec),
  );
}

async function patchStatus(
  api: ContractApi,
  name: string,
  patch: Json,
  contentType: string = PATCH.merge,
): Promise<JsonObject> {
  return await api.ok(
    "PATCH",
    api.core("services", name, "status"),
    patch,
    contentType,
  );
}
