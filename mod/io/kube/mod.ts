/**
 * The Kubernetes API: who we are, where it is, lists, watches and writes.
 *
 * - {@linkcode loadClusterAccess} finds the cluster (kubeconfig, Pod).
 * - {@linkcode KubeApi} speaks to it over Deno's `fetch`: HTTP/2 on one
 *   connection that is proven alive, lists by pages, watches that resume.
 *
 * Not done: protobuf, WatchList streaming, impersonation, server-side apply,
 * switching off the verification of certificates.
 *
 * @module
 */

export {
  type ClusterAccess,
  type ClusterAccessOptions,
  type ClusterUser,
  type ExecPlugin,
  KubeconfigError,
  loadClusterAccess,
  parseKubeconfig,
  type PemSource,
} from "./kubeconfig.ts";
export type { HttpProtocol } from "./connection.ts";
export { KubeApi, type KubeApiOptions } from "./kube_api.ts";
export { resourcePath } from "./resource_path.ts";
