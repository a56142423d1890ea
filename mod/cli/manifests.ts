/**
 * `foghorn manifests`: everything an installation consists of, as YAML.
 *
 * @module
 */

import {
  imageOf,
  installDocuments,
  networkPolicy,
  podMonitor,
} from "@/manifests/mod.ts";
import { UsageError } from "./usage_error.ts";
import { VERSION } from "./version.ts";
import { yamlOf } from "./yaml.ts";

/** The options of the command, as they were written. */
export interface ManifestOptions {
  readonly image?: string;
  readonly namespace: string;
  readonly sysNice: boolean;
  readonly podMonitor?: boolean;
  readonly networkPolicy?: boolean;
  readonly secureMetrics?: boolean;
}

/**
 * The documents, in the order they are to be created.
 *
 * @param options The options.
 * @throws {UsageError} When an option cannot be used as written.
 */
export function printManifests(options: ManifestOptions): string {
  const { namespace, sysNice, image = imageOf(VERSION) } = options;
  const secureMetrics = options.secureMetrics ?? false;
  if (namespace.length > 63 || !NAMESPACE.test(namespace)) {
    throw new UsageError(
      `Cannot use namespace "${namespace}": write lower-case letters, digits and hyphens, 63 at most`,
    );
  }
  if (!/^\S+$/.test(image)) {
    throw new UsageError(
      `Cannot use image "${image}": write a name like ${imageOf(VERSION)}`,
    );
  }
  return yamlOf([
    ...installDocuments({ namespace, image, sysNice, secureMetrics }),
    ...(options.podMonitor === true
      ? [podMonitor(namespace, secureMetrics)]
      : []),
    ...(options.networkPolicy === true
      ? [networkPolicy(namespace, secureMetrics)]
      : []),
  ]);
}

const NAMESPACE = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
