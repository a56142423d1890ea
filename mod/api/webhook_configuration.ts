/**
 * The ValidatingWebhookConfiguration `foghorn-admission`, as far as it is read.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { Reader } from "./_reader.ts";
import { WEBHOOK_NAME } from "./names.ts";

/** What is used of the configuration. */
export interface WebhookConfiguration {
  /** Its version. */
  readonly resourceVersion: string;
  /** The `caBundle` of each of its webhooks, in order; empty: none. */
  readonly caBundles: readonly string[];
}

/**
 * Reads the configuration.
 *
 * @param raw The object.
 */
export function projectWebhookConfiguration(
  raw: unknown,
): Result<WebhookConfiguration, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const meta = reader.object(root, "metadata", "");
  return reader.finish("ValidatingWebhookConfiguration", raw, {
    resourceVersion: reader.text(meta, "resourceVersion", "metadata.") ?? "",
    caBundles: reader.items(root, "webhooks", "").map((webhook) => {
      const config = reader.object(webhook, "clientConfig", AT);
      return reader.text(config, "caBundle", `${AT}clientConfig.`) ?? "";
    }),
  });
}

/**
 * The DNS names that an API server calls the webhook by.
 *
 * @param namespace Namespace of the Service `foghorn-admission`.
 */
export function webhookNames(namespace: string): readonly string[] {
  const name = `${WEBHOOK_NAME}.${namespace}.svc`;
  return [name, `${WEBHOOK_NAME}.${namespace}`, WEBHOOK_NAME];
}

const AT = "webhooks.";
