/**
 * What an agent watches, and how it reads it.
 *
 * @module
 */

import {
  API_GROUP,
  API_VERSION,
  EIP_PLURAL,
  type Lease,
  type ObjectMeta,
  projectEip,
  projectEndpointSlice,
  projectLease,
  projectNamespace,
  projectNode,
  projectService,
  projectWireKeySecret,
  WIRE_KEY_SECRET_NAME,
} from "@/api/mod.ts";
import { bindWatch, type WatchBinding } from "@/host/mod.ts";
import type { WatchSpec } from "@/port/cluster_api.ts";

/**
 * The watches of an agent.
 *
 * @param namespace Namespace of our Leases, and of the Secret with the agents' key.
 */
export function agentWatches(namespace: string): readonly WatchBinding[] {
  const core = { group: "", version: "v1" } as const;
  return [
    bindWatch(
      "service",
      spec({ ...core, plural: "services" }, projectService),
      (news) => ({ watched: "service", news }),
    ),
    bindWatch(
      "eip",
      {
        ...spec(
          { group: API_GROUP, version: API_VERSION, plural: EIP_PLURAL },
          projectEip,
        ),
        remedy:
          "create the CustomResourceDefinitions, deno task crds prints them",
      },
      (news) => ({ watched: "eip", news }),
    ),
    bindWatch(
      "node",
      spec({ ...core, plural: "nodes" }, projectNode),
      (news) => ({ watched: "node", news }),
    ),
    bindWatch(
      "namespace",
      spec({ ...core, plural: "namespaces" }, projectNamespace),
      (news) => ({ watched: "namespace", news }),
    ),
    bindWatch(
      "endpointslice",
      spec(
        {
          group: "discovery.k8s.io",
          version: "v1",
          plural: "endpointslices",
        },
        projectEndpointSlice,
      ),
      (news) => ({ watched: "endpointslice", news }),
    ),
    bindWatch(
      "lease",
      leaseSpec(namespace),
      (news) => ({ watched: "lease", news }),
    ),
    bindWatch(
      "secret",
      {
        ...spec(
          { ...core, plural: "secrets", namespace },
          projectWireKeySecret,
        ),
        // The right is to this one Secret: a list of all is refused.
        fieldSelector: `metadata.name=${WIRE_KEY_SECRET_NAME}`,
      },
      (news) => ({ watched: "secret", news }),
    ),
  ];
}

/**
 * The Leases of a namespace.
 *
 * @param namespace Namespace of our Leases.
 */
export function leaseSpec(namespace: string): WatchSpec<Lease> {
  return spec({
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    namespace,
  }, projectLease);
}

function spec<T extends { readonly meta: ObjectMeta }>(
  resource: WatchSpec<T>["resource"],
  project: WatchSpec<T>["project"],
): WatchSpec<T> {
  return {
    resource,
    project,
    key: ({ meta }) =>
      meta.namespace === "" ? meta.name : `${meta.namespace}/${meta.name}`,
  };
}
