/**
 * How the API server asks us whether an Eip, a BgpConf or a BgpPeer is right.
 *
 * No webhook is about Services: whatever becomes of the agents, nobody else's
 * writes wait for them. API servers cannot always reach the addresses of nodes,
 * so no answer within three seconds lets the object through; the same checks
 * show as conditions then.
 *
 * @module
 */

import {
  API_GROUP,
  API_VERSION,
  BGP_CONF_KIND,
  BGP_CONF_PLURAL,
  BGP_PEER_KIND,
  BGP_PEER_PLURAL,
  EIP_KIND,
  EIP_PLURAL,
  WEBHOOK_NAME,
  webhookPath,
} from "@/api/names.ts";
import type {
  ServiceManifest,
  ValidatingWebhook,
  WebhookManifest,
} from "./kube_objects.ts";
import { LABELS, SELECTOR, WEBHOOK_PORT } from "./options.ts";

/**
 * The Service of the webhook, and its configuration. The agents make the Secret
 * with the certificate, and fill its authority into the configuration.
 *
 * @param namespace The agents' namespace.
 */
export function admissionObjects(
  namespace: string,
): readonly [ServiceManifest, WebhookManifest] {
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: WEBHOOK_NAME, namespace, labels: LABELS },
      spec: {
        selector: SELECTOR,
        ports: [{
          name: WEBHOOK_PORT.name,
          port: WEBHOOK_SERVICE_PORT,
          targetPort: WEBHOOK_PORT.name,
          protocol: "TCP",
        }],
      },
    },
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name: WEBHOOK_NAME, labels: LABELS },
      webhooks: WEBHOOK_KINDS.map(({ kind, plural }) =>
        webhook(kind, plural, namespace)
      ),
    },
  ];
}

function webhook(
  kind: string,
  plural: string,
  namespace: string,
): ValidatingWebhook {
  return {
    name: `${kind.toLowerCase()}.${API_GROUP}`,
    admissionReviewVersions: ["v1"],
    clientConfig: {
      service: {
        name: WEBHOOK_NAME,
        namespace,
        path: webhookPath(kind),
        port: WEBHOOK_SERVICE_PORT,
      },
    },
    failurePolicy: "Ignore",
    // Objects of v1alpha1 arrive as v1alpha2.
    matchPolicy: "Equivalent",
    rules: [{
      apiGroups: [API_GROUP],
      apiVersions: [API_VERSION],
      operations: ["CREATE", "UPDATE"],
      resources: [plural],
      scope: "Cluster",
    }],
    sideEffects: "None",
    timeoutSeconds: 3,
  };
}

const WEBHOOK_KINDS = [
  { kind: BGP_CONF_KIND, plural: BGP_CONF_PLURAL },
  { kind: BGP_PEER_KIND, plural: BGP_PEER_PLURAL },
  { kind: EIP_KIND, plural: EIP_PLURAL },
] as const;

const WEBHOOK_SERVICE_PORT = 443;
