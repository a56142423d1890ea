/**
 * Services and Eips as the pages of OpenELB's have them, and what becomes of them.
 *
 * @module
 */

import { arrayAt, type JsonObject, stringAt } from "@/lab/apiserver/json.ts";
import { until } from "../support/waiting.ts";
import type { JourneyStage } from "./_journey_stage.ts";
import { eipPath, servicesPath } from "./objects.ts";

/** Waits until a Service is told that it gets no address. */
export async function isRefused(
  stage: JourneyStage,
  name: string,
  { patienceMs, namespace = "default" }: {
    readonly patienceMs: number;
    readonly namespace?: string;
  },
): Promise<void> {
  const path = `${servicesPath(namespace)}/${name}`;
  await until(
    async () => assignedOf(await stage.lab.objects.read(path)) === "False",
    {
      timeoutMs: patienceMs,
      what: () => `${name} is not told that it gets no address`,
    },
  );
}

/** The status of `AddressAssigned`; empty while there is none. */
export function assignedOf(service: JsonObject | undefined): string {
  const condition = arrayAt(service, "status", "conditions").find((one) =>
    stringAt(one, "type") === "AddressAssigned"
  );
  return stringAt(condition, "status");
}

/** A Service as a page has it. */
export interface ServiceWish {
  readonly name: string;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly port?: number;
  /** The app of its Pods; absent: of no Pods. */
  readonly selector?: string;
}

/** A Service that opts in, as the pages have it. */
export async function createService(
  stage: JourneyStage,
  wish: ServiceWish,
): Promise<void> {
  const { name, namespace = "default", annotations = {}, port = 80 } = wish;
  await stage.lab.objects.create(servicesPath(namespace), {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      annotations: { "lb.kubesphere.io/v1alpha1": "openelb", ...annotations },
    },
    spec: {
      type: "LoadBalancer",
      ports: [{ name: "http", port, targetPort: 8080 }],
      ...(wish.selector === undefined
        ? {}
        : { selector: { app: wish.selector } }),
    },
  });
}

/** Deletes a Service, and waits until it is gone. */
export async function deleteService(
  stage: JourneyStage,
  name: string,
  namespace = "default",
): Promise<void> {
  await stage.lab.objects.remove(`${servicesPath(namespace)}/${name}`);
}

/** Edits the spec of an Eip. */
export async function patchEip(
  stage: JourneyStage,
  name: string,
  spec: JsonObject,
): Promise<void> {
  await stage.lab.objects.patch(eipPath(name), { spec });
}

/** Makes an Eip the default, or not any more. */
export async function setDefault(
  stage: JourneyStage,
  name: string,
  value: "true" | "false",
): Promise<void> {
  await stage.lab.objects.patch(eipPath(name), {
    metadata: { annotations: { [DEFAULT]: value } },
  });
}

const DEFAULT = "eip.openelb.kubesphere.io/is-default-eip";
