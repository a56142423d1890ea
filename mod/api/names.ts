/**
 * Every fixed name of the Kubernetes surface: what operators, scripts and other
 * systems hold on to.
 *
 * Names without `foghorn` in them are OpenELB's, spelled as OpenELB spells them,
 * so that either may replace the other in place.
 *
 * @module
 */

/** API group of Eip, BgpConf and BgpPeer. */
export const API_GROUP = "network.kubesphere.io";

/** The version that is stored. */
export const API_VERSION = "v1alpha2";

/** The older version that is still served. */
export const API_VERSION_OLD = "v1alpha1";

/** `apiVersion` of our objects as written in manifests and Events. */
export const API_GROUP_VERSION = "network.kubesphere.io/v1alpha2";

/** Kind of the address pools. */
export const EIP_KIND = "Eip";

/** Kind of the BGP speaker's configuration. */
export const BGP_CONF_KIND = "BgpConf";

/** Kind of the BGP peers. */
export const BGP_PEER_KIND = "BgpPeer";

/** Resource name of Eips in API paths. */
export const EIP_PLURAL = "eips";

/** Resource name of BgpConfs in API paths. */
export const BGP_CONF_PLURAL = "bgpconfs";

/** Resource name of BgpPeers in API paths. */
export const BGP_PEER_PLURAL = "bgppeers";

/** The one BgpConf that is honoured; others are told so in a condition. */
export const BGP_CONF_NAME = "default";

/** The key of the policy in the ConfigMap that a BgpConf names. */
export const POLICY_KEY = "gobgp.conf";

/** The key of the password in the Secret that a BgpPeer names, unless it names another. */
export const PASSWORD_KEY = "password";

/** Longest password of TCP MD5: TCP_MD5SIG_MAXKEYLEN of Linux. */
export const PASSWORD_BYTES_MAX = 80;

/** Namespace of our own objects unless told otherwise. */
export const NAMESPACE_DEFAULT = "openelb-system";

/** `spec.loadBalancerClass` that is ours unless told otherwise. */
export const LOAD_BALANCER_CLASS_DEFAULT = "openelb.io/openelb";

/** `Eip.spec.protocol` of pools announced over BGP; also what an absent or unknown value means. */
export const BGP_PROTOCOL = "bgp";

/** `Eip.spec.protocol` of pools answered for by ARP and NDP. */
export const LAYER2_PROTOCOL = "layer2";

/** `Eip.spec.protocol` of pools served by VRRP: OpenELB's value `vip`, which means keepalived there. */
export const KEEPALIVED_PROTOCOL = "vip";

/** Highest weight of an entry of `Eip.spec.preferredNodes`, as of Kubernetes' PreferredSchedulingTerm. */
export const WEIGHT_MAX = 100;

/** Entries that `Eip.spec.preferredNodes` may have. */
export const PREFERRED_NODES_MAX = 16;

/** Start of an `Eip.spec.interface` that names an interface by the route to an address. */
export const CAN_REACH_PREFIX = "can_reach:";

/** Annotation by which a Service opts in; see {@linkcode OPENELB_ANNOTATION_VALUE}. Also a Node label by convention. */
export const OPENELB_ANNOTATION = "lb.kubesphere.io/v1alpha1";

/** The exact value of {@linkcode OPENELB_ANNOTATION} that opts in. */
export const OPENELB_ANNOTATION_VALUE = "openelb";

/** Service annotation: the Eip to take the address from. */
export const EIP_NAME_ANNOTATION = "eip.openelb.kubesphere.io/v1alpha2";

/** Service annotation: the wanted address; where present it overrides `spec.loadBalancerIP`. */
export const EIP_ADDRESS_ANNOTATION = "eip.openelb.kubesphere.io/v1alpha1";

/** Service annotation of OpenELB before 0.6: the protocol of the Eips to choose from where none is named. */
export const PROTOCOL_ANNOTATION = "protocol.openelb.kubesphere.io/v1alpha1";

/**
 * Annotation of OpenELB before 0.6. On Nodes: an address or a CIDR of the
 * interface to answer on. On Services, the node it chose: without effect.
 */
export const LAYER2_ANNOTATION = "layer2.openelb.kubesphere.io/v1alpha1";

/** Eip annotation that marks the default pool when `true`, in any case of letters. */
export const DEFAULT_EIP_ANNOTATION =
  "eip.openelb.kubesphere.io/is-default-eip";

/** BgpConf annotation: when a speaker last configured itself by it. */
export const BGP_CONF_APPLIED_ANNOTATION = "lb.kubesphere.io/v1alpha1";

/**
 * Service annotation of NodeProxy: `deployment`, one node, or `daemonset`, all
 * of them. Any other value means nothing, as with OpenELB.
 */
export const NODE_PROXY_TYPE_ANNOTATION =
  "node-proxy.openelb.kubesphere.io/type";

/** Service annotation NodeProxy writes: external addresses, comma-joined. */
export const NODE_PROXY_EXTERNAL_IP_ANNOTATION =
  "node-proxy.openelb.kubesphere.io/external-ip";

/** Service annotation NodeProxy writes: internal addresses, comma-joined. */
export const NODE_PROXY_INTERNAL_IP_ANNOTATION =
  "node-proxy.openelb.kubesphere.io/internal-ip";

/** Service label: the Eip its address is from, of two the first. */
export const EIP_NAME_LABEL = "eip.openelb.kubesphere.io/v1alpha2";

/**
 * Service label, ours: the Eip its second address is from. OpenELB, which gives
 * no second one, has no name for it and passes it by.
 */
export const SECOND_EIP_LABEL = "foghorn.openelb.io/second-eip";

/** Label on BgpConf, BgpPeer and Eip that leaves them to the CNI. */
export const CNI_LABEL = "openelb.kubesphere.io/cni";

/** Node label: the rack, key of `BgpConf.spec.asPerRack`. */
export const RACK_LABEL = "openelb.kubesphere.io/rack";

/** Node label: no NodeProxy here, whatever its value. */
export const NODE_PROXY_EXCLUDE_LABEL =
  "node-proxy.openelb.kubesphere.io/exclude-node";

/** Node label: NodeProxy preferred here, whatever its value; the spelling is OpenELB's. */
export const NODE_PROXY_PREFERRED_LABEL =
  "node-proxy.openelb.kubesphere.io/external-ip-preffered";

/** Kubernetes' Node label: no traffic from outside the cluster to this node. */
export const EXCLUDE_NODE_LABEL =
  "node.kubernetes.io/exclude-from-external-load-balancers";

/**
 * Taints of a Node that is about to go, or is gone: the cluster autoscaler's,
 * and the one an operator sets for `node.kubernetes.io/out-of-service`.
 */
export const GOING_TAINTS: readonly string[] = [
  "ToBeDeletedByClusterAutoscaler",
  "node.kubernetes.io/out-of-service",
];

/** Kubernetes' EndpointSlice label: the Service it belongs to. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

/** What `kubectl apply` leaves on objects; dropped when an object is projected, because of its size. */
export const LAST_APPLIED_ANNOTATION =
  "kubectl.kubernetes.io/last-applied-configuration";

/** Finalizer of an Eip. */
export const EIP_FINALIZER = "finalizer.ipam.kubesphere.io/v1alpha1";

/** Finalizer of a Service that has an address. */
export const SERVICE_FINALIZER = "finalizer.lb.kubesphere.io/v1alpha1";

/** Finalizer of BgpConf and BgpPeer; the same text as {@linkcode SERVICE_FINALIZER}. */
export const BGP_FINALIZER = "finalizer.lb.kubesphere.io/v1alpha1";

/**
 * Finalizer of the ServiceAccount, the ClusterRole and the ClusterRoleBinding of
 * an installation, ours: they stay until the agents have taken their marks off.
 */
export const CLEANUP_FINALIZER = "foghorn.openelb.io/cleanup";

/** Finalizer that OpenELB puts on a Service in NodeProxy mode; never set here, and taken off. */
export const NODE_PROXY_FINALIZER =
  "node-proxy.openelb.kubesphere.io/finalizer";

/** Lease of the controller, OpenELB's too, so that the two never allocate together. */
export const CONTROLLER_LEASE_NAME = "openelb-controller";

/** Start of a node Lease's name; see {@linkcode nodeLeaseName}. */
export const NODE_LEASE_PREFIX = "foghorn-node-";

/** Start of every annotation of ours on a node Lease. */
export const LEASE_ANNOTATION_PREFIX = "foghorn.openelb.io/";

/** Node Lease annotation: the links of the node, see {@linkcode encodeLinks}. */
export const LEASE_LINKS_ANNOTATION = "foghorn.openelb.io/links";

/** Node Lease annotation: `true` while the agent is about to stop; absent otherwise. */
export const LEASE_LEAVING_ANNOTATION = "foghorn.openelb.io/leaving";

/** Port of metrics over TLS, where they are asked for. */
export const METRICS_SECURE_PORT = 7474;

/** ClusterRole, and account, of those that may read metrics over TLS. */
export const METRICS_READER_NAME = "foghorn-metrics-reader";

/** Binding by which agents may ask who wants to read metrics. */
export const METRICS_REVIEW_NAME = "foghorn-metrics-review";

/** Node Lease annotation: interfaces by `can_reach:` target, see {@linkcode encodeCanReach}. */
export const LEASE_CAN_REACH_ANNOTATION = "foghorn.openelb.io/can-reach";

/** Node Lease annotation: what the agent found wrong on its node, see {@linkcode encodeProblems}. */
export const LEASE_PROBLEMS_ANNOTATION = "foghorn.openelb.io/problems";

/** Node Lease annotation: addresses that foreign hosts have, see {@linkcode encodeHeld}. */
export const LEASE_HELD_ANNOTATION = "foghorn.openelb.io/held";

/** Node Lease annotation: why the node should not answer for VIPs, a reason; absent: it may. */
export const LEASE_UNFIT_ANNOTATION = "foghorn.openelb.io/unfit";

/** Node Lease annotation: how kube-proxy forwards and which wanted ports the host listens on, see {@linkcode encodeNodeProxy}; absent while no Service wants NodeProxy. */
export const LEASE_NODE_PROXY_ANNOTATION = "foghorn.openelb.io/node-proxy";

/** Node Lease annotation: the routers that the agent has BGP sessions with, see {@linkcode encodeBgpRouters}; absent while it has none. */
export const LEASE_BGP_ROUTERS_ANNOTATION = "foghorn.openelb.io/bgp-routers";

/** Label on every node Lease; its value is the prefix of the name, without the hyphen. */
export const LEASE_COMPONENT_LABEL = "app.kubernetes.io/component";

/** Value of {@linkcode LEASE_COMPONENT_LABEL}. */
export const LEASE_COMPONENT_VALUE = "foghorn-node";

/** Secret in the agents' namespace: the key by which they know each other's frames. Optional. */
export const WIRE_KEY_SECRET_NAME = "foghorn-wire-key";

/** Field of {@linkcode WIRE_KEY_SECRET_NAME} that has the key. */
export const WIRE_KEY_FIELD = "key";

/** Namespace whose UID tells clusters apart. */
export const CLUSTER_NAMESPACE = "kube-system";

/** Validating webhook configuration of OpenELB. */
export const OPENELB_WEBHOOK_NAME = "openelb-admission";

/** Path of OpenELB's Eip webhook. */
export const EIP_WEBHOOK_PATH = "/validate-network-kubesphere-io-v1alpha2-eip";

/** Our own validating webhook configuration, and the Service it calls. */
export const WEBHOOK_NAME = "foghorn-admission";

/** Secret in the agents' namespace: certificate and key of the webhook. */
export const ADMISSION_SECRET_NAME = "foghorn-admission-certificate";

/** Port of our webhook on every node, unless told otherwise. */
export const WEBHOOK_PORT_DEFAULT = 7475;

/** Name of our DaemonSet, ServiceAccount and ClusterRole. */
export const FOGHORN_NAME = "foghorn";

/** Event reasons; those with a space or a lower-case start are OpenELB's spelling. */
export const EVENT_REASON = {
  /** Normal, Service: an address was assigned. */
  assignIp: "AssignIP",
  /** Normal, Service: an address was released. */
  releaseIp: "ReleaseIP",
  /** Warning, Service: no address could be assigned. */
  assignIpFailed: "AssignIPFailed",
  /** Warning, Service: an address could not be released. */
  releaseIpFailed: "ReleaseIPFailed",
  /** Warning, Service: the request cannot be read or met. */
  constructRequest: "ConstructRequest",
  /** Warning, Service: the status could not be written. */
  updateServiceStatus: "UpdateServiceStatus",
  /** Warning, Eip: the pool could not be set up. */
  updateEip: "add/update eip",
  /** Normal, Eip: a speaker serves the pool, or stopped to. */
  configSpeaker: "ConfigSpeaker",
  /** Warning, Eip: a speaker cannot serve the pool. */
  configSpeakerFailed: "ConfigSpeakerFailed",
  /** Normal or Warning, Service: announcement. */
  setBalancer: "SetBalancer",
  /** Normal or Warning, Service: withdrawal. */
  delBalancer: "DelBalancer",
  /** Normal, Eip: which node answers now in place of another; OpenELB does not tell. */
  ownerChanged: "OwnerChanged",
  /** Warning, Service: a foreign host claims the address; OpenELB does not tell. */
  addressConflict: "AddressConflict",
  /** Warning, Service: its address does not answer, or not from its owner; OpenELB does not tell. */
  addressUnanswered: "AddressUnanswered",
  /** Warning, Service: another controller writes the same status; OpenELB does not tell. */
  statusFight: "StatusFight",
  /** Normal, BgpPeer: a node has a session; OpenELB does not tell. */
  sessionUp: "BgpSessionUp",
  /** Warning, BgpPeer: a node has none, and why; OpenELB does not tell. */
  sessionDown: "BgpSessionDown",
  /** Warning, Eip: it is being deleted while Services use it; OpenELB does not tell. */
  eipInUse: "EipInUse",
} as const;

/** Which component reports an Event, as OpenELB names them. */
export const EVENT_COMPONENT = {
  /** About Services and their addresses. */
  controller: "OpenELBController",
  /** About Eips. */
  eip: "EIPController",
  /** About announcements. */
  speaker: "speakerManager",
  /** About BgpPeers. */
  bgp: "BgpPeerController",
} as const;

/** Environment variables that are read. */
export const ENVIRONMENT = {
  /** The node the agent runs on. */
  nodeName: "NODE_NAME",
  /** Namespace of our objects; OpenELB's name for it. */
  openelbNamespace: "OPENELB_NAMESPACE",
  /** Namespace of our objects, by the downward API. */
  podNamespace: "POD_NAMESPACE",
  /** Configuration file of the Kubernetes client. */
  kubeconfig: "KUBECONFIG",
} as const;

/**
 * Path of the webhook for a kind of ours, as OpenELB has it for Eips.
 *
 * @param kind Such as `Eip`.
 */
export function webhookPath(kind: string): string {
  return `/validate-network-kubesphere-io-${API_VERSION}-${kind.toLowerCase()}`;
}

/**
 * Name of the Lease of a node's agent.
 *
 * @param node Name of the Node.
 * @returns `foghorn-node-<node>`.
 */
export function nodeLeaseName(node: string): string {
  return NODE_LEASE_PREFIX + node;
}

/**
 * The node a Lease stands for.
 *
 * @param leaseName Name of a Lease.
 * @returns The node's name, or `undefined` when it is no node Lease of ours.
 */
export function nodeOfLease(leaseName: string): string | undefined {
  return leaseName.startsWith(NODE_LEASE_PREFIX) &&
      leaseName.length > NODE_LEASE_PREFIX.length
    ? leaseName.slice(NODE_LEASE_PREFIX.length)
    : undefined;
}
