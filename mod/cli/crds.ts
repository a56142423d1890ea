/**
 * `foghorn crds`: the CustomResourceDefinitions as YAML.
 *
 * @module
 */

import { crdDocuments } from "@/api/mod.ts";
import { yamlOf } from "./yaml.ts";

/** The three CustomResourceDefinitions, one YAML document each. */
export function printCrds(): string {
  return yamlOf(crdDocuments());
}
