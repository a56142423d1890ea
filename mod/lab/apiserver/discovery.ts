/**
 * Discovery: which groups, versions and resources there are.
 *
 * @module
 */

import type { JsonObject } from "./json.ts";
import type { Registry } from "./registry.ts";
import type { ResourceType } from "./resource_type.ts";

/**
 * Answers a discovery path.
 *
 * @param path Path of the URL.
 * @param registry What is served.
 * @returns The document, or `undefined` when the path is none of discovery.
 */
export function discover(
  path: string,
  registry: Registry,
): JsonObject | undefined {
  const segments = path.split("/").filter((segment) => segment !== "");
  const [root, group, version] = segments;
  if (path === "/version" || path === "/version/") return VERSION;
  if (root === "api") {
    if (segments.length === 1) return coreVersions();
    if (segments.length === 2 && group === "v1") {
      return resourceList("", "v1", registry);
    }
  }
  if (root !== "apis") return undefined;
  if (group === undefined) return groupList(registry);
  if (!registry.serves(group)) return undefined;
  if (version === undefined) {
    return { kind: "APIGroup", apiVersion: "v1", ...apiGroup(group, registry) };
  }
  if (segments.length > 3 || !registry.serves(group, version)) return undefined;
  return resourceList(group, version, registry);
}

function coreVersions(): JsonObject {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [],
  };
}

function groupList(registry: Registry): JsonObject {
  const groups = registry.groups().filter((group) => group !== "");
  return {
    kind: "APIGroupList",
    apiVersion: "v1",
    groups: groups.map((group) => apiGroup(group, registry)),
  };
}

function apiGroup(group: string, registry: Registry): JsonObject {
  const versions = registry.versionsOf(group).map((version) => ({
    groupVersion: `${group}/${version}`,
    version,
  }));
  return {
    name: group,
    versions,
    preferredVersion: versions[0] ?? {},
  };
}

function resourceList(
  group: string,
  version: string,
  registry: Registry,
): JsonObject {
  const types = registry.types().filter((type) =>
    type.group === group && type.versions.has(version)
  );
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: group === "" ? version : `${group}/${version}`,
    resources: types.flatMap((type) => apiResources(type, version)),
  };
}

function apiResources(type: ResourceType, version: string): JsonObject[] {
  const { plural, singular, namespaced, kind } = type;
  const resource: JsonObject = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: [...VERBS],
  };
  if (type.shortNames.length > 0) resource["shortNames"] = [...type.shortNames];
  if (type.categories.length > 0) resource["categories"] = [...type.categories];
  if (type.versions.get(version)?.strategy.hasStatus !== true) {
    return [resource];
  }
  return [resource, {
    name: `${plural}/status`,
    singularName: "",
    namespaced,
    kind,
    verbs: ["get", "patch", "update"],
  }];
}

const VERBS: readonly string[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];

// The version whose behaviour is imitated; the build metadata says who is here.
const VERSION: JsonObject = {
  major: "1",
  minor: "37",
  gitVersion: "v1.37.0+foghorn-lab",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: "",
  platform: "linux/amd64",
};
