/**
 * What is wrong with a Service, as `ValidateService` of a kube-apiserver says.
 *
 * @module
 */

import { parseIpAddr } from "@/addr/ip_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import {
  duplicateField,
  forbiddenField,
  invalidField,
  isQualifiedName,
  labelError,
  labelErrors,
  requiredField,
  subdomainError,
  unsupportedField,
} from "./field_errors.ts";
import {
  arrayAt,
  type Json,
  type JsonObject,
  numberAt,
  objectAt,
  stringAt,
  stringsAt,
  valueAt,
} from "./json.ts";
import type { FieldError } from "./status.ts";

/**
 * Checks a Service before anything is allotted to it.
 *
 * @param service The Service.
 * @param old What it was, unless it is new.
 * @returns What is wrong with it.
 */
export function serviceErrors(
  service: JsonObject,
  old: JsonObject | undefined,
): FieldError[] {
  const spec = objectAt(service, "spec");
  const type = stringAt(spec, "type");
  const errors: FieldError[] = [
    ...choiceErrors(spec),
    ...portsErrors(spec, type),
    ...labelErrors(objectAt(spec, "selector"), "spec.selector"),
    ...classErrors(spec, type, old),
    ...familyErrors(spec),
    ...policyErrors(spec, type),
  ];
  stringsAt(spec, "externalIPs").forEach((ip, index) => {
    if (parseIpAddr(ip) === undefined) {
      errors.push(invalidField(`spec.externalIPs[${index}]`, ip, IP_TEXT));
    }
  });
  stringsAt(spec, "loadBalancerSourceRanges").forEach((range, index) => {
    if (parsePrefix(range.trim()) === undefined) {
      errors.push(invalidField(
        `spec.loadBalancerSourceRanges[${index}]`,
        range,
        "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
      ));
    }
  });
  if (type === "ExternalName") {
    const name = stringAt(spec, "externalName");
    if (name === "") errors.push(requiredField("spec.externalName"));
    else if (subdomainError(name.replace(/\.$/, "")) !== undefined) {
      errors.push(
        invalidField("spec.externalName", name, "a DNS subdomain is required"),
      );
    }
  }
  if (type === "LoadBalancer" && stringAt(spec, "clusterIP") === "None") {
    errors.push(
      invalidField(
        "spec.clusterIPs[0]",
        "None",
        "may not be set to 'None' for LoadBalancer services",
      ),
    );
  }
  return errors;
}

/**
 * Checks the cluster IPs of a Service, once they are allotted.
 *
 * @param service The Service.
 * @param old What it was, unless it is new.
 * @returns What is wrong with them.
 */
export function clusterIpErrors(
  service: JsonObject,
  old: JsonObject | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const ips = stringsAt(service, "spec", "clusterIPs");
  const families = stringsAt(service, "spec", "ipFamilies");
  ips.forEach((ip, index) => {
    const addr = parseIpAddr(ip);
    if (ip === "None") return;
    if (addr === undefined) {
      errors.push(invalidField(`spec.clusterIPs[${index}]`, ip, IP_TEXT));
    } else if (addr.includes(":") !== (families[index] === "IPv6")) {
      errors.push(invalidField(
        `spec.clusterIPs[${index}]`,
        ip,
        `expected an ${
          families[index] ?? ""
        } value as indicated by \`ipFamilies[${index}]\``,
      ));
    }
  });
  const before = stringsAt(old, "spec", "clusterIPs");
  const external = stringAt(old, "spec", "type") === "ExternalName" ||
    stringAt(service, "spec", "type") === "ExternalName";
  if (before.length > 0 && !external) {
    if (ips[0] !== before[0]) {
      errors.push(
        invalidField("spec.clusterIPs[0]", ips, "may not change once set"),
      );
    }
    const second = before[1];
    if (second !== undefined && ips[1] !== undefined && ips[1] !== second) {
      errors.push(
        invalidField("spec.clusterIPs[1]", ips, "may not change once set"),
      );
    }
    const primary = stringsAt(old, "spec", "ipFamilies")[0];
    if (primary !== undefined && families[0] !== primary) {
      errors.push(
        invalidField("spec.ipFamilies[0]", families, "may not change once set"),
      );
    }
  }
  return errors;
}

/**
 * Checks the status of a Service.
 *
 * @param service The Service.
 * @returns What is wrong with it.
 */
export function serviceStatusErrors(service: JsonObject): FieldError[] {
  const path = "status.loadBalancer.ingress";
  const ingress = arrayAt(service, "status", "loadBalancer", "ingress");
  const isLoadBalancer = stringAt(service, "spec", "type") === "LoadBalancer";
  if (!isLoadBalancer && ingress.length > 0) {
    return [
      forbiddenField(
        path,
        'may only be used when `spec.type` is "LoadBalancer"',
      ),
    ];
  }
  return ingress.flatMap((entry, index) =>
    ingressErrors(entry, `${path}[${index}]`)
  );
}

function ingressErrors(entry: Json, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const ip = stringAt(entry, "ip");
  const hostname = stringAt(entry, "hostname");
  const ipMode = valueAt(entry, "ipMode");
  if (ip !== "" && parseIpAddr(ip) === undefined) {
    errors.push(invalidField(`${path}.ip`, ip, IP_TEXT));
  }
  if (ipMode !== undefined) {
    if (ip === "") {
      errors.push(
        forbiddenField(
          `${path}.ipMode`,
          "may not be specified when `ip` is not set",
        ),
      );
    } else if (ipMode !== "VIP" && ipMode !== "Proxy") {
      errors.push(
        unsupportedField(`${path}.ipMode`, ipMode, ["Proxy", "VIP"]),
      );
    }
  }
  if (hostname !== "") {
    const wrong = subdomainError(hostname);
    if (wrong !== undefined) {
      errors.push(invalidField(`${path}.hostname`, hostname, wrong));
    } else if (parseIpAddr(hostname) !== undefined) {
      errors.push(
        invalidField(
          `${path}.hostname`,
          hostname,
          "must be a DNS name, not an IP address",
        ),
      );
    }
  }
  return errors;
}

function choiceErrors(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, choices] of CHOICES) {
    const value = spec[key];
    if (value !== undefined && !choices.includes(String(value))) {
      errors.push(unsupportedField(`spec.${key}`, value, choices));
    }
  }
  return errors;
}

function portsErrors(spec: JsonObject, type: string): FieldError[] {
  const ports = arrayAt(spec, "ports");
  if (
    ports.length === 0 && type !== "ExternalName" &&
    spec["clusterIP"] !== "None"
  ) return [requiredField("spec.ports")];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  ports.forEach((port, index) => {
    const path = `spec.ports[${index}]`;
    errors.push(...portErrors(port, path, ports.length > 1));
    const name = stringAt(port, "name");
    if (name !== "" && names.has(name)) {
      errors.push(duplicateField(`${path}.name`, name));
    }
    names.add(name);
    const protocol = stringAt(port, "protocol");
    const number = `${protocol} ${numberAt(port, "port")}`;
    if (numbers.has(number)) {
      errors.push(duplicateField(path, {
        port: numberAt(port, "port"),
        protocol,
      }));
    }
    numbers.add(number);
    const nodePort = numberAt(port, "nodePort");
    if (nodePort === 0) return;
    if (type !== "NodePort" && type !== "LoadBalancer") {
      errors.push(
        forbiddenField(
          `${path}.nodePort`,
          `may not be used when \`type\` is '${type}'`,
        ),
      );
    }
    const used = `${protocol} ${nodePort}`;
    if (nodePorts.has(used)) {
      errors.push(duplicateField(`${path}.nodePort`, nodePort));
    }
    nodePorts.add(used);
  });
  return errors;
}

function portErrors(port: Json, path: string, named: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const name = stringAt(port, "name");
  if (name === "") {
    if (named) errors.push(requiredField(`${path}.name`));
  } else {
    const wrong = labelError(name);
    if (wrong !== undefined) {
      errors.push(invalidField(`${path}.name`, name, wrong));
    }
  }
  const number = numberAt(port, "port");
  if (number < 1 || number > 65_535) {
    errors.push(invalidField(`${path}.port`, number, PORT_TEXT));
  }
  const protocol = stringAt(port, "protocol");
  if (!PROTOCOLS.includes(protocol)) {
    errors.push(unsupportedField(`${path}.protocol`, protocol, PROTOCOLS));
  }
  const target = valueAt(port, "targetPort");
  if (typeof target === "number" && (target < 1 || target > 65_535)) {
    errors.push(invalidField(`${path}.targetPort`, target, PORT_TEXT));
  } else if (typeof target === "string" && !PORT_NAME.test(target)) {
    errors.push(
      invalidField(
        `${path}.targetPort`,
        target,
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
      ),
    );
  }
  return errors;
}

function classErrors(
  spec: JsonObject,
  type: string,
  old: JsonObject | undefined,
): FieldError[] {
  const field = "spec.loadBalancerClass";
  const value = spec["loadBalancerClass"];
  if (old !== undefined && type === "LoadBalancer") {
    const before = valueAt(old, "spec", "loadBalancerClass");
    const was = stringAt(old, "spec", "type") === "LoadBalancer";
    if (was && before !== value) {
      return [invalidField(field, value ?? null, "may not change once set")];
    }
  }
  if (value === undefined) return [];
  if (type !== "LoadBalancer") {
    return [
      forbiddenField(field, "may only be used when `type` is 'LoadBalancer'"),
    ];
  }
  return isQualifiedName(String(value))
    ? []
    : [invalidField(field, value, "must be a label-style identifier")];
}

function familyErrors(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const families = stringsAt(spec, "ipFamilies");
  families.forEach((family, index) => {
    const path = `spec.ipFamilies[${index}]`;
    if (family !== "IPv4" && family !== "IPv6") {
      errors.push(unsupportedField(path, family, ["IPv4", "IPv6"]));
    } else if (families.indexOf(family) < index) {
      errors.push(duplicateField(path, family));
    }
  });
  return errors;
}

function policyErrors(spec: JsonObject, type: string): FieldError[] {
  const errors: FieldError[] = [];
  const exposed = type === "LoadBalancer" || type === "NodePort" ||
    (type === "ClusterIP" && arrayAt(spec, "externalIPs").length > 0);
  if (spec["externalTrafficPolicy"] !== undefined && !exposed) {
    errors.push(invalidField(
      "spec.externalTrafficPolicy",
      spec["externalTrafficPolicy"],
      "may only be set for externally-accessible services",
    ));
  }
  if (
    spec["allocateLoadBalancerNodePorts"] !== undefined &&
    type !== "LoadBalancer"
  ) {
    errors.push(
      forbiddenField(
        "spec.allocateLoadBalancerNodePorts",
        "may only be used when `type` is 'LoadBalancer'",
      ),
    );
  }
  if (
    numberAt(spec, "healthCheckNodePort") !== 0 &&
    !(type === "LoadBalancer" && spec["externalTrafficPolicy"] === "Local")
  ) {
    errors.push(invalidField(
      "spec.healthCheckNodePort",
      numberAt(spec, "healthCheckNodePort"),
      "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    ));
  }
  return errors;
}

const PROTOCOLS: readonly string[] = ["SCTP", "TCP", "UDP"];
const CHOICES: ReadonlyMap<string, readonly string[]> = new Map([
  ["type", ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]],
  ["sessionAffinity", ["ClientIP", "None"]],
  ["externalTrafficPolicy", ["Cluster", "Local"]],
  ["internalTrafficPolicy", ["Cluster", "Local"]],
  ["ipFamilyPolicy", ["SingleStack", "PreferDualStack", "RequireDualStack"]],
]);
const IP_TEXT = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const PORT_TEXT = "must be between 1 and 65535, inclusive";
const PORT_NAME = /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/;
