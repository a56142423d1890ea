/**
 * What one change costs the main core among 10,000 Services.
 *
 * @module
 */

import { parseMacAddr } from "@/addr/mac_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import {
  API_GROUP,
  API_VERSION,
  DEFAULT_EIP_ANNOTATION,
  EIP_PLURAL,
  encodeLinks,
  LEASE_LINKS_ANNOTATION,
  nodeLeaseName,
  OPENELB_ANNOTATION,
  OPENELB_ANNOTATION_VALUE,
} from "@/api/mod.ts";
import type { JsonObject } from "@/lab/apiserver/json.ts";
import type { LocalLink } from "@/node/mod.ts";
import type { PartReport } from "./report.ts";
import { formatCount, median, percentile } from "./statistics.ts";
import {
  BENCH_NAMESPACE,
  BENCH_NODE,
  type Settled,
  SteppedCluster,
} from "./stepped_cluster.ts";

/** One kind of change. */
interface Measured {
  readonly what: string;
  /** Milliseconds of each change. */
  readonly tookMs: readonly number[];
  /** Writes per change. */
  readonly writes: number;
}

/** Measures it. */
export function benchReconcile(): PartReport {
  const startMs = performance.now();
  const cluster = new SteppedCluster(objects(), LINK);
  const firstSeconds = (performance.now() - startMs) / 1_000;
  const rows = measureChanges(cluster);
  return {
    title: "Reconcile",
    method: [
      `The main core of one of three nodes, ${
        formatCount(SERVICES)
      } Services with addresses; ${CHANGES} changes one after the other, each until nothing is left to do, with an API server that grants every write at once. The time is that of the core alone.`,
      `From the first lists to an address for all ${formatCount(SERVICES)}: ${
        firstSeconds.toFixed(1)
      } s, with the API server's part.`,
    ],
    tables: [{
      title: `One change among ${formatCount(SERVICES)} Services, in ms`,
      columns: ["what changed", "median", "p99", "writes"],
      rows: rows.map(({ what, tookMs, writes }) => [
        what,
        median(tookMs).toFixed(2),
        percentile(tookMs, 0.99).toFixed(2),
        writes.toFixed(1),
      ]),
    }],
    figures: [{
      name: "reconcile",
      what: `one Service created among ${
        formatCount(SERVICES)
      }, work of the core, median`,
      value: `${median(rows[0]?.tookMs ?? []).toFixed(2)} ms`,
    }],
    floors: [],
  };
}

function measureChanges(cluster: SteppedCluster): readonly Measured[] {
  return [
    measure("a Service is created, gets an address, is announced", (i) => {
      cluster.put(slicePath(SERVICES + i), slice(SERVICES + i));
      const path = servicePath(SERVICES + i);
      const settled = cluster.put(path, service(SERVICES + i));
      // Otherwise it would be the cost of something else.
      if (!settled.commands.some(({ kind }) => kind === "vips")) {
        throw new Error("A new Service was not announced");
      }
      return settled;
    }),
    measure(
      "the endpoints of a Service move to another node",
      (i) => cluster.put(slicePath(i), slice(i, "n2")),
    ),
    measure("a label of a Service changes: nothing to do", (i) => {
      const change = { metadata: { labels: { changed: "yes" } } };
      return cluster.patch(servicePath(i), change);
    }),
    measure("a Service is deleted, its address is free again", (i) => {
      const path = servicePath(SERVICES + i);
      const change = {
        metadata: { deletionTimestamp: "2026-01-01T00:10:00Z" },
      };
      const [marked, gone] = [
        cluster.patch(path, change),
        cluster.remove(path),
      ];
      return {
        stepsMs: [...marked.stepsMs, ...gone.stepsMs],
        writes: [...marked.writes, ...gone.writes],
        commands: [...marked.commands, ...gone.commands],
      };
    }),
  ];
}

function measure(what: string, change: (i: number) => Settled): Measured {
  const tookMs: number[] = [];
  let writes = 0;
  for (let i = 0; i < WARM_UP + CHANGES; i++) {
    const settled = change(i);
    if (i < WARM_UP) continue;
    tookMs.push(settled.stepsMs.reduce((sum, ms) => sum + ms, 0));
    writes += settled.writes.filter(({ id }) => !id.startsWith("lease")).length;
  }
  return { what, tookMs, writes: writes / CHANGES };
}

function objects(): readonly (readonly [string, JsonObject])[] {
  const all: [string, JsonObject][] = [
    ["/api/v1/namespaces/shop", { metadata: meta("shop", "") }],
    [`/apis/${API_GROUP}/${API_VERSION}/${EIP_PLURAL}/pool`, {
      metadata: {
        ...meta("pool", ""),
        annotations: { [DEFAULT_EIP_ANNOTATION]: "true" },
      },
      spec: { address: "10.0.0.0/8", protocol: "layer2", interface: "eth0" },
    }],
    ...["n1", "n2", "n3"].map((name): [string, JsonObject] => [
      `/api/v1/nodes/${name}`,
      {
        metadata: meta(name, ""),
        status: { conditions: [{ type: "Ready", status: "True" }] },
      },
    ]),
    ...["n2", "n3"].map((name): [string, JsonObject] => [
      `/apis/coordination.k8s.io/v1/namespaces/${BENCH_NAMESPACE}/leases/${
        nodeLeaseName(name)
      }`,
      lease(name),
    ]),
  ];
  for (let i = 0; i < SERVICES; i++) {
    all.push([servicePath(i), service(i)], [slicePath(i), slice(i)]);
  }
  return all;
}

function service(i: number): JsonObject {
  return {
    metadata: {
      ...meta(`web-${i}`, "shop"),
      annotations: { [OPENELB_ANNOTATION]: OPENELB_ANNOTATION_VALUE },
    },
    spec: {
      type: "LoadBalancer",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      externalTrafficPolicy: "Cluster",
      selector: { app: `web-${i}` },
      ports: [{ protocol: "TCP", port: 80 }],
    },
    status: { loadBalancer: {} },
  };
}

function slice(i: number, node: string = BENCH_NODE): JsonObject {
  return {
    metadata: {
      ...meta(`web-${i}-x`, "shop"),
      labels: { "kubernetes.io/service-name": `web-${i}` },
    },
    addressType: "IPv4",
    endpoints: [{
      addresses: ["10.244.0.9"],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: node,
    }],
    ports: [{ protocol: "TCP", port: 8080 }],
  };
}

function lease(node: string): JsonObject {
  return {
    metadata: {
      ...meta(nodeLeaseName(node), BENCH_NAMESPACE),
      annotations: {
        [LEASE_LINKS_ANNOTATION]: encodeLinks([{
          name: LINK.name,
          up: true,
          mac: MAC,
          prefixes: LINK.prefixes,
        }]),
      },
    },
    spec: {
      holderIdentity: `${node}_machine_1`,
      leaseDurationSeconds: 10,
      acquireTime: "2026-01-01T00:00:00.000000Z",
      renewTime: "2026-01-01T00:00:00.000000Z",
    },
  };
}

function meta(name: string, namespace: string): JsonObject {
  return {
    name,
    ...(namespace === "" ? {} : { namespace }),
    uid: `uid-${namespace}-${name}`,
    creationTimestamp: "2026-01-01T00:00:00Z",
    labels: {},
    annotations: {},
    finalizers: [],
  };
}

function servicePath(i: number): string {
  return `/api/v1/namespaces/shop/services/web-${i}`;
}

function slicePath(i: number): string {
  return `/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/web-${i}-x`;
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError("The text can be parsed");
  return value;
}

const SERVICES = 10_000;
const WARM_UP = 50;
const CHANGES = 300;
const MAC = present(parseMacAddr("02:00:00:00:00:01"));
const LINK: LocalLink = {
  index: 2,
  name: "eth0",
  mac: MAC,
  running: true,
  prefixes: [present(parsePrefix("10.0.0.1/8"))],
};
