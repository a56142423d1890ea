/**
 * `foghorn crds`: the CustomResourceDefinitions as YAML.
 *
 * @module
 */

import { stringify } from "yaml";
import { crdDocuments } from "@/api/mod.ts";

/** The three CustomResourceDefinitions, one YAML document each. */
export function printCrds(): string {
  return crdDocuments()
    .map((document) => `---\n${stringify(document, { lineWidth: 100 })}`)
    .join("");
}
