/**
 * The ValidatingWebhookConfiguration that asks the agents about our kinds.
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
import type { JsonObject } from "@/lab/apiserver/json.ts";

/**
 * As it is applied, without `caBundle`: the elected agent puts that in.
 *
 * @param namespace Namespace of the Service `foghorn-admission`.
 */
export function webhookConfiguration(namespace: string): JsonObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: WEBHOOK_NAME },
    webhooks: KINDS.map(([kind, plural]) => ({
      name: `${kind.toLowerCase()}.${API_GROUP}`,
      admissionReviewVersions: ["v1"],
      clientConfig: {
        service: {
          name: WEBHOOK_NAME,
          namespace,
          path: webhookPath(kind),
          port: 443,
        },
      },
      failurePolicy: "Ignore",
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
    })),
  };
}

const KINDS = [
  [BGP_CONF_KIND, BGP_CONF_PLURAL],
  [BGP_PEER_KIND, BGP_PEER_PLURAL],
  [EIP_KIND, EIP_PLURAL],
] as const;
