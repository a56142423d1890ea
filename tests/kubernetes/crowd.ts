/**
 * Many Services at once, as many as the API server takes, and what became of
 * them.
 *
 * @module
 */

import { arrayAt, isObject, stringAt } from "@/lab/apiserver/json.ts";
import { must } from "@/lab/command.ts";
import { serviceObject } from "@/lab/objects.ts";
import type { KubernetesLab } from "./lab.ts";
import { servicesPath } from "./objects.ts";

/** When what happened to a crowd of Services, on this process's monotonic clock. */
export interface CrowdTimes {
  /** The first was about to be created. */
  readonly beganMs: number;
  /** The last was created. */
  readonly createdMs: number;
  /** The watch had shown an address of each. */
  readonly addressedMs: number;
  /** The addresses that each Service was ever seen with, by name. */
  readonly addresses: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Makes what all Services of a crowd share: a pool, a Pod on each node, routes for clients. */
export async function prepareCrowd(lab: KubernetesLab): Promise<void> {
  await lab.objects.createEip({ name: CROWD, address: CROWD_POOL });
  for (const { name } of lab.nodes) {
    // deno-lint-ignore no-await-in-loop -- addresses are counted
    await lab.addPod(CROWD, name);
  }
  const { name } = lab.client.host;
  const route = ["route", "replace", CROWD_POOL, "dev", "eth0"];
  await must("ip", ["-n", name, ...route]);
}

/**
 * Creates Services by eight connections at once, and waits until each has its
 * address.
 *
 * @param lab A lab that was prepared, with agents.
 * @param count How many.
 * @param timeoutMs Longest from the first creation on.
 */
export async function createCrowd(
  lab: KubernetesLab,
  count: number,
  timeoutMs: number,
): Promise<CrowdTimes> {
  const addresses = new Map<string, Set<string>>();
  const all = Promise.withResolvers<number>();
  const end = new AbortController();
  const path = servicesPath("default");
  const list = await lab.plane.admin.must("GET", path);
  const version = stringAt(list, "metadata", "resourceVersion");
  const watched = lab.plane.admin.watch(
    `${path}?resourceVersion=${version}`,
    ({ object }) => {
      const name = stringAt(object, "metadata", "name");
      if (!name.startsWith(`${CROWD}-`)) return;
      const ingress = arrayAt(object, "status", "loadBalancer", "ingress");
      for (const entry of ingress) {
        if (!isObject(entry)) continue;
        const held = addresses.get(name) ?? new Set();
        addresses.set(name, held.add(stringAt(entry, "ip")));
      }
      if (addresses.size === count) all.resolve(performance.now());
    },
    end.signal,
  );
  const beganMs = performance.now();
  const timer = setTimeout(
    () => all.reject(new Error(`${addresses.size} of ${count} have addresses`)),
    timeoutMs,
  );
  try {
    const names = Array.from({ length: count }, (_, i) => `${CROWD}-${i}`);
    const [createdMs, addressedMs] = await Promise.all([
      createAll(lab, names),
      all.promise,
    ]);
    return { beganMs, createdMs, addressedMs, addresses };
  } finally {
    clearTimeout(timer);
    end.abort();
    await watched;
  }
}

/** Deletes a crowd and waits until all are gone. */
export async function deleteCrowd(lab: KubernetesLab): Promise<void> {
  const path = servicesPath("default");
  const names = (await lab.objects.list(path))
    .map((service) => stringAt(service, "metadata", "name"))
    .filter((name) => name.startsWith(`${CROWD}-`));
  await byConnections(names, (name) => lab.objects.delete(`${path}/${name}`));
  await byConnections(names, (name) => lab.objects.gone(`${path}/${name}`));
}

async function createAll(
  lab: KubernetesLab,
  names: readonly string[],
): Promise<number> {
  const path = servicesPath("default");
  await byConnections(names, async (name) => {
    await lab.plane.admin.must(
      "POST",
      path,
      serviceObject({
        name,
        eip: CROWD,
        spec: {
          selector: { app: CROWD },
          // There are not enough ports for thousands.
          allocateLoadBalancerNodePorts: false,
        },
      }),
    );
  });
  return performance.now();
}

async function byConnections(
  names: readonly string[],
  run: (name: string) => Promise<void>,
): Promise<void> {
  const waiting = names.values();
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    // deno-lint-ignore no-await-in-loop -- one after the other on each connection
    for (const name of waiting) await run(name);
  }));
}

/** Name of what a crowd shares, and how its Services' names begin. */
export const CROWD = "crowd";
/** The pool of a crowd; no node has an address in it. */
export const CROWD_POOL = "198.18.0.0/16";

const CONNECTIONS = 8;
