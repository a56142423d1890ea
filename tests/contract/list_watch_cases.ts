/**
 * Lists and watches: pages, selectors, resourceVersions, bookmarks, 410.
 *
 * @module
 */

import {
  deepStrictEqual,
  notStrictEqual,
  ok,
  strictEqual,
} from "node:assert/strict";
import { type JsonObject, valueAt } from "@/lab/apiserver/json.ts";
import {
  type ContractApi,
  type ContractCase,
  namesOf,
  PATCH,
  revisionOf,
} from "./api.ts";

/** The cases. */
export const LIST_WATCH_CASES: readonly ContractCase[] = [
  {
    name: "a list has its kind, a resourceVersion, and bare items in order",
    run: async (api) => {
      await create(api, ["b", "a"]);
      const list = await api.ok("GET", api.core("secrets"));
      strictEqual(list["kind"], "SecretList");
      strictEqual(list["apiVersion"], "v1");
      ok(Number(revisionOf(list)) > 0);
      deepStrictEqual(namesOf(list), ["a", "b"]);
      const first = Array.isArray(list["items"]) ? list["items"][0] : undefined;
      // Items of built-in lists do not say what they are.
      strictEqual(valueAt(first, "kind"), undefined);
      strictEqual(valueAt(first, "apiVersion"), undefined);
    },
  },
  {
    name: "pages show the collection as it was at the first page",
    run: async (api) => {
      const path = api.core("secrets");
      await create(api, ["a", "b", "c", "d", "e"]);
      const first = await api.ok("GET", `${path}?limit=2`);
      deepStrictEqual(namesOf(first), ["a", "b"]);
      strictEqual(valueAt(first, "metadata", "remainingItemCount"), 3);
      await api.ok("DELETE", `${path}/d`);
      await create(api, ["bb"]);
      const second = await api.ok("GET", nextPage(path, first));
      deepStrictEqual(namesOf(second), ["c", "d"]);
      strictEqual(revisionOf(second), revisionOf(first));
      const third = await api.ok("GET", nextPage(path, second));
      deepStrictEqual(namesOf(third), ["e"]);
      strictEqual(valueAt(third, "metadata", "continue") ?? "", "");
    },
  },
  {
    name: "a continue token that is no token answers 400",
    run: async (api) => {
      await api.fails(
        { code: 400, reason: "BadRequest" },
        "GET",
        `${api.core("secrets")}?limit=1&continue=nonsense`,
      );
    },
  },
  {
    name: "a continue token whose history is forgotten answers 410 Expired",
    needsCompaction: true,
    run: async (api) => {
      const path = api.core("secrets");
      await create(api, ["a", "b"]);
      const first = await api.ok("GET", `${path}?limit=1`);
      await create(api, ["c"]);
      await api.target.compact?.();
      await api.fails(
        { code: 410, reason: "Expired" },
        "GET",
        nextPage(path, first),
      );
    },
  },
  {
    name: "label selectors: strictEqual, unequal, in, notin, exists, absent",
    run: async (api) => {
      await create(api, ["a"], { tier: "one", old: "yes" });
      await create(api, ["b"], { tier: "two" });
      await create(api, ["c"]);
      const select = async (selector: string): Promise<unknown> =>
        namesOf(
          await api.ok(
            "GET",
            `${api.core("secrets")}?labelSelector=${
              encodeURIComponent(selector)
            }`,
          ),
        );
      deepStrictEqual(await select("tier=one"), ["a"]);
      deepStrictEqual(await select("tier==two,!old"), ["b"]);
      deepStrictEqual(await select("tier!=one"), ["b", "c"]);
      deepStrictEqual(await select("tier in (one, two)"), ["a", "b"]);
      deepStrictEqual(await select("tier notin (one)"), ["b", "c"]);
      deepStrictEqual(await select("tier"), ["a", "b"]);
      deepStrictEqual(await select("!tier"), ["c"]);
    },
  },
  {
    name: "field selectors: name, namespace, a Service's type, no others",
    run: async (api) => {
      const path = api.core("services");
      await createService(api, "a", "LoadBalancer");
      await createService(api, "b", "ClusterIP");
      const select = async (selector: string): Promise<unknown> =>
        namesOf(
          await api.ok(
            "GET",
            `${path}?fieldSelector=${encodeURIComponent(selector)}`,
          ),
        );
      deepStrictEqual(await select("spec.type=LoadBalancer"), ["a"]);
      deepStrictEqual(await select("spec.type!=LoadBalancer"), ["b"]);
      deepStrictEqual(await select("metadata.name=b"), ["b"]);
      deepStrictEqual(
        await select(
          `metadata.name==a,metadata.namespace=${api.namespace}`,
        ),
        ["a"],
      );
      await api.fails(
        { code: 400, reason: "BadRequest" },
        "GET",
        `${path}?fieldSelector=spec.colour%3Dred`,
      );
    },
  },
  {
    name: "a list at an exact resourceVersion shows the past",
    run: async (api) => {
      const path = api.core("secrets");
      await create(api, ["a"]);
      const before = await api.ok("GET", path);
      await create(api, ["b"]);
      const at = `resourceVersion=${revisionOf(before)}`;
      const exact = await api.ok(
        "GET",
        `${path}?${at}&resourceVersionMatch=Exact`,
      );
      deepStrictEqual(namesOf(exact), ["a"]);
      const newer = await api.ok(
        "GET",
        `${path}?${at}&resourceVersionMatch=NotOlderThan`,
      );
      deepStrictEqual(namesOf(newer), ["a", "b"]);
    },
  },
  {
    name: "a watch from a list's resourceVersion misses and repeats nothing",
    run: async (api) => {
      const path = api.core("secrets");
      await create(api, ["a"]);
      const list = await api.ok("GET", path);
      await create(api, ["b"]);
      const watch = await api.watch(path, {
        resourceVersion: revisionOf(list),
      });
      await relabel(api, "a", { x: "1" });
      await api.ok("DELETE", `${path}/b`);
      deepStrictEqual(await watch.names(3), [
        "ADDED b",
        "MODIFIED a",
        "DELETED b",
      ]);
    },
  },
  {
    name: "events carry whole objects under the revision of the change",
    run: async (api) => {
      const path = api.core("secrets");
      const [made] = await create(api, ["a"]);
      const watch = await api.watch(path, {
        resourceVersion: revisionOf(made ?? {}),
      });
      const changed = await relabel(api, "a", { x: "1" });
      const event = await watch.next();
      deepStrictEqual(event, { type: "MODIFIED", object: changed });
      strictEqual(event?.object["kind"], "Secret");
      await api.ok("DELETE", `${path}/a`);
      const end = await watch.next();
      strictEqual(end?.type, "DELETED");
      deepStrictEqual(valueAt(end?.object, "metadata", "labels"), { x: "1" });
      ok(Number(revisionOf(end?.object ?? {})) > Number(revisionOf(changed)));
    },
  },
  {
    name: "a watch without a resourceVersion begins with what there is",
    run: async (api) => {
      await create(api, ["b", "a"]);
      const watch = await api.watch(api.core("secrets"));
      deepStrictEqual((await watch.names(2)).toSorted(), [
        "ADDED a",
        "ADDED b",
      ]);
      await create(api, ["c"]);
      deepStrictEqual(await watch.names(1), ["ADDED c"]);
    },
  },
  {
    name: "what starts or stops matching a selector is ADDED or DELETED",
    run: async (api) => {
      const [made] = await create(api, ["a"]);
      const watch = await api.watch(api.core("secrets"), {
        resourceVersion: revisionOf(made ?? {}),
        labelSelector: "x=1",
      });
      await relabel(api, "a", { x: "1" });
      await relabel(api, "a", { y: "1" });
      await relabel(api, "a", { x: "2" });
      await relabel(api, "a", { y: "2" });
      await relabel(api, "a", { x: "1" });
      deepStrictEqual(await watch.names(2), ["ADDED a", "MODIFIED a"]);
      const gone = await watch.next();
      strictEqual(gone?.type, "DELETED");
      // It is shown as it was when it still matched.
      strictEqual(valueAt(gone?.object, "metadata", "labels", "x"), "1");
      deepStrictEqual(await watch.names(1), ["ADDED a"]);
    },
  },
  {
    name: "a watch of a field selector follows a Service's type",
    run: async (api) => {
      const made = await createService(api, "a", "ClusterIP");
      const watch = await api.watch(api.core("services"), {
        resourceVersion: revisionOf(made),
        fieldSelector: "spec.type=LoadBalancer",
      });
      const path = api.core("services", "a");
      await api.ok(
        "PATCH",
        path,
        { spec: { type: "LoadBalancer" } },
        PATCH.merge,
      );
      await api.ok("PATCH", path, { spec: { type: "ClusterIP" } }, PATCH.merge);
      deepStrictEqual(await watch.names(2), ["ADDED a", "DELETED a"]);
    },
  },
  {
    name: "a watch of a namespace does not see the others",
    run: async (api) => {
      const list = await api.ok("GET", api.core("secrets"));
      const watch = await api.watch(api.core("secrets"), {
        resourceVersion: revisionOf(list),
      });
      await createElsewhere(api);
      await create(api, ["a"]);
      deepStrictEqual(await watch.names(1), ["ADDED a"]);
    },
  },
  {
    name: "deleting what finalizers hold is MODIFIED, then DELETED",
    run: async (api) => {
      const path = api.core("secrets", "a");
      const made = await api.ok("POST", api.core("secrets"), {
        metadata: { name: "a", finalizers: ["example.org/a"] },
      });
      const watch = await api.watch(api.core("secrets"), {
        resourceVersion: revisionOf(made),
      });
      await api.ok("DELETE", path);
      await api.ok(
        "PATCH",
        path,
        { metadata: { finalizers: null } },
        PATCH.merge,
      );
      deepStrictEqual(await watch.names(2), ["MODIFIED a", "DELETED a"]);
    },
  },
  {
    name: "a watch ends in time, with a bookmark that can be continued from",
    run: async (api) => {
      const [made] = await create(api, ["a"]);
      const watch = await api.watch(api.core("secrets"), {
        resourceVersion: revisionOf(made ?? {}),
        allowWatchBookmarks: "true",
        timeoutSeconds: "3",
      });
      // A change in another namespace moves the bookmark past the object.
      await createElsewhere(api);
      let last: JsonObject = {};
      for (let event = await watch.next(); event !== undefined;) {
        strictEqual(event.type, "BOOKMARK");
        strictEqual(event.object["kind"], "Secret");
        last = event.object;
        // deno-lint-ignore no-await-in-loop -- one event after the other
        event = await watch.next();
      }
      ok(Number(revisionOf(last)) > Number(revisionOf(made ?? {})));
      const resumed = await api.watch(api.core("secrets"), {
        resourceVersion: revisionOf(last),
      });
      await create(api, ["b"]);
      deepStrictEqual(await resumed.names(1), ["ADDED b"]);
    },
  },
  {
    name: "a watch from a forgotten resourceVersion ends with 410 in an event",
    needsCompaction: true,
    run: async (api) => {
      const [made] = await create(api, ["a"]);
      await relabel(api, "a", { x: "1" });
      await api.target.compact?.();
      const watch = await api.watch(api.core("secrets"), {
        resourceVersion: revisionOf(made ?? {}),
      });
      const event = await watch.next();
      strictEqual(event?.type, "ERROR");
      strictEqual(event?.object["kind"], "Status");
      strictEqual(event?.object["code"], 410);
      strictEqual(event?.object["reason"], "Expired");
      strictEqual(await watch.next(), undefined);
    },
  },
  {
    name: "a resourceVersion that is no number answers 400, of a watch 500",
    run: async (api) => {
      const path = `${api.core("secrets")}?resourceVersion=abc`;
      await api.fails({ code: 400, reason: "BadRequest" }, "GET", path);
      const status = await api.fails(
        { code: 500 },
        "GET",
        `${path}&watch=true`,
      );
      strictEqual(status["reason"], undefined);
    },
  },
  {
    name: "a watch from a resourceVersion to come is silent until then",
    run: async (api) => {
      const [made] = await create(api, ["a"]);
      const watch = await api.watch(api.core("secrets"), {
        resourceVersion: String(Number(revisionOf(made ?? {})) + 1_000_000),
        allowWatchBookmarks: "true",
        timeoutSeconds: "3",
      });
      await create(api, ["b"]);
      strictEqual(await watch.next(), undefined);
    },
  },
  {
    name: "one counter numbers the changes of all resources",
    run: async (api) => {
      const [secret] = await create(api, ["a"]);
      const service = await createService(api, "a", "ClusterIP");
      const list = await api.ok("GET", api.core("secrets"));
      ok(Number(revisionOf(service)) > Number(revisionOf(secret ?? {})));
      ok(Number(revisionOf(list)) >= Number(revisionOf(service)));
      notStrictEqual(revisionOf(list), revisionOf(secret ?? {}));
    },
  },
];

async function create(
  api: ContractApi,
  names: readonly string[],
  labels: JsonObject = {},
): Promise<JsonObject[]> {
  const made: JsonObject[] = [];
  for (const name of names) {
    // deno-lint-ignore no-await-in-loop -- the order is part of the case
    const secret = await api.ok("POST", api.core("secrets"), {
      metadata: { name, labels },
    });
    made.push(secret);
  }
  return made;
}

async function createElsewhere(api: ContractApi): Promise<void> {
  const secrets = "/api/v1/namespaces/default/secrets";
  const made = await api.ok("POST", secrets, {
    metadata: { generateName: "contract-" },
  });
  api.cleansUp(`${secrets}/${valueAt(made, "metadata", "name")}`);
}

async function createService(
  api: ContractApi,
  name: string,
  type: string,
): Promise<JsonObject> {
  return await api.ok("POST", api.core("services"), {
    metadata: { name },
    spec: {
      type,
      ports: [{ port: 80 }],
      ...(type === "LoadBalancer"
        ? { allocateLoadBalancerNodePorts: false }
        : {}),
    },
  });
}

async function relabel(
  api: ContractApi,
  name: string,
  labels: JsonObject,
): Promise<JsonObject> {
  return await api.ok(
    "PATCH",
    api.core("secrets", name),
    { metadata: { labels } },
    PATCH.merge,
  );
}

function nextPage(path: string, list: JsonObject): string {
  const token = String(valueAt(list, "metadata", "continue"));
  return `${path}?limit=2&continue=${encodeURIComponent(token)}`;
}
