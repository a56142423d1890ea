/**
 * How Services behave: defaults, allotted values, and what becomes of a status
 * when the type changes.
 *
 * @module
 */

import { parseIpAddr } from "@/addr/ip_addr.ts";
import {
  arrayAt,
  clone,
  isObject,
  type Json,
  type JsonObject,
  numberAt,
  objectAt,
  stringAt,
  stringsAt,
  valueAt,
} from "./json.ts";
import { COMMON_STRATEGY, restore, type Strategy } from "./resource_type.ts";
import {
  type FamilyName,
  familyName,
  type ServiceAllocator,
} from "./service_allocator.ts";
import {
  clusterIpErrors,
  serviceErrors,
  serviceStatusErrors,
} from "./service_validation.ts";
import {
  forbiddenField,
  invalidField,
  rfc1035LabelError,
} from "./field_errors.ts";
import { type FieldError, invalid } from "./status.ts";

/**
 * The rules of Services.
 *
 * @param allocator Knows what is free.
 * @returns The strategy.
 */
export function serviceStrategy(allocator: ServiceAllocator): Strategy {
  return {
    ...COMMON_STRATEGY,
    hasStatus: true,
    createOnUpdate: true,
    returnsDeleted: true,
    nameError: rfc1035LabelError,
    prepareCreate: (object) => {
      object["status"] = { loadBalancer: {} };
    },
    prepareUpdate,
    validate: serviceErrors,
    validateStatus: serviceStatusErrors,
    allocate: (object, old) => allocate(object, old, allocator),
  };
}

/**
 * Fills in what `SetDefaults_Service` fills in.
 *
 * @param service Changed in place.
 */
export function defaultService(service: JsonObject): void {
  const spec = objectAt(service, "spec");
  setDefault(spec, "sessionAffinity", "None");
  if (spec["sessionAffinity"] === "ClientIP") {
    setDefault(spec, "sessionAffinityConfig", {
      clientIP: { timeoutSeconds: 10_800 },
    });
  }
  setDefault(spec, "type", "ClusterIP");
  for (const port of arrayAt(spec, "ports").filter(isObject)) {
    setDefault(port, "protocol", "TCP");
    const target = port["targetPort"];
    if (target === undefined || target === 0 || target === "") {
      port["targetPort"] = port["port"] ?? 0;
    }
  }
  const type = spec["type"];
  const external = type === "NodePort" || type === "LoadBalancer" ||
    (type === "ClusterIP" && arrayAt(spec, "externalIPs").length > 0);
  if (external) setDefault(spec, "externalTrafficPolicy", "Cluster");
  if (type !== "ExternalName") {
    setDefault(spec, "internalTrafficPolicy", "Cluster");
  }
  if (type !== "LoadBalancer") return;
  setDefault(spec, "allocateLoadBalancerNodePorts", true);
  const ingress = arrayAt(service, "status", "loadBalancer", "ingress");
  for (const entry of ingress.filter(isObject)) {
    if (stringAt(entry, "ip") !== "") setDefault(entry, "ipMode", "VIP");
  }
}

function prepareUpdate(service: JsonObject, old: JsonObject): void {
  restore(service, old, "status");
  patchAllocatedValues(objectAt(service, "spec"), objectAt(old, "spec"));
  dropTypeDependentFields(objectAt(service, "spec"), objectAt(old, "spec"));
  // A Service that is no LoadBalancer keeps no addresses of one.
  if (stringAt(service, "spec", "type") !== "LoadBalancer") {
    objectAt(service, "status")["loadBalancer"] = {};
  }
}

// A client that leaves out what was allotted keeps it.
function patchAllocatedValues(spec: JsonObject, old: JsonObject): void {
  if (needsClusterIp(spec) && needsClusterIp(old)) {
    if (spec["clusterIP"] === undefined) copyMember(spec, old, "clusterIP");
    if (
      spec["clusterIPs"] === undefined &&
      spec["clusterIP"] === old["clusterIP"]
    ) {
      copyMember(spec, old, "clusterIPs");
    }
    if (spec["ipFamilyPolicy"] === undefined) {
      copyMember(spec, old, "ipFamilyPolicy");
    }
    if (spec["ipFamilies"] === undefined) copyMember(spec, old, "ipFamilies");
  }
  if (needsNodePorts(spec) && needsNodePorts(old)) {
    const before = nodePortsOf(old);
    const used = before.intersection(nodePortsOf(spec));
    const byName = new Map(
      arrayAt(old, "ports").map((
        port,
      ) => [stringAt(port, "name"), numberAt(port, "nodePort")]),
    );
    for (const port of arrayAt(spec, "ports").filter(isObject)) {
      const known = byName.get(stringAt(port, "name")) ?? 0;
      if (numberAt(port, "nodePort") !== 0 || known === 0) continue;
      if (used.has(known)) continue;
      port["nodePort"] = known;
      used.add(known);
    }
  }
  if (
    needsHealthCheckPort(spec) && needsHealthCheckPort(old) &&
    spec["healthCheckNodePort"] === undefined
  ) copyMember(spec, old, "healthCheckNodePort");
}

// What only the old type could have goes, unless the client set it anew.
function dropTypeDependentFields(spec: JsonObject, old: JsonObject): void {
  const dropSame = (key: string): void => {
    if (JSON.stringify(spec[key]) === JSON.stringify(old[key])) {
      delete spec[key];
    }
  };
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    for (
      const key of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]
    ) {
      dropSame(key);
    }
  }
  if (isExposed(old) && !isExposed(spec)) {
    const before = nodePortsOf(old);
    for (const port of arrayAt(spec, "ports").filter(isObject)) {
      if (before.has(numberAt(port, "nodePort"))) delete port["nodePort"];
    }
    dropSame("externalTrafficPolicy");
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(spec)) {
    dropSame("healthCheckNodePort");
  }
  if (
    old["type"] === "LoadBalancer" && spec["type"] !== "LoadBalancer"
  ) {
    dropSame("allocateLoadBalancerNodePorts");
    dropSame("loadBalancerClass");
  }
}

function allocate(
  service: JsonObject,
  old: JsonObject | undefined,
  allocator: ServiceAllocator,
): void {
  const spec = objectAt(service, "spec");
  const errors: FieldError[] = [];
  if (needsClusterIp(spec)) {
    errors.push(...allocateIps(spec, objectAt(old, "spec"), allocator));
  }
  if (errors.length === 0) {
    errors.push(...clusterIpErrors(service, old));
    errors.push(...allocatePorts(spec, objectAt(old, "spec"), allocator));
  }
  if (errors.length > 0) {
    throw invalid({
      group: "",
      resource: "services",
      kind: "Service",
      name: stringAt(service, "metadata", "name"),
    }, errors);
  }
}

function allocateIps(
  spec: JsonObject,
  old: JsonObject,
  allocator: ServiceAllocator,
): FieldError[] {
  syncClusterIps(spec, old);
  const headless = spec["clusterIP"] === "None";
  const errors = fillFamilies(spec, old, headless);
  if (errors.length > 0 || headless) return errors;
  const ips = stringsAt(spec, "clusterIPs");
  const held = new Set(stringsAt(old, "clusterIPs"));
  const families = stringsAt(spec, "ipFamilies");
  families.forEach((family, index) => {
    const wanted = ips[index];
    if (wanted === undefined) {
      const free = allocator.freeIp(family === "IPv6" ? "IPv6" : "IPv4");
      if (free === undefined) {
        errors.push(invalidField("spec.clusterIPs", ips, "range is full"));
      } else ips.push(free);
    } else if (!held.has(wanted)) {
      const wrong = allocator.ipError(wanted);
      if (wrong !== undefined) {
        errors.push(invalidField("spec.clusterIPs", ips, wrong));
      }
    }
  });
  spec["clusterIPs"] = ips.slice(0, families.length);
  spec["clusterIP"] = ips[0] ?? "";
  return errors;
}

// clusterIP and clusterIPs[0] are one value; whoever changes one changes both.
function syncClusterIps(spec: JsonObject, old: JsonObject): void {
  const ip = stringAt(spec, "clusterIP");
  const ips = stringsAt(spec, "clusterIPs");
  if (ips.length === 0) {
    if (ip !== "") spec["clusterIPs"] = [ip];
  } else if (ip === "") {
    spec["clusterIP"] = ips[0] ?? "";
  } else if (
    ip !== stringAt(old, "clusterIP") &&
    ips[0] === stringAt(old, "clusterIP")
  ) {
    spec["clusterIPs"] = [ip, ...ips.slice(1)];
  }
}

function fillFamilies(
  spec: JsonObject,
  old: JsonObject,
  headless: boolean,
): FieldError[] {
  const selectorless = Object.keys(objectAt(spec, "selector")).length === 0;
  if (headless && selectorless && spec["ipFamilyPolicy"] === undefined) {
    spec["ipFamilyPolicy"] = "RequireDualStack";
  }
  const policy = stringAt(spec, "ipFamilyPolicy") || "SingleStack";
  spec["ipFamilyPolicy"] = policy;
  const families = familiesOf(spec);
  if (policy === "SingleStack" && families.length > 1) {
    // Turning dual stack off, and nothing else, gives up the second family.
    const same = (key: string): boolean =>
      JSON.stringify(spec[key]) === JSON.stringify(old[key]);
    const downgraded = stringAt(old, "ipFamilyPolicy") !== "SingleStack" &&
      old["ipFamilyPolicy"] !== undefined && same("ipFamilies") &&
      same("clusterIPs");
    if (!downgraded) {
      return [
        invalidField(
          "spec.ipFamilyPolicy",
          policy,
          "must be RequireDualStack or PreferDualStack when multiple IP families are specified",
        ),
      ];
    }
    families.length = 1;
    spec["clusterIPs"] = arrayAt(spec, "clusterIPs").slice(0, 1);
  }
  if (families.length === 0) families.push("IPv4");
  if (policy !== "SingleStack" && families.length === 1) {
    families.push(families[0] === "IPv4" ? "IPv6" : "IPv4");
  }
  spec["ipFamilies"] = families;
  return [];
}

// Addresses that are given say their families, where nobody else does.
function familiesOf(spec: JsonObject): FamilyName[] {
  const families: FamilyName[] = [];
  for (const family of stringsAt(spec, "ipFamilies")) {
    if (family === "IPv4" || family === "IPv6") families.push(family);
  }
  stringsAt(spec, "clusterIPs").forEach((ip, index) => {
    const addr = parseIpAddr(ip);
    if (addr !== undefined && index >= families.length) {
      families.push(familyName(addr));
    }
  });
  return families;
}

function allocatePorts(
  spec: JsonObject,
  old: JsonObject,
  allocator: ServiceAllocator,
): FieldError[] {
  const errors: FieldError[] = [];
  const held = nodePortsOf(old);
  const chosen = new Set([...nodePortsOf(spec)].map(BigInt));
  const byNumber = new Map<string, number>();
  const take = (field: string): number => {
    const port = allocator.freePort(chosen);
    if (port !== undefined) return port;
    errors.push(
      forbiddenField(field, "failed to allocate a nodePort: range is full"),
    );
    return 0;
  };
  arrayAt(spec, "ports").filter(isObject).forEach((port, index) => {
    const field = `spec.ports[${index}].nodePort`;
    const wanted = numberAt(port, "nodePort");
    if (wanted !== 0 && !held.has(wanted)) {
      const wrong = allocator.portError(wanted);
      if (wrong !== undefined) errors.push(invalidField(field, wanted, wrong));
    }
    // One number serves a port over TCP and over UDP.
    const number = String(port["port"]);
    if (wanted === 0 && needsNodePorts(spec)) {
      const chosenPort = byNumber.get(number) ?? take(field);
      if (chosenPort !== 0) port["nodePort"] = chosenPort;
    }
    byNumber.set(number, numberAt(port, "nodePort"));
  });
  const wanted = numberAt(spec, "healthCheckNodePort");
  if (needsHealthCheckPort(spec)) {
    if (wanted === 0) {
      const port = take("spec.healthCheckNodePort");
      if (port !== 0) spec["healthCheckNodePort"] = port;
    } else if (wanted !== numberAt(old, "healthCheckNodePort")) {
      const wrong = allocator.portError(wanted);
      if (wrong !== undefined) {
        errors.push(invalidField("spec.healthCheckNodePort", wanted, wrong));
      }
    }
  }
  return errors;
}

function needsClusterIp(spec: JsonObject): boolean {
  return spec["type"] !== undefined && spec["type"] !== "ExternalName";
}

function isExposed(spec: JsonObject): boolean {
  return spec["type"] === "NodePort" || spec["type"] === "LoadBalancer";
}

function needsNodePorts(spec: JsonObject): boolean {
  return spec["type"] === "NodePort" ||
    (spec["type"] === "LoadBalancer" &&
      spec["allocateLoadBalancerNodePorts"] !== false);
}

function needsHealthCheckPort(spec: JsonObject): boolean {
  return spec["type"] === "LoadBalancer" &&
    spec["externalTrafficPolicy"] === "Local";
}

function nodePortsOf(spec: JsonObject): Set<number> {
  const ports = new Set(
    arrayAt(spec, "ports").map((port) => numberAt(port, "nodePort")),
  );
  ports.delete(0);
  return ports;
}

function copyMember(to: JsonObject, from: JsonObject, key: string): void {
  const value = valueAt(from, key);
  if (value !== undefined) to[key] = clone(value);
}

function setDefault(object: JsonObject, key: string, value: Json): void {
  if (object[key] === undefined) object[key] = value;
}
