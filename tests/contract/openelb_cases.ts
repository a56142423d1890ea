/**
 * What OpenELB stored, under our definitions: none of it may become impossible
 * to read, edit, finalize or delete.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { crdDocuments } from "@/api/crds.ts";
import { projectBgpConf, projectBgpPeer, projectEip } from "@/api/mod.ts";
import { API_GROUP } from "@/api/names.ts";
import { type JsonObject, stringAt, valueAt } from "@/lab/apiserver/json.ts";
import {
  OPENELB_OBJECTS,
  openElbDefinition,
  type OpenElbObject,
} from "../support/openelb_objects.ts";
import {
  type ContractApi,
  type ContractCase,
  PATCH,
  revisionOf,
} from "./api.ts";
import { DEFINITIONS, establish } from "./definitions.ts";

/** The cases. */
export const OPENELB_CASES: readonly ContractCase[] = [
  {
    name:
      "what OpenELB stored is read, edited, finalized and deleted under our definitions",
    run: async (api) => {
      await defineOldKinds(api);
      for (const one of OPENELB_OBJECTS) {
        // deno-lint-ignore no-await-in-loop -- one after the other
        await store(api, one);
      }
      await replaceDefinitions(api);
      for (const one of OPENELB_OBJECTS) {
        // deno-lint-ignore no-await-in-loop -- one after the other
        await useUp(api, one);
      }
    },
  },
  {
    name:
      "the annotations of NodeProxy come and go with the status, OpenELB's finalizer goes",
    run: async (api) => {
      const path = api.core("services");
      const finalizer = "node-proxy.openelb.kubesphere.io/finalizer";
      const asked = { "node-proxy.openelb.kubesphere.io/type": "daemonset" };
      const made = await api.ok("POST", path, {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "a", annotations: asked, finalizers: [finalizer] },
        spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
      });
      const told = {
        "node-proxy.openelb.kubesphere.io/internal-ip": "192.0.2.11,192.0.2.12",
      };
      const addresses = ["192.0.2.11", "192.0.2.12"];
      const ingress = addresses.map((ip) => ({ ip, ipMode: "VIP" }));
      const given = await api.ok("PATCH", `${path}/a/status`, {
        metadata: {
          resourceVersion: revisionOf(made),
          annotations: told,
          finalizers: [],
        },
        status: { loadBalancer: { ingress } },
      }, PATCH.merge);
      deepStrictEqual(valueAt(given, "metadata", "annotations"), {
        ...asked,
        ...told,
      });
      strictEqual(valueAt(given, "metadata", "finalizers"), undefined);
      deepStrictEqual(valueAt(given, "status", "loadBalancer"), { ingress });
      const [name = ""] = Object.keys(told);
      const taken = await api.ok("PATCH", `${path}/a/status`, {
        metadata: {
          resourceVersion: revisionOf(given),
          annotations: { [name]: null },
        },
        status: { loadBalancer: { ingress: [] } },
      }, PATCH.merge);
      deepStrictEqual(valueAt(taken, "metadata", "annotations"), asked);
      deepStrictEqual(taken["status"], { loadBalancer: {} });
    },
  },
  {
    name: "a client of v1alpha1 that labels an Eip loses nothing of it",
    run: async (api) => {
      await defineOldKinds(api);
      const [one] = OPENELB_OBJECTS;
      if (one === undefined) throw new Error("There is none");
      const path = await store(api, one);
      await replaceDefinitions(api);
      const before = await api.ok("GET", path);
      const old = path.replace("v1alpha2", "v1alpha1");
      const { metadata, spec, status } = await api.ok("GET", old);
      await api.ok("PUT", old, {
        apiVersion: `${groupOf(api)}/v1alpha1`,
        kind: "Eip",
        metadata: { ...objectOf(metadata), labels: { x: "1" } },
        spec: { ...objectOf(spec), protocol: "layer2" },
        ...(status === undefined ? {} : { status }),
      });
      const after = await api.ok("GET", path);
      deepStrictEqual(after["status"], before["status"]);
      deepStrictEqual(after["spec"], {
        ...objectOf(before["spec"]),
        protocol: "layer2",
      });
      await api.ok("PATCH", path, NO_FINALIZERS, PATCH.merge);
    },
  },
];

/** Edits it in every way, takes its finalizer, and deletes it. */
async function useUp(api: ContractApi, one: OpenElbObject): Promise<void> {
  const path = pathOf(api, one);
  const before = await api.ok("GET", path);
  deepStrictEqual(before["spec"], one.object["spec"], one.name);
  deepStrictEqual(before["status"], one.object["status"], one.name);
  strictEqual(projectionOf(one.plural)(before).ok, true, one.name);
  const labelled = await api.ok("PATCH", path, {
    metadata: { labels: { x: "1" } },
  }, PATCH.merge);
  deepStrictEqual(labelled["spec"], one.object["spec"], one.name);
  // As an editor sends it: the whole object.
  await api.ok("PUT", path, {
    ...labelled,
    metadata: { ...objectOf(labelled["metadata"]), annotations: { x: "1" } },
  });
  await api.ok("PATCH", `${path}/status`, {
    status: { conditions: [CONDITION] },
  }, PATCH.merge);
  await api.ok("DELETE", path);
  const going = await api.ok("GET", path);
  strictEqual(typeof valueAt(going, "metadata", "deletionTimestamp"), "string");
  await api.ok("PATCH", path, {
    metadata: { resourceVersion: revisionOf(going), finalizers: [] },
  }, PATCH.merge);
  await api.fails({ code: 404 }, "GET", path);
}

async function store(api: ContractApi, one: OpenElbObject): Promise<string> {
  const path = pathOf(api, one);
  const { status, ...object } = one.object;
  await api.ok("POST", path.replace(/\/[^/]+$/, ""), {
    apiVersion: `${groupOf(api)}/v1alpha2`,
    kind: KINDS[one.plural] ?? "",
    ...object,
  });
  if (status !== undefined) {
    await api.ok("PATCH", `${path}/status`, { status }, PATCH.merge);
  }
  return path;
}

async function defineOldKinds(api: ContractApi): Promise<void> {
  const group = groupOf(api);
  for (const [plural, kind] of Object.entries(KINDS)) {
    const path = `/apis/${group}/v1alpha2/${plural}`;
    // deno-lint-ignore no-await-in-loop -- one after the other
    await establish(api, openElbDefinition({ group, plural, kind }), path);
  }
}

/** Puts our definitions in their place, and waits until they are in force. */
async function replaceDefinitions(api: ContractApi): Promise<void> {
  for (const document of crdDocuments()) {
    const { metadata, spec } = JSON.parse(
      JSON.stringify(document).replaceAll(API_GROUP, groupOf(api)),
    );
    const path = `${DEFINITIONS}/${metadata.name}`;
    // deno-lint-ignore no-await-in-loop -- one after the other
    await api.ok("PATCH", path, { spec }, PATCH.merge);
    const collection = `/apis/${groupOf(api)}/v1alpha2/${
      stringAt(spec, "names", "plural")
    }`;
    const wrong = {
      apiVersion: `${groupOf(api)}/v1alpha2`,
      kind: stringAt(spec, "names", "kind"),
      metadata: { name: "probe" },
      spec: { address: 1, conf: 1, as: "x" },
    };
    for (let tries = 1;; tries++) {
      // deno-lint-ignore no-await-in-loop -- one try after the other
      const { code } = await api.request("POST", collection, wrong);
      if (code === 422) break;
      strictEqual(tries < TRIES_MAX, true, "It is never in force");
      strictEqual(code, 201);
      // deno-lint-ignore no-await-in-loop -- one try after the other
      await api.ok("DELETE", `${collection}/probe`);
    }
  }
}

function projectionOf(
  plural: string,
): (raw: unknown) => { readonly ok: boolean } {
  return plural === "eips"
    ? projectEip
    : plural === "bgpconfs"
    ? projectBgpConf
    : projectBgpPeer;
}

function pathOf(api: ContractApi, { plural, object }: OpenElbObject): string {
  const name = stringAt(object, "metadata", "name");
  return `/apis/${groupOf(api)}/v1alpha2/${plural}/${name}`;
}

function groupOf(api: ContractApi): string {
  return `${api.namespace}.example.org`;
}

function objectOf(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value ?? {}));
}

const KINDS: Readonly<Record<string, string>> = {
  eips: "Eip",
  bgpconfs: "BgpConf",
  bgppeers: "BgpPeer",
};
// A kube-apiserver serves by a new definition some hundred milliseconds later.
const TRIES_MAX = 2_000;
const NO_FINALIZERS: JsonObject = { metadata: { finalizers: [] } };
const CONDITION: JsonObject = {
  type: "Ready",
  status: "False",
  reason: "Tested",
  message: "",
  lastTransitionTime: "2026-01-02T03:04:05Z",
};
