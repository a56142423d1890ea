/**
 * J10 of OpenELB's documented journeys: which address a Service gets.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- a page's steps follow each other
import { deepStrictEqual } from "node:assert/strict";
import { stringAt } from "@/lab/apiserver/json.ts";
import { until } from "../support/waiting.ts";
import {
  assignedOf,
  createService,
  deleteService,
  isRefused,
  patchEip,
  setDefault,
} from "./_journey_objects.ts";
import type { Journey, JourneyStage } from "./_journey_stage.ts";
import { servicesPath } from "./objects.ts";

/** J10 "IP assignment". */
export const ASSIGNMENT: Journey = {
  name: "J10 IP assignment",
  apply: (stage) => stage.apply("j10-assignment"),
  async holds(stage, patienceMs) {
    await named(stage, patienceMs);
    await shared(stage, patienceMs);
    // In the order in which they are chosen: bound ones by priority, then the default.
    await available(stage, [
      ["namespace-1", ["eip-ns", "eip-selector", "default-eip"]],
      ["namespace-2", ["eip-selector", "default-eip"]],
      ["namespace-3", ["default-eip"]],
    ], patienceMs);
    await setDefault(stage, "default-eip", "false");
    await available(stage, [
      ["namespace-1", ["eip-ns", "eip-selector"]],
      ["namespace-2", ["eip-selector"]],
      ["namespace-3", []],
    ], patienceMs);
    await pending(stage, patienceMs);
    await full(stage, patienceMs);
  },
  remove: (stage) => stage.remove("j10-assignment"),
};

/** (a) A named Eip serves a namespace it is not bound to. */
async function named(stage: JourneyStage, patienceMs: number): Promise<void> {
  const at = { namespace: "namespace-3" };
  const annotations = { [EIP]: "eip-ns" };
  await createService(stage, { name: "named", ...at, annotations });
  await stage.hasExternalIp("named", "192.168.0.130", { patienceMs, ...at });
  await deleteService(stage, "named", "namespace-3");
}

/** (b) A named address of an unbound Eip is given, and shared with the next that names it. */
async function shared(stage: JourneyStage, patienceMs: number): Promise<void> {
  const vip = "192.168.0.145";
  const annotations = { [ADDRESS]: vip };
  for (const [name, port] of [["one", 80], ["two", 81]] as const) {
    await createService(stage, { name, annotations, port });
    await stage.hasExternalIp(name, vip, { patienceMs });
  }
  for (const name of ["one", "two"]) await deleteService(stage, name);
}

/** (c), (d), (e): which pools a namespace may take from, in their order; each is disabled after it was taken. */
async function available(
  stage: JourneyStage,
  wanted: readonly (readonly [string, readonly string[]])[],
  patienceMs: number,
): Promise<void> {
  for (const [namespace, pools] of wanted) {
    const taken: string[] = [];
    for (;;) {
      await createService(stage, { name: "auto", namespace });
      const pool = await poolOf(stage, namespace, patienceMs);
      await deleteService(stage, "auto", namespace);
      if (pool === "") break;
      taken.push(pool);
      await patchEip(stage, pool, { disable: true });
    }
    deepStrictEqual(taken, pools, namespace);
    for (const pool of taken) await patchEip(stage, pool, { disable: false });
  }
}

/** (f) Without a suitable Eip a Service waits until there is one. */
async function pending(stage: JourneyStage, patienceMs: number): Promise<void> {
  const at = { namespace: "namespace-3" };
  await createService(stage, { name: "waits", ...at });
  await isRefused(stage, "waits", { patienceMs, ...at });
  await setDefault(stage, "default-eip", "true");
  await stage.hasExternalIp("waits", "192.168.0.110", { patienceMs, ...at });
  await deleteService(stage, "waits", "namespace-3");
}

/** (g) Where all is taken a Service waits until something is released. */
async function full(stage: JourneyStage, patienceMs: number): Promise<void> {
  const annotations = { [EIP]: "eip-ns" };
  for (const name of ["first", "second"]) {
    await createService(stage, { name, annotations });
    if (name === "second") await isRefused(stage, name, { patienceMs });
    else await stage.hasExternalIp(name, "192.168.0.130", { patienceMs });
  }
  await deleteService(stage, "first");
  await stage.hasExternalIp("second", "192.168.0.130", { patienceMs });
  await deleteService(stage, "second");
}

/** The pool a Service's address is of; empty when it is told that it gets none. */
async function poolOf(
  stage: JourneyStage,
  namespace: string,
  patienceMs: number,
): Promise<string> {
  let assigned = "";
  let pool = "";
  await until(async () => {
    const path = `${servicesPath(namespace)}/auto`;
    const service = await stage.lab.objects.read(path);
    assigned = assignedOf(service);
    pool = stringAt(service, "metadata", "labels", EIP);
    return assigned === "True" ? pool !== "" : assigned === "False";
  }, {
    timeoutMs: patienceMs,
    what: () => `AddressAssigned of ${namespace}/auto is "${assigned}"`,
  });
  return assigned === "True" ? pool : "";
}

const EIP = "eip.openelb.kubesphere.io/v1alpha2";
const ADDRESS = "eip.openelb.kubesphere.io/v1alpha1";
