/**
 * The requests of an agent as it makes them: built by its own code, sent to the
 * server under test.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { arrayAt, type JsonObject, valueAt } from "@/lab/apiserver/json.ts";
import { EventLog, type PlannedWrite } from "@/reconcile/mod.ts";
import {
  type ContractApi,
  type ContractCase,
  namesOf,
  PATCH,
  revisionOf,
} from "./api.ts";

/** The cases. */
export const AGENT_CASES: readonly ContractCase[] = [
  {
    name: "a token nobody knows answers 401 Unauthorized, also of a watch",
    run: async (api) => {
      for (const query of ["", "?watch=1"]) {
        // deno-lint-ignore no-await-in-loop -- one after the other
        const { code, body } = await api.request(
          "GET",
          `/api/v1/services${query}`,
          undefined,
          undefined,
          "nobody-knows-it",
        );
        strictEqual(code, 401);
        strictEqual(body["kind"], "Status");
        strictEqual(body["reason"], "Unauthorized");
      }
    },
  },
  {
    name: "a list across namespaces comes in pages, by namespace and name",
    run: async (api) => {
      const other = await api.ok("POST", "/api/v1/namespaces", {
        metadata: { name: `${api.namespace}-a` },
      });
      const namespace = String(valueAt(other, "metadata", "name"));
      api.cleansUp(`/api/v1/namespaces/${namespace}`);
      const labels = { "foghorn.test/case": api.namespace };
      const services = [
        api.core("services"),
        api.core("services").replace(
          api.namespace,
          namespace,
        ),
      ];
      for (const path of services) {
        for (const name of ["b", "a"]) {
          // deno-lint-ignore no-await-in-loop -- one after the other
          await api.ok("POST", path, service(name, { labels }));
        }
      }
      const found: unknown[] = [];
      const selector = `foghorn.test/case=${api.namespace}`;
      let next = "";
      do {
        // deno-lint-ignore no-await-in-loop -- one page after the other
        const page = await api.ok(
          "GET",
          `/api/v1/services?${new URLSearchParams({
            labelSelector: selector,
            limit: "3",
            ...(next === "" ? {} : { continue: next }),
          })}`,
        );
        found.push(...namesOf(page));
        next = String(valueAt(page, "metadata", "continue") ?? "");
      } while (next !== "");
      deepStrictEqual(found, ["a", "b", "a", "b"]);
    },
  },
  {
    name: "a watch as the agent asks for it starts after the list it names",
    run: async (api) => {
      const path = api.core("services");
      await api.ok("POST", path, service("a"));
      const list = await api.ok("GET", `${path}?limit=500`);
      const watch = await api.watch(path, {
        watch: "1",
        allowWatchBookmarks: "true",
        timeoutSeconds: "480",
        resourceVersion: revisionOf(list),
      });
      await api.ok("POST", path, service("b"));
      deepStrictEqual(await watch.names(1), ["ADDED b"]);
    },
  },
  {
    name: "the status of a Service is taken back as it was given",
    run: async (api) => {
      const path = api.core("services");
      const made = await api.ok("POST", path, service("a"));
      const condition = (status: string): JsonObject => ({
        type: "AddressAssigned",
        status,
        reason: "Assigned",
        message: "",
        observedGeneration: 0,
        lastTransitionTime: "2026-01-02T03:04:05Z",
      });
      const given = await api.ok("PATCH", `${path}/a/status`, {
        metadata: {
          resourceVersion: revisionOf(made),
          labels: { "eip.openelb.kubesphere.io/v1alpha2": "pool" },
          finalizers: ["finalizer.lb.kubesphere.io/v1alpha1"],
        },
        status: {
          loadBalancer: { ingress: [{ ip: "192.0.2.1", ipMode: "VIP" }] },
          conditions: [condition("True"), { ...condition("True"), type: "B" }],
        },
      }, PATCH.merge);
      strictEqual(arrayAt(given, "status", "conditions").length, 2);
      const taken = await api.ok("PATCH", `${path}/a/status`, {
        metadata: {
          resourceVersion: revisionOf(given),
          labels: { "eip.openelb.kubesphere.io/v1alpha2": null },
          finalizers: [],
        },
        status: {
          loadBalancer: { ingress: [] },
          conditions: [condition("False")],
        },
      }, PATCH.merge);
      deepStrictEqual(taken["status"], {
        conditions: [withoutZero(condition("False"))],
        loadBalancer: {},
      });
      strictEqual(valueAt(taken, "metadata", "labels"), undefined);
      strictEqual(valueAt(taken, "metadata", "finalizers"), undefined);
    },
  },
  {
    name: "a write to /status is one event, and one that changes nothing none",
    run: async (api) => {
      const path = api.core("services");
      const made = await api.ok("POST", path, service("a"));
      const watch = await api.watch(path, {
        resourceVersion: revisionOf(made),
      });
      const patch: JsonObject = {
        metadata: { labels: { x: "1" }, finalizers: ["example.org/lb"] },
        status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
      };
      const given = await api.ok(
        "PATCH",
        `${path}/a/status`,
        patch,
        PATCH.merge,
      );
      const again = await api.ok(
        "PATCH",
        `${path}/a/status`,
        patch,
        PATCH.merge,
      );
      strictEqual(revisionOf(again), revisionOf(given));
      await api.ok("POST", path, service("b"));
      deepStrictEqual(await watch.names(2), ["MODIFIED a", "ADDED b"]);
      await api.ok("PATCH", `${path}/a/status`, {
        metadata: { finalizers: [] },
      }, PATCH.merge);
    },
  },
  {
    name: "a deleted Service keeps its address until the finalizer is taken",
    run: async (api) => {
      const path = api.core("services");
      await api.ok("POST", path, service("a"));
      await api.ok("PATCH", `${path}/a/status`, {
        metadata: { finalizers: ["example.org/lb"] },
        status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
      }, PATCH.merge);
      await api.ok("DELETE", `${path}/a`);
      const marked = await api.ok("GET", `${path}/a`);
      deepStrictEqual(arrayAt(marked, "status", "loadBalancer", "ingress"), [
        { ip: "192.0.2.1", ipMode: "VIP" },
      ]);
      const watch = await api.watch(path, {
        resourceVersion: revisionOf(marked),
      });
      await api.ok("PATCH", `${path}/a/status`, {
        metadata: { finalizers: [] },
        status: { loadBalancer: { ingress: [] } },
      }, PATCH.merge);
      deepStrictEqual(await watch.names(1), ["DELETED a"]);
    },
  },
  {
    name: "a Lease is created, renewed and given back by merge patches",
    run: async (api) => {
      const path = api.group("coordination.k8s.io/v1", "leases");
      const owner = await createNode(api);
      const made = await api.ok("POST", path, {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: {
          name: "foghorn-node-n1",
          namespace: api.namespace,
          labels: { a: "b" },
          annotations: {
            "example.org/links": "[]",
            "example.org/leaving": "true",
          },
          ownerReferences: [{
            apiVersion: "v1",
            kind: "Node",
            name: valueAt(owner, "metadata", "name") ?? "",
            uid: valueAt(owner, "metadata", "uid") ?? "",
          }],
        },
        spec: leaseSpec("one", 0),
      });
      deepStrictEqual(made["spec"], leaseSpec("one", 0));
      const renewed = await api.ok("PATCH", `${path}/foghorn-node-n1`, {
        metadata: {
          resourceVersion: revisionOf(made),
          annotations: { "example.org/leaving": null, "example.org/x": "1" },
        },
        spec: leaseSpec("one", 1),
      }, PATCH.merge);
      deepStrictEqual(valueAt(renewed, "metadata", "annotations"), {
        "example.org/links": "[]",
        "example.org/x": "1",
      });
      deepStrictEqual(valueAt(renewed, "metadata", "labels"), { a: "b" });
      deepStrictEqual(renewed["spec"], leaseSpec("one", 1));
      await api.fails(
        { code: 409, reason: "Conflict" },
        "PATCH",
        `${path}/foghorn-node-n1`,
        {
          metadata: { resourceVersion: revisionOf(made) },
          spec: leaseSpec("two", 1),
        },
        PATCH.merge,
      );
      const released = await api.ok("PATCH", `${path}/foghorn-node-n1`, {
        metadata: { resourceVersion: revisionOf(renewed) },
        spec: { ...leaseSpec("", 1), leaseDurationSeconds: 1 },
      }, PATCH.merge);
      strictEqual(valueAt(released, "spec", "holderIdentity"), "");
    },
  },
  {
    name:
      "a renewal of a Lease that was deleted answers 404, also with its version",
    run: async (api) => {
      const path = api.group("coordination.k8s.io/v1", "leases");
      const made = await api.ok("POST", path, { metadata: { name: "a" } });
      await api.ok("DELETE", `${path}/a`);
      await api.fails(
        { code: 404, reason: "NotFound" },
        "PATCH",
        `${path}/a`,
        {
          metadata: { resourceVersion: revisionOf(made) },
          spec: leaseSpec("one", 0),
        },
        PATCH.merge,
      );
      await api.ok("POST", path, { metadata: { name: "a" } });
      await api.fails(
        { code: 409, reason: "AlreadyExists" },
        "POST",
        path,
        { metadata: { name: "a" } },
      );
    },
  },
  {
    name: "a Lease that was deleted and made again refuses its old version",
    run: async (api) => {
      const path = api.group("coordination.k8s.io/v1", "leases");
      const made = await api.ok("POST", path, { metadata: { name: "a" } });
      await api.ok("DELETE", `${path}/a`);
      await api.ok("POST", path, { metadata: { name: "a" } });
      await api.fails(
        { code: 409, reason: "Conflict" },
        "PATCH",
        `${path}/a`,
        {
          metadata: { resourceVersion: revisionOf(made) },
          spec: leaseSpec("one", 0),
        },
        PATCH.merge,
      );
    },
  },
  {
    name: "the agent's Events are taken, of a Service and of an Eip, once each",
    run: async (api) => {
      const log = new EventLog({ component: "OpenELBController", node: "n1" });
      const now = { nowMs: 0, nowIso: "2026-01-02T03:04:05.678Z" };
      const subject = {
        apiVersion: "v1",
        kind: "Service",
        name: "a".repeat(63),
        namespace: api.namespace,
        uid: crypto.randomUUID(),
      };
      const long = "x".repeat(3_000);
      const text = { type: "Normal", reason: "Said", message: long } as const;
      const event = log.say(subject, text, now);
      await api.ok("POST", pathOf(event), bodyOf(event));
      await api.fails(
        { code: 409, reason: "AlreadyExists" },
        "POST",
        pathOf(event),
        bodyOf(event),
      );
      const eip = {
        ...subject,
        apiVersion: "network.kubesphere.io/v1alpha2",
        kind: "Eip",
        // As long as a name may be.
        name: `${api.namespace}.`.padEnd(253, "e"),
        namespace: "",
        uid: crypto.randomUUID(),
      };
      const warning = log.say(eip, { ...text, type: "Warning" }, now);
      const made = await api.ok("POST", pathOf(warning), bodyOf(warning));
      api.cleansUp(`${pathOf(warning)}/${valueAt(made, "metadata", "name")}`);
      strictEqual(valueAt(made, "reportingComponent"), "OpenELBController");
      strictEqual(valueAt(made, "source", "host"), "n1");
      ok(String(made["message"]).length <= 1_024);
    },
  },
];

function service(name: string, metadata: JsonObject = {}): JsonObject {
  return {
    metadata: { name, ...metadata },
    spec: {
      type: "LoadBalancer",
      allocateLoadBalancerNodePorts: false,
      ports: [{ port: 80 }],
    },
  };
}

// An owner that is not there would have the garbage collector delete the Lease.
async function createNode(api: ContractApi): Promise<JsonObject> {
  const name = `${api.namespace}-node`;
  api.cleansUp(`/api/v1/nodes/${name}`);
  return await api.ok("POST", "/api/v1/nodes", { metadata: { name } });
}

function leaseSpec(holderIdentity: string, renewals: number): JsonObject {
  return {
    holderIdentity,
    leaseDurationSeconds: 10,
    acquireTime: "2026-01-02T03:04:05.678000Z",
    renewTime: `2026-01-02T03:04:0${5 + renewals}.678000Z`,
    leaseTransitions: 1,
  };
}

/** Go leaves out what is zero. */
function withoutZero(
  { observedGeneration: _, ...rest }: JsonObject,
): JsonObject {
  return rest;
}

function pathOf(write: PlannedWrite | undefined): string {
  return write?.path ?? "";
}

function bodyOf(write: PlannedWrite | undefined): JsonObject {
  return JSON.parse(JSON.stringify(write?.body));
}
