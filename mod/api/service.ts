/**
 * Services, as far as we use them.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { readConditions } from "./_conditions_reader.ts";
import { isJson, type Json, present, Reader } from "./_reader.ts";
import type { Condition } from "./conditions.ts";
import type { LoadBalancerIngress } from "./ingress.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** A family in `spec.ipFamilies`. */
export type ServiceIpFamily = "IPv4" | "IPv6";

/** How many families a Service wants. */
export type IpFamilyPolicy =
  | "SingleStack"
  | "PreferDualStack"
  | "RequireDualStack";

/** A port of a Service. */
export interface ServicePort {
  /** Its name; absent when the Service has one port. */
  readonly name?: string;
  /** `TCP`, `UDP` or `SCTP`. */
  readonly protocol: string;
  /** The port, 1 to 65,535. */
  readonly port: number;
  /** The port on every node, where it has one. */
  readonly nodePort?: number;
}

/** A Service. */
export interface Service {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** `spec.type`. */
  readonly type: string;
  /** `spec.loadBalancerClass`. */
  readonly loadBalancerClass?: string;
  /** `spec.loadBalancerIP`; never empty. */
  readonly loadBalancerIP?: string;
  /** `spec.ipFamilies`, in order of preference. */
  readonly ipFamilies: readonly ServiceIpFamily[];
  /** `spec.ipFamilyPolicy`. */
  readonly ipFamilyPolicy?: IpFamilyPolicy;
  /** `spec.externalTrafficPolicy`; `Cluster` when absent. */
  readonly externalTrafficPolicy: "Cluster" | "Local";
  /** `spec.selector`; empty when its endpoints are managed by hand. */
  readonly selector: Readonly<Record<string, string>>;
  /** `spec.externalIPs`; absent: none. */
  readonly externalIPs?: readonly string[];
  /** `spec.ports`. */
  readonly ports: readonly ServicePort[];
  /** `status.loadBalancer.ingress`. */
  readonly ingress: readonly LoadBalancerIngress[];
  /** `status.conditions`. */
  readonly conditions: readonly Condition[];
  /** Who last wrote `status.loadBalancer`, by `metadata.managedFields`; absent where the server does not tell. */
  readonly statusManager?: string;
}

/**
 * Reads a Service as the API server sends it.
 *
 * @param raw The object.
 * @returns What we use of it, or one sentence that says what is wrong.
 */
export function projectService(raw: unknown): Result<Service, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const spec = reader.object(root, "spec", "");
  const status = reader.object(root, "status", "");
  const loadBalancer = reader.object(status, "loadBalancer", "status.");
  const service = present<Service>({
    meta: readMeta(reader, root),
    type: reader.filledText(spec, "type", AT) ?? "ClusterIP",
    loadBalancerClass: reader.filledText(spec, "loadBalancerClass", AT),
    loadBalancerIP: reader.filledText(spec, "loadBalancerIP", AT),
    ipFamilies: readFamilies(reader, spec),
    ipFamilyPolicy: reader.choice(spec, "ipFamilyPolicy", AT, POLICIES),
    externalTrafficPolicy:
      reader.choice(spec, "externalTrafficPolicy", AT, TRAFFIC_POLICIES) ??
        "Cluster",
    selector: reader.map(spec, "selector", AT),
    externalIPs: readExternalIPs(reader, spec),
    ports: reader.items(spec, "ports", AT).map((port) =>
      readPort(reader, port)
    ),
    ingress: reader.items(loadBalancer, "ingress", "status.loadBalancer.")
      .map((entry) => readIngress(reader, entry)),
    conditions: readConditions(reader, status),
    statusManager: statusManagerOf(root),
  });
  return reader.finish("Service", raw, service);
}

/** The newest entry of `managedFields` that has `status.loadBalancer`; nothing in it is worth refusing a Service for. */
function statusManagerOf(root: Json): string | undefined {
  const metadata = root["metadata"];
  const entries = isJson(metadata) ? metadata["managedFields"] : undefined;
  if (!Array.isArray(entries)) return undefined;
  let newest: { readonly manager: string; readonly time: string } | undefined;
  for (const entry of entries) {
    if (!isJson(entry) || !isJson(entry["fieldsV1"])) continue;
    const fields = entry["fieldsV1"]["f:status"];
    if (!isJson(fields) || fields["f:loadBalancer"] === undefined) continue;
    const { manager, time } = entry;
    if (typeof manager !== "string") continue;
    const at = typeof time === "string" ? time : "";
    if (newest === undefined || newest.time <= at) {
      newest = { manager, time: at };
    }
  }
  return newest?.manager;
}

function readFamilies(reader: Reader, spec: Json): readonly ServiceIpFamily[] {
  const families: ServiceIpFamily[] = [];
  for (const text of reader.texts(spec, "ipFamilies", AT)) {
    const family = FAMILIES.find((known) => known === text);
    if (family === undefined) {
      reader.refuse("spec.ipFamilies[]", "IPv4 or IPv6", text);
    } else families.push(family);
  }
  return families;
}

function readExternalIPs(
  reader: Reader,
  spec: Json,
): readonly string[] | undefined {
  const texts = reader.texts(spec, "externalIPs", AT);
  return texts.length === 0 ? undefined : texts;
}

function readPort(reader: Reader, item: Json): ServicePort {
  const port = reader.integer(item, "port", AT_PORT);
  if (port === undefined || port < 1 || port > PORT_MAX) {
    reader.refuse("spec.ports[].port", "1 to 65535", item["port"]);
  }
  return present<ServicePort>({
    name: reader.filledText(item, "name", AT_PORT),
    protocol: reader.filledText(item, "protocol", AT_PORT) ?? "TCP",
    port: port ?? 0,
    // 0 stands for none where a server writes it out.
    nodePort: reader.integer(item, "nodePort", AT_PORT) || undefined,
  });
}

function readIngress(reader: Reader, item: Json): LoadBalancerIngress {
  return present<LoadBalancerIngress>({
    ip: reader.filledText(item, "ip", AT_INGRESS),
    hostname: reader.filledText(item, "hostname", AT_INGRESS),
    ipMode: reader.filledText(item, "ipMode", AT_INGRESS),
  });
}

const AT = "spec.";
const AT_PORT = "spec.ports[].";
const AT_INGRESS = "status.loadBalancer.ingress[].";
const PORT_MAX = 65_535;
const FAMILIES = ["IPv4", "IPv6"] as const;
const POLICIES = [
  "SingleStack",
  "PreferDualStack",
  "RequireDualStack",
] as const;
const TRAFFIC_POLICIES = ["Cluster", "Local"] as const;
