/**
 * Words for the zod schemas of our own kinds, each with the description that
 * ends up in the CRD.
 *
 * Nothing here has a default: OpenELB's CRDs have none, and a default would
 * write itself into every object that is read.
 *
 * @module
 */

import { z } from "zod";
import type { Condition } from "./conditions.ts";

type Optional<T> = z.ZodExactOptional<z.ZodType<T>>;

/** An optional text. */
export function text(description: string): Optional<string> {
  return optional(z.string().describe(description));
}

/** An optional boolean. */
export function flag(description: string): Optional<boolean> {
  return optional(z.boolean().describe(description));
}

/** An optional integer without a format. */
export function integer(description: string): Optional<number> {
  return optional(z.int().describe(description));
}

/** An optional integer that OpenELB declares as int32. */
export function int32(description: string): Optional<number> {
  return optional(z.int().meta({ description, format: "int32" }));
}

/** An optional port, 1 to 65,535. */
export function port(description: string): Optional<number> {
  return optional(z.int().min(1).max(65_535).meta({ description }));
}

/** An autonomous system number, RFC 6793: 0 to 4,294,967,295. */
export function requiredAsn(description: string): z.ZodType<number> {
  // OpenELB declares int32, which cannot hold the upper half of the numbers.
  return z.int().min(0).max(ASN_MAX).meta({ description, format: "int64" });
}

/** An optional autonomous system number. */
export function asn(description: string): Optional<number> {
  return optional(requiredAsn(description));
}

/** An optional integer without sign of 32 bits, such as a metric. */
export function uint32(description: string): Optional<number> {
  return optional(
    z.int().min(0).max(ASN_MAX).meta({ description, format: "int64" }),
  );
}

/** An optional list of texts. */
export function texts(description: string): Optional<readonly string[]> {
  return optional(z.array(z.string()).describe(description));
}

/** An optional map of texts. */
export function textMap(
  description: string,
): Optional<Readonly<Record<string, string>>> {
  return optional(z.record(z.string(), z.string()).describe(description));
}

/** An optional map. */
export function mapOf<T>(
  description: string,
  value: z.ZodType<T>,
): Optional<Readonly<Record<string, T>>> {
  return optional(z.record(z.string(), value).describe(description));
}

/** Any field, made optional; `null` is taken out before the schema is asked. */
export function optional<T>(schema: z.ZodType<T>): Optional<T> {
  return z.exactOptional(schema);
}

/** `status.conditions`, as `metav1.Condition` has it. */
export function conditions(): Optional<readonly Condition[]> {
  return optional(
    z.array(CONDITION_SCHEMA).meta({
      description: "What there is to say about this object.",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
    }),
  );
}

/** A dotted quad, as a regular expression both ECMAScript and Go read. */
export const IPV4: string =
  "(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\\.){3}([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])";

/** Exactly a dotted quad. */
export const IPV4_PATTERN: RegExp = new RegExp(`^${IPV4}$`);

const ASN_MAX = 0xffff_ffff;
const CONDITION_SCHEMA: z.ZodType<Condition> = z.object({
  type: z.string().max(316).describe("What the condition is about."),
  status: z.enum(["True", "False", "Unknown"]).describe("Whether it holds."),
  reason: z.string().max(1024).describe("Why, in one CamelCase word."),
  message: z.string().max(32_768).describe("A sentence for people."),
  lastTransitionTime: z.string().meta({
    description: "When the status last changed.",
    format: "date-time",
  }),
  observedGeneration: z.exactOptional(
    z.int().min(0).meta({
      description: "The generation of the object that was judged.",
      format: "int64",
    }),
  ),
}).describe("One condition.");
