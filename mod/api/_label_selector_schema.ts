/**
 * The zod schemas of label selectors: what the CRDs say and what reads them.
 *
 * @module
 */

import { z } from "zod";
import { optional, textMap, texts } from "./_fields.ts";
import type { LabelSelector, LabelSelectorRequirement } from "./bgp_peer.ts";

/**
 * A `metav1.LabelSelector`.
 *
 * @param description What it selects.
 * @param operator What an operator may be: any text where something is read.
 */
export function labelSelector(
  description: string,
  operator: z.ZodType<string> = z.string(),
): z.ZodType<LabelSelector> {
  return z.object({
    matchLabels: textMap("Labels that must be equal."),
    matchExpressions: optional<readonly LabelSelectorRequirement[]>(
      z.array(
        z.object({
          key: z.string().describe("The label."),
          operator: operator.describe("In, NotIn, Exists or DoesNotExist."),
          values: texts("Values for In and NotIn."),
        }).describe("One requirement."),
      ).describe("Further requirements."),
    ),
  }).describe(description);
}

/** The operators there are. */
export const SELECTOR_OPERATOR: z.ZodType<string> = z.enum([
  "In",
  "NotIn",
  "Exists",
  "DoesNotExist",
]);
