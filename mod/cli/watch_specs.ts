/**
 * What an agent watches, and how it reads it.
 *
 * @module
 */

import {
  ADMISSION_SECRET_NAME,
  type AdmissionSecret,
  API_GROUP,
  API_VERSION,
  BGP_CONF_PLURAL,
  BGP_PEER_PLURAL,
  type BgpConf,
  type BgpPeer,
  EIP_PLURAL,
  type Lease,
  type ObjectMeta,
  projectBgpConf,
  projectBgpPeer,
  projectEip,
  projectEndpointSlice,
  projectLease,
  projectNamespace,
  projectNode,
  projectPasswordSecret,
  projectPolicyMap,
  projectService,
  projectWireKeySecret,
  WIRE_KEY_SECRET_NAME,
} from "@/api/mod.ts";
import { bindWatch, type NamedBinding, type WatchBinding } from "@/host/mod.ts";
import type { WatchSpec } from "@/port/cluster_api.ts";

/**
 * The watches of an agent.
 *
 * @param namespace Namespace of our Leases, and of our Secrets.
 * @param readCertificate Reads the Secret with the webhook's certificate;
 *   undefined where no webhook is served.
 */
export function agentWatches(
  namespace: string,
  readCertificate?: WatchSpec<AdmissionSecret>["project"],
): readonly WatchBinding[] {
  return [
    bindWatch(
      "service",
      spec({ ...CORE, plural: "services" }, projectService),
      (news) => ({ watched: "service", news }),
    ),
    bindWatch(
      "eip",
      {
        ...spec({ ...OURS, plural: EIP_PLURAL }, projectEip),
        remedy: DEFINE,
      },
      (news) => ({ watched: "eip", news }),
    ),
    bindWatch(
      "node",
      spec({ ...CORE, plural: "nodes" }, projectNode),
      (news) => ({ watched: "node", news }),
    ),
    bindWatch(
      "namespace",
      spec({ ...CORE, plural: "namespaces" }, projectNamespace),
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
    ...sideWatches(namespace, readCertificate),
  ];
}

/** The watches of what an agent can do without. */
function sideWatches(
  namespace: string,
  readCertificate: WatchSpec<AdmissionSecret>["project"] | undefined,
): readonly WatchBinding[] {
  return [
    bindWatch(
      "bgpconf",
      BGP_CONF_SPEC,
      (news) => ({ watched: "bgpconf", news }),
    ),
    bindWatch(
      "bgppeer",
      BGP_PEER_SPEC,
      (news) => ({ watched: "bgppeer", news }),
    ),
    bindWatch(
      "secret",
      {
        ...spec(
          { ...CORE, plural: "secrets", namespace },
          projectWireKeySecret,
        ),
        // The right is to this one Secret: a list of all is refused.
        fieldSelector: `metadata.name=${WIRE_KEY_SECRET_NAME}`,
      },
      (news) => ({ watched: "secret", news }),
    ),
    ...(readCertificate === undefined ? [] : [
      bindWatch(
        "certificate",
        {
          ...spec({ ...CORE, plural: "secrets", namespace }, readCertificate),
          fieldSelector: `metadata.name=${ADMISSION_SECRET_NAME}`,
        },
        (news) => ({ watched: "certificate", news }),
      ),
    ]),
  ];
}

/**
 * The watches of objects that BgpConf and BgpPeers name, each of one object:
 * a right by its name is enough.
 *
 * @param namespace The agents' namespace.
 */
export function namedWatches(namespace: string): readonly NamedBinding[] {
  const maps = spec(
    { ...CORE, plural: "configmaps", namespace },
    projectPolicyMap,
  );
  const secrets = spec(
    { ...CORE, plural: "secrets", namespace },
    projectPasswordSecret,
  );
  return [
    {
      watched: "policy",
      start: (api, name, sink) =>
        api.watch(
          { ...maps, fieldSelector: `metadata.name=${name}` },
          (news) => sink({ watched: "policy", name, news }),
        ),
    },
    {
      watched: "password",
      start: (api, name, sink) =>
        api.watch(
          { ...secrets, fieldSelector: `metadata.name=${name}` },
          (news) => sink({ watched: "password", name, news }),
        ),
    },
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

const DEFINE =
  "create the CustomResourceDefinitions, deno task crds prints them";

const CORE = { group: "", version: "v1" } as const;
const OURS = { group: API_GROUP, version: API_VERSION } as const;

/** BgpConfs. */
export const BGP_CONF_SPEC: WatchSpec<BgpConf> = {
  ...spec({ ...OURS, plural: BGP_CONF_PLURAL }, projectBgpConf),
  remedy: DEFINE,
};

/** BgpPeers. */
export const BGP_PEER_SPEC: WatchSpec<BgpPeer> = {
  ...spec({ ...OURS, plural: BGP_PEER_PLURAL }, projectBgpPeer),
  remedy: DEFINE,
};
