/**
 * The requests of an agent as it makes them: built by its own code, sent to the
 * server under test.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { crdDocuments } from "@/api/crds.ts";
import { type Eip, projectEip } from "@/api/eip.ts";
import { API_GROUP, EIP_FINALIZER, EIP_PLURAL } from "@/api/names.ts";
import {
  arrayAt,
  type JsonObject,
  stringAt,
  valueAt,
} from "@/lab/apiserver/json.ts";
import { eipObject } from "@/lab/objects.ts";
import {
  type DesiredEip,
  eipFinalizerPatch,
  eipStatusPatch,
  EventLog,
  type PlannedWrite,
} from "@/reconcile/mod.ts";
import {
  type ContractApi,
  type ContractCase,
  namesOf,
  PATCH,
  revisionOf,
} from "./api.ts";
import { establish } from "./definitions.ts";

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
          labels: {
            "eip.openelb.kubesphere.io/v1alpha2": "pool",
            "foghorn.openelb.io/second-eip": "six",
          },
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
          labels: {
            "eip.openelb.kubesphere.io/v1alpha2": null,
            "foghorn.openelb.io/second-eip": null,
          },
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
    name:
      "the shipped definitions are taken, and an Eip as the agent writes it",
    run: async (api) => {
      const path = await defineEips(api);
      const created = await api.ok(
        "POST",
        path,
        ofGroup(api, eipObject({ name: "pool", address: "192.0.2.0/30" })),
      );
      const held = await send(api, eipFinalizerPatch(eipOf(created), true));
      deepStrictEqual(valueAt(held, "metadata", "finalizers"), [EIP_FINALIZER]);
      const full = await send(api, eipStatusPatch(eipOf(held), FULL));
      // What is false is left out where it was not there.
      const { conditions: _, occupied: __, ...rest } = FULL;
      deepStrictEqual(full["status"], {
        ...rest,
        conditions: [...FULL.conditions],
      });
      const half = { ...FULL, usage: 1, used: { "192.0.2.1": "ns/a" } };
      const freed = await send(api, eipStatusPatch(eipOf(full), half));
      deepStrictEqual(valueAt(freed, "status", "used"), half.used);
      strictEqual(eipStatusPatch(eipOf(freed), half), undefined);
      const older = await api.ok(
        "GET",
        `${path.replace("v1alpha2", "v1alpha1")}/pool`,
      );
      deepStrictEqual(valueAt(older, "status", "used"), half.used);
      await api.ok("DELETE", `${path}/pool`);
      const marked = await api.ok("GET", `${path}/pool`);
      await send(api, eipFinalizerPatch(eipOf(marked), false));
      await api.fails({ code: 404 }, "GET", `${path}/pool`);
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

/** Creates the shipped definitions under a group of the case's own; where Eips are. */
async function defineEips(api: ContractApi): Promise<string> {
  for (const document of crdDocuments()) {
    const definition = ofGroup(api, JSON.parse(JSON.stringify(document)));
    const plural = stringAt(definition, "spec", "names", "plural");
    const path = `/apis/${groupOf(api)}/v1alpha2/${plural}`;
    // deno-lint-ignore no-await-in-loop -- one after the other
    await establish(api, definition, path);
  }
  return `/apis/${groupOf(api)}/v1alpha2/${EIP_PLURAL}`;
}

/** Sends a write of the agent's, to the group of the case's own. */
async function send(
  api: ContractApi,
  write: PlannedWrite | undefined,
): Promise<JsonObject> {
  const path = pathOf(write).replace(API_GROUP, groupOf(api));
  return await api.ok(write?.method ?? "", path, bodyOf(write), PATCH.merge);
}

function eipOf(raw: JsonObject): Eip {
  const eip = projectEip(raw);
  if (!eip.ok) throw new Error(eip.error);
  return eip.value;
}

function groupOf(api: ContractApi): string {
  return `${api.namespace}.example.org`;
}

function ofGroup(api: ContractApi, object: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(object).replaceAll(API_GROUP, groupOf(api)),
  );
}

function pathOf(write: PlannedWrite | undefined): string {
  return write?.path ?? "";
}

function bodyOf(write: PlannedWrite | undefined): JsonObject {
  return JSON.parse(JSON.stringify(write?.body));
}

const FULL: DesiredEip = {
  poolSize: 4,
  firstIP: "192.0.2.0",
  lastIP: "192.0.2.3",
  v4: true,
  usage: 2,
  occupied: false,
  used: { "192.0.2.1": "ns/a", "192.0.2.2": "ns/b;ns/c" },
  conditions: [{
    type: "Ready",
    status: "True",
    reason: "Ready",
    message: "",
    lastTransitionTime: "2026-01-02T03:04:05Z",
  }],
};
