/**
 * Reads `status.conditions`.
 *
 * @module
 */

import { type Json, present, type Reader } from "./_reader.ts";
import type { Condition } from "./conditions.ts";

/**
 * Reads a list of conditions; those without a type are dropped.
 *
 * @param reader Remembers what is wrong.
 * @param status The object's status.
 * @returns The conditions.
 */
export function readConditions(
  reader: Reader,
  status: Json,
): readonly Condition[] {
  const conditions: Condition[] = [];
  for (const item of reader.items(status, "conditions", "status.")) {
    const type = reader.filledText(item, "type", AT);
    if (type === undefined) continue;
    conditions.push(present<Condition>({
      type,
      status: reader.choice(item, "status", AT, STATUSES) ?? "Unknown",
      reason: reader.text(item, "reason", AT) ?? "",
      message: reader.text(item, "message", AT) ?? "",
      lastTransitionTime: reader.text(item, "lastTransitionTime", AT) ?? "",
      observedGeneration: reader.integer(item, "observedGeneration", AT),
    }));
  }
  return conditions;
}

const AT = "status.conditions[].";
const STATUSES = ["True", "False", "Unknown"] as const;
