/**
 * Words that TypeScript lacks: results, assertions, brands, seeded chance, a
 * heap, backoff. It knows nothing of networks or Kubernetes and imports nothing.
 *
 * @module
 */

export * from "./assert.ts";
export * from "./backoff.ts";
export * from "./brand.ts";
export * from "./heap.ts";
export * from "./random.ts";
export * from "./result.ts";
