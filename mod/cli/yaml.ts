/**
 * Objects as YAML that kubectl reads.
 *
 * @module
 */

import { stringify } from "yaml";

/**
 * Objects as one YAML document each.
 *
 * @param documents Plain JSON values.
 */
export function yamlOf(documents: readonly unknown[]): string {
  return documents.map((document) =>
    // What is the same object twice is written twice: anchors are hard to read.
    `---\n${
      stringify(document, { lineWidth: 100, aliasDuplicateObjects: false })
    }`
  ).join("");
}
