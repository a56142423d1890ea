/**
 * Objects: creating, changing, patching and deleting them.
 *
 * @module
 */

import {
  deepStrictEqual,
  match,
  notStrictEqual,
  strictEqual,
} from "node:assert/strict";
import { type JsonObject, valueAt } from "@/lab/apiserver/json.ts";
import {
  type ContractApi,
  type ContractCase,
  PATCH,
  revisionOf,
} from "./api.ts";

/** The cases. */
export const OBJECT_CASES: readonly ContractCase[] = [
  {
    name: "create sets uid, resourceVersion, creationTimestamp and namespace",
    run: async (api) => {
      const made = await createConfigMap(api, "a");
      strictEqual(valueAt(made, "metadata", "namespace"), api.namespace);
      match(String(valueAt(made, "metadata", "uid")), /^[0-9a-f-]{36}$/);
      match(revisionOf(made), /^[1-9]\d*$/);
      match(
        String(valueAt(made, "metadata", "creationTimestamp")),
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
      );
      strictEqual(made["kind"], "ConfigMap");
      strictEqual(made["apiVersion"], "v1");
    },
  },
  {
    name: "create of a name that is taken answers 409 AlreadyExists",
    run: async (api) => {
      await createConfigMap(api, "a");
      const status = await api.fails(
        { code: 409, reason: "AlreadyExists" },
        "POST",
        api.core("configmaps"),
        configMap("a"),
      );
      deepStrictEqual(status["details"], { name: "a", kind: "configmaps" });
      strictEqual(status["message"], 'configmaps "a" already exists');
    },
  },
  {
    name: "create with generateName appends five characters",
    run: async (api) => {
      const made = await api.ok("POST", api.core("configmaps"), {
        metadata: { generateName: "made-" },
      });
      match(String(valueAt(made, "metadata", "name")), /^made-[a-z0-9]{5}$/);
    },
  },
  {
    name:
      "create refuses names, labels and finalizers that are not well-formed",
    run: async (api) => {
      const refused = async (metadata: JsonObject): Promise<void> => {
        await api.fails(
          { code: 422, reason: "Invalid" },
          "POST",
          api.core("configmaps"),
          { metadata },
        );
      };
      await refused({ name: "Upper" });
      await refused({});
      await refused({ name: "a", labels: { "a b": "c" } });
      await refused({ name: "a", labels: { a: "b".repeat(64) } });
      await refused({ name: "a", finalizers: ["not qualified"] });
    },
  },
  {
    name: "create in a namespace that is not there answers 404",
    run: async (api) => {
      await api.fails(
        { code: 404, reason: "NotFound" },
        "POST",
        "/api/v1/namespaces/contract-missing/configmaps",
        configMap("a"),
      );
    },
  },
  {
    name: "a body of another namespace, name, kind or version answers 400",
    run: async (api) => {
      const expected = { code: 400, reason: "BadRequest" };
      const path = api.core("configmaps");
      const made = await createConfigMap(api, "a");
      await api.fails(expected, "POST", path, {
        metadata: { name: "b", namespace: "default" },
      });
      await api.fails(expected, "POST", path, {
        ...configMap("b"),
        kind: "Secret",
        apiVersion: "v1",
      });
      await api.fails(expected, "POST", path, {
        ...configMap("b"),
        kind: "ConfigMap",
        apiVersion: "v2",
      });
      await api.fails(expected, "PUT", `${path}/b`, made);
    },
  },
  {
    name: "get of an object that is not there answers 404 with its name",
    run: async (api) => {
      const status = await api.fails(
        { code: 404, reason: "NotFound" },
        "GET",
        api.core("configmaps", "a"),
      );
      strictEqual(status["message"], 'configmaps "a" not found');
      deepStrictEqual(status["details"], { name: "a", kind: "configmaps" });
      strictEqual(status["status"], "Failure");
      strictEqual(status["code"], 404);
    },
  },
  {
    name: "an update with an old resourceVersion answers 409 Conflict",
    run: async (api) => {
      const path = api.core("configmaps", "a");
      const first = await createConfigMap(api, "a");
      const second = await api.ok("PUT", path, { ...first, data: { a: "1" } });
      notStrictEqual(revisionOf(second), revisionOf(first));
      const status = await api.fails(
        { code: 409, reason: "Conflict" },
        "PUT",
        path,
        { ...first, data: { a: "2" } },
      );
      match(
        String(status["message"]),
        /^Operation cannot be fulfilled on configmaps "a": the object has been modified/,
      );
      deepStrictEqual((await api.ok("GET", path))["data"], { a: "1" });
    },
  },
  {
    name: "an update without resourceVersion wins, except of Leases",
    run: async (api) => {
      await createConfigMap(api, "a");
      const made = await api.ok("PUT", api.core("configmaps", "a"), {
        ...configMap("a"),
        data: { a: "1" },
      });
      deepStrictEqual(made["data"], { a: "1" });
      const leases = api.group("coordination.k8s.io/v1", "leases");
      await api.ok("POST", leases, { metadata: { name: "a" } });
      await api.fails({ code: 422, reason: "Invalid" }, "PUT", `${leases}/a`, {
        metadata: { name: "a" },
        spec: { holderIdentity: "x" },
      });
    },
  },
  {
    name: "an update that changes nothing keeps the resourceVersion",
    run: async (api) => {
      const path = api.core("configmaps", "a");
      const made = await createConfigMap(api, "a");
      strictEqual(
        revisionOf(await api.ok("PUT", path, made)),
        revisionOf(made),
      );
      const patched = await api.ok(
        "PATCH",
        path,
        { metadata: { labels: null } },
        PATCH.merge,
      );
      strictEqual(revisionOf(patched), revisionOf(made));
    },
  },
  {
    name: "an update cannot change uid, creationTimestamp or deletionTimestamp",
    run: async (api) => {
      const path = api.core("configmaps", "a");
      const made = await createConfigMap(api, "a");
      const patched = await api.ok("PATCH", path, {
        metadata: {
          creationTimestamp: "2001-01-01T00:00:00Z",
          deletionTimestamp: null,
        },
      }, PATCH.merge);
      deepStrictEqual(patched["metadata"], made["metadata"]);
      await api.fails(
        { code: 422, reason: "Invalid" },
        "PATCH",
        path,
        { metadata: { deletionTimestamp: "2001-01-01T00:00:00Z" } },
        PATCH.merge,
      );
      const uid = crypto.randomUUID();
      await api.fails(
        { code: 422, reason: "Invalid" },
        "PATCH",
        path,
        { metadata: { uid } },
        PATCH.merge,
      );
      await api.fails({ code: 409, reason: "Conflict" }, "PUT", path, {
        metadata: { name: "a", uid },
      });
    },
  },
  {
    name: "a merge patch merges objects, replaces lists and deletes by null",
    run: async (api) => {
      const path = api.core("configmaps", "a");
      await createConfigMap(api, "a", {
        labels: { keep: "1", drop: "1" },
        finalizers: ["example.org/a"],
      });
      const patched = await api.ok("PATCH", path, {
        metadata: {
          labels: { drop: null, add: "1" },
          finalizers: ["example.org/b"],
        },
      }, PATCH.merge);
      deepStrictEqual(valueAt(patched, "metadata", "labels"), {
        keep: "1",
        add: "1",
      });
      deepStrictEqual(valueAt(patched, "metadata", "finalizers"), [
        "example.org/b",
      ]);
      await api.ok(
        "PATCH",
        path,
        { metadata: { finalizers: null } },
        PATCH.merge,
      );
    },
  },
  {
    name: "a merge patch with a resourceVersion is a precondition",
    run: async (api) => {
      const path = api.core("configmaps", "a");
      const made = await createConfigMap(api, "a");
      const patch = (value: string): JsonObject => ({
        metadata: { resourceVersion: revisionOf(made) },
        data: { a: value },
      });
      await api.ok("PATCH", path, patch("1"), PATCH.merge);
      await api.fails(
        { code: 409, reason: "Conflict" },
        "PATCH",
        path,
        patch("2"),
        PATCH.merge,
      );
    },
  },
  {
    name: "a JSON patch applies all of its operations or none",
    run: async (api) => {
      const path = api.core("configmaps", "a");
      await createConfigMap(api, "a", { labels: { "a/b": "1" } });
      const patched = await api.ok("PATCH", path, [
        { op: "test", path: "/metadata/labels/a~1b", value: "1" },
        { op: "add", path: "/data", value: { x: "1" } },
        { op: "copy", from: "/data/x", path: "/data/y" },
        { op: "remove", path: "/metadata/labels" },
      ], PATCH.json);
      deepStrictEqual(patched["data"], { x: "1", y: "1" });
      strictEqual(valueAt(patched, "metadata", "labels"), undefined);
      await api.fails({ code: 422 }, "PATCH", path, [
        { op: "replace", path: "/data/x", value: "2" },
        { op: "test", path: "/data/y", value: "2" },
      ], PATCH.json);
      await api.fails({ code: 422 }, "PATCH", path, [
        { op: "remove", path: "/data/missing" },
      ], PATCH.json);
      deepStrictEqual((await api.ok("GET", path))["data"], { x: "1", y: "1" });
    },
  },
  {
    name: "patches of an unknown type answer 415, of a missing object 404",
    run: async (api) => {
      await createConfigMap(api, "a");
      await api.fails(
        { code: 415, reason: "UnsupportedMediaType" },
        "PATCH",
        api.core("configmaps", "a"),
        {},
        "application/json",
      );
      await api.fails(
        { code: 404, reason: "NotFound" },
        "PATCH",
        api.core("configmaps", "b"),
        {},
        PATCH.merge,
      );
    },
  },
  {
    name: "dryRun does everything but store",
    run: async (api) => {
      const path = api.core("configmaps");
      const answer = await api.request(
        "POST",
        `${path}?dryRun=All`,
        configMap("a"),
      );
      strictEqual(answer.code, 201);
      await api.fails({ code: 404 }, "GET", `${path}/a`);
    },
  },
  {
    name: "delete ends an object at once, unless finalizers hold it",
    run: async (api) => {
      const free = api.core("configmaps", "free");
      await createConfigMap(api, "free");
      const status = await api.ok("DELETE", free);
      strictEqual(status["status"], "Success");
      await api.fails({ code: 404 }, "GET", free);
      await api.fails({ code: 404 }, "DELETE", free);

      const held = api.core("configmaps", "held");
      await createConfigMap(api, "held", { finalizers: ["example.org/a"] });
      const marked = await api.ok("DELETE", held);
      match(String(valueAt(marked, "metadata", "deletionTimestamp")), /Z$/);
      const again = await api.ok("DELETE", held);
      strictEqual(revisionOf(again), revisionOf(marked));
      await api.fails(
        { code: 422, reason: "Invalid" },
        "PATCH",
        held,
        { metadata: { finalizers: ["example.org/a", "example.org/b"] } },
        PATCH.merge,
      );
      await api.ok(
        "PATCH",
        held,
        { metadata: { finalizers: null } },
        PATCH.merge,
      );
      await api.fails({ code: 404 }, "GET", held);
    },
  },
  {
    name: "delete has preconditions",
    run: async (api) => {
      const path = api.core("configmaps", "a");
      const made = await createConfigMap(api, "a");
      const expected = { code: 409, reason: "Conflict" };
      await api.fails(expected, "DELETE", path, {
        preconditions: { uid: crypto.randomUUID() },
      });
      await api.ok("PATCH", path, { data: { a: "1" } }, PATCH.merge);
      await api.fails(expected, "DELETE", path, {
        preconditions: { resourceVersion: revisionOf(made) },
      });
      await api.ok("DELETE", path, {
        preconditions: { uid: valueAt(made, "metadata", "uid") ?? null },
      });
    },
  },
  {
    name: "deletecollection deletes what the selector selects",
    run: async (api) => {
      const path = api.core("configmaps");
      await createConfigMap(api, "a", { labels: { drop: "yes" } });
      await createConfigMap(api, "b");
      await api.ok("DELETE", `${path}?labelSelector=drop%3Dyes`);
      await api.fails({ code: 404 }, "GET", `${path}/a`);
      await api.ok("GET", `${path}/b`);
    },
  },
  {
    name: "unknown fields are dropped, and refused when asked to be strict",
    run: async (api) => {
      const path = api.core("configmaps");
      const body = { ...configMap("a"), colour: "red" };
      await api.fails(
        { code: 400, reason: "BadRequest" },
        "POST",
        `${path}?fieldValidation=Strict`,
        body,
      );
      const answer = await api.request("POST", path, body);
      strictEqual(answer.code, 201);
      strictEqual(answer.body["colour"], undefined);
      match(answer.headers.get("warning") ?? "", /unknown field/);
    },
  },
  {
    name: "values of the wrong type answer 400",
    run: async (api) => {
      await api.fails(
        { code: 400, reason: "BadRequest" },
        "POST",
        api.core("configmaps"),
        { metadata: { name: "a" }, data: { a: 1 } },
      );
      await api.fails(
        { code: 400, reason: "BadRequest" },
        "POST",
        api.core("services"),
        { metadata: { name: "a" }, spec: { ports: [{ port: "http" }] } },
      );
    },
  },
  {
    name: "secrets turn stringData into data",
    run: async (api) => {
      const secret = await api.ok("POST", api.core("secrets"), {
        metadata: { name: "a" },
        stringData: { key: "value" },
      });
      deepStrictEqual(secret["data"], { key: btoa("value") });
      strictEqual(secret["stringData"], undefined);
      strictEqual(secret["type"], "Opaque");
    },
  },
];

function configMap(name: string, metadata: JsonObject = {}): JsonObject {
  return { metadata: { name, ...metadata } };
}

async function createConfigMap(
  api: ContractApi,
  name: string,
  metadata: JsonObject = {},
): Promise<JsonObject> {
  return await api.ok(
    "POST",
    api.core("configmaps"),
    configMap(name, metadata),
  );
}
