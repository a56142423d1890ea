/**
 * CustomResourceDefinitions and what they define: two versions without
 * conversion, pruning, defaults, validation, `/status` and generations.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { type JsonObject, valueAt } from "@/lab/apiserver/json.ts";
import {
  type ContractApi,
  type ContractCase,
  namesOf,
  PATCH,
  revisionOf,
} from "./api.ts";
import { DEFINITIONS, establish } from "./definitions.ts";

/** The cases. */
export const CUSTOM_RESOURCE_CASES: readonly ContractCase[] = [
  {
    name: "a definition serves its versions, and none before",
    run: async (api) => {
      const group = groupOf(api);
      await api.fails({ code: 404 }, "GET", `/apis/${group}/v1/pools`);
      const path = await define(api);
      strictEqual((await api.ok("GET", path))["kind"], "PoolList");
      const versions = await api.ok("GET", `/apis/${group}`);
      strictEqual(
        valueAt(versions, "preferredVersion", "version"),
        "v1alpha2",
      );
      const resources = await api.ok("GET", `/apis/${group}/v1alpha2`);
      deepStrictEqual(
        Array.isArray(resources["resources"])
          ? resources["resources"].map((item) => valueAt(item, "name") ?? null)
          : [],
        ["pools", "pools/status"],
      );
      await api.fails({ code: 404 }, "GET", `/apis/${group}/v1alpha2/other`);
      await api.fails({ code: 404 }, "GET", `/apis/${group}/v1/pools`);
    },
  },
  {
    name: "objects are pruned, given defaults, and counted by generation",
    run: async (api) => {
      const path = await define(api);
      const made = await api.ok(
        "POST",
        path,
        pool(api, "a", { address: "x", unknown: true, nothing: null }),
      );
      deepStrictEqual(made["spec"], { address: "x", priority: 7 });
      strictEqual(valueAt(made, "metadata", "generation"), 1);
      const relabelled = await api.ok("PATCH", `${path}/a`, {
        metadata: { labels: { x: "1" } },
      }, PATCH.merge);
      strictEqual(valueAt(relabelled, "metadata", "generation"), 1);
      const changed = await api.ok("PATCH", `${path}/a`, {
        spec: { disable: true },
      }, PATCH.merge);
      strictEqual(valueAt(changed, "metadata", "generation"), 2);
    },
  },
  {
    name: "validation: required, type, enum, pattern, bounds and lengths",
    run: async (api) => {
      const path = await define(api);
      const refuses = async (
        spec: JsonObject,
        field: string,
      ): Promise<void> => {
        const status = await api.fails(
          { code: 422, reason: "Invalid" },
          "POST",
          path,
          pool(api, "a", spec),
        );
        const causes = valueAt(status, "details", "causes");
        const fields = Array.isArray(causes)
          ? causes.map((cause) => valueAt(cause, "field"))
          : [];
        ok(fields.includes(field), `${JSON.stringify(status)}`);
        match(String(status["message"]), /^Pool\.\S+ "a" is invalid: /);
      };
      await refuses({}, "spec.address");
      await refuses({ address: 1 }, "spec.address");
      await refuses({ address: "" }, "spec.address");
      await refuses({ address: "x".repeat(21) }, "spec.address");
      await refuses({ address: "x", protocol: "smoke" }, "spec.protocol");
      await refuses({ address: "x", interface: "UP" }, "spec.interface");
      await refuses({ address: "x", priority: -1 }, "spec.priority");
      await refuses({ address: "x", priority: 1_001 }, "spec.priority");
      await refuses({ address: "x", priority: 1.5 }, "spec.priority");
      await refuses(
        { address: "x", namespaces: ["a", "b", "c"] },
        "spec.namespaces",
      );
    },
  },
  {
    name: "strict field validation names the unknown field",
    run: async (api) => {
      const path = await define(api);
      const status = await api.fails(
        { code: 400, reason: "BadRequest" },
        "POST",
        `${path}?fieldValidation=Strict`,
        pool(api, "a", { address: "x", colour: "red" }),
      );
      match(String(status["message"]), /unknown field "spec\.colour"/);
    },
  },
  {
    name: "/status takes the status and nothing else, the object all but it",
    run: async (api) => {
      const path = await define(api);
      const made = await api.ok("POST", path, {
        ...pool(api, "a", { address: "x" }),
        status: { usage: 9 },
      });
      strictEqual(made["status"], undefined);
      const counted = await api.ok("PATCH", `${path}/a/status`, {
        metadata: { labels: { x: "1" }, finalizers: ["example.org/a"] },
        spec: { address: "y" },
        status: { usage: 1, used: { "192.0.2.1": "ns/a" }, lost: 1 },
      }, PATCH.merge);
      deepStrictEqual(counted["status"], {
        usage: 1,
        used: { "192.0.2.1": "ns/a" },
      });
      deepStrictEqual(counted["spec"], made["spec"]);
      strictEqual(valueAt(counted, "metadata", "labels"), undefined);
      strictEqual(valueAt(counted, "metadata", "finalizers"), undefined);
      strictEqual(valueAt(counted, "metadata", "generation"), 1);
      const unchanged = await api.ok("PATCH", `${path}/a`, {
        status: { usage: 5 },
      }, PATCH.merge);
      strictEqual(revisionOf(unchanged), revisionOf(counted));
      await api.fails(
        { code: 422, reason: "Invalid" },
        "PATCH",
        `${path}/a/status`,
        { status: { usage: "many" } },
        PATCH.merge,
      );
    },
  },
  {
    name: "an update without resourceVersion answers 422",
    run: async (api) => {
      const path = await define(api);
      await api.ok("POST", path, pool(api, "a", { address: "x" }));
      await api.fails(
        { code: 422, reason: "Invalid" },
        "PUT",
        `${path}/a`,
        pool(api, "a", { address: "y" }),
      );
    },
  },
  {
    name: "strategic merge patches answer 415",
    run: async (api) => {
      const path = await define(api);
      await api.ok("POST", path, pool(api, "a", { address: "x" }));
      await api.fails(
        { code: 415, reason: "UnsupportedMediaType" },
        "PATCH",
        `${path}/a`,
        {},
        PATCH.strategic,
      );
    },
  },
  {
    name: "both versions show one object, each what it knows",
    run: async (api) => {
      const path = await define(api);
      const older = path.replace("v1alpha2", "v1alpha1");
      await api.ok("POST", path, pool(api, "a", { address: "x" }));
      await api.ok("POST", older, {
        ...pool(api, "b", { address: "y", port: 1 }),
        apiVersion: `${groupOf(api)}/v1alpha1`,
      });
      const seen = await api.ok("GET", `${older}/a`);
      strictEqual(seen["apiVersion"], `${groupOf(api)}/v1alpha1`);
      deepStrictEqual(seen["spec"], { address: "x" });
      const stored = await api.ok("GET", `${path}/b`);
      strictEqual(stored["apiVersion"], `${groupOf(api)}/v1alpha2`);
      deepStrictEqual(stored["spec"], { address: "y", priority: 7 });
      deepStrictEqual(namesOf(await api.ok("GET", older)), ["a", "b"]);
      const watch = await api.watch(older);
      const event = await watch.next();
      strictEqual(event?.object["apiVersion"], `${groupOf(api)}/v1alpha1`);
    },
  },
  {
    name: "lists of custom resources say what their items are",
    run: async (api) => {
      const path = await define(api);
      await api.ok("POST", path, pool(api, "a", { address: "x" }));
      const list = await api.ok("GET", path);
      const first = Array.isArray(list["items"]) ? list["items"][0] : undefined;
      strictEqual(valueAt(first, "kind"), "Pool");
      strictEqual(valueAt(first, "apiVersion"), `${groupOf(api)}/v1alpha2`);
    },
  },
  {
    name: "a definition that goes takes its objects along",
    run: async (api) => {
      const path = await define(api);
      const made = await api.ok("POST", path, {
        ...pool(api, "a", { address: "x" }),
        metadata: { name: "a", finalizers: ["example.org/a"] },
      });
      const watch = await api.watch(DEFINITIONS, {
        resourceVersion: revisionOf(made),
        fieldSelector: `metadata.name=pools.${groupOf(api)}`,
      });
      await api.ok("DELETE", `${DEFINITIONS}/pools.${groupOf(api)}`);
      let last = await watch.next();
      strictEqual(last?.type, "MODIFIED");
      await released(api, `${path}/a`);
      while (last?.type === "MODIFIED") {
        // deno-lint-ignore no-await-in-loop -- one event after the other
        last = await watch.next();
      }
      strictEqual(last?.type, "DELETED");
    },
  },
  {
    name: "a watch where nothing changed has no bookmark, also at its end",
    run: async (api) => {
      const path = await define(api);
      await api.ok("POST", path, pool(api, "a", { address: "x" }));
      const watch = await api.watch(path, {
        resourceVersion: revisionOf(await api.ok("GET", path)),
        allowWatchBookmarks: "true",
        timeoutSeconds: "3",
      });
      // A change of something else does not count.
      await api.ok("POST", api.core("secrets"), { metadata: { name: "a" } });
      strictEqual(await watch.next(), undefined);
    },
  },
  {
    name: "definitions that are not well-formed answer 422",
    run: async (api) => {
      const expected = { code: 422, reason: "Invalid" };
      const good = definition(api);
      await api.fails(expected, "POST", DEFINITIONS, {
        ...good,
        metadata: { name: "other" },
      });
      await api.fails(expected, "POST", DEFINITIONS, {
        ...good,
        spec: { ...asObject(good["spec"]), versions: [] },
      });
    },
  },
];

// Deleting a definition marks its objects a moment after the definition.
async function released(api: ContractApi, path: string): Promise<void> {
  const watch = await api.watch(path.replace(/\/[^/]+$/, ""));
  for (;;) {
    // deno-lint-ignore no-await-in-loop -- one event after the other
    const event = await watch.next();
    const deleted = valueAt(event?.object, "metadata", "deletionTimestamp");
    if (event === undefined || deleted !== undefined) break;
  }
  await api.ok("PATCH", path, { metadata: { finalizers: null } }, PATCH.merge);
}

async function define(api: ContractApi): Promise<string> {
  const path = `/apis/${groupOf(api)}/v1alpha2/pools`;
  await establish(api, definition(api), path);
  return path;
}

function groupOf(api: ContractApi): string {
  return `${api.namespace}.example.org`;
}

function pool(api: ContractApi, name: string, spec: JsonObject): JsonObject {
  return {
    apiVersion: `${groupOf(api)}/v1alpha2`,
    kind: "Pool",
    metadata: { name },
    spec,
  };
}

function asObject(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value));
}

function definition(api: ContractApi): JsonObject {
  const group = groupOf(api);
  const version = (
    name: string,
    spec: JsonObject,
    rest: JsonObject,
  ): JsonObject => ({
    name,
    served: true,
    schema: {
      openAPIV3Schema: {
        type: "object",
        properties: {
          spec: { type: "object", required: ["address"], properties: spec },
          status: {
            type: "object",
            properties: {
              usage: { type: "integer" },
              used: {
                type: "object",
                additionalProperties: { type: "string" },
              },
            },
          },
        },
      },
    },
    ...rest,
  });
  const address: JsonObject = { type: "string", minLength: 1, maxLength: 20 };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `pools.${group}` },
    spec: {
      group,
      scope: "Cluster",
      names: { plural: "pools", kind: "Pool" },
      versions: [
        version("v1alpha1", { address, port: { type: "integer" } }, {
          storage: false,
        }),
        version("v1alpha2", {
          address,
          protocol: { type: "string", enum: ["bgp", "layer2"] },
          interface: { type: "string", pattern: "^[a-z0-9]*$" },
          disable: { type: "boolean" },
          nothing: { type: "string" },
          priority: {
            type: "integer",
            minimum: 0,
            maximum: 1_000,
            default: 7,
          },
          namespaces: {
            type: "array",
            maxItems: 2,
            items: { type: "string" },
          },
        }, { storage: true, subresources: { status: {} } }),
      ],
    },
  };
}
