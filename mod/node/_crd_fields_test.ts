/**
 * The fields that the CRDs have, by path.
 *
 * @module
 */

import { crdDocuments } from "@/api/mod.ts";

/**
 * The fields of a kind's spec.
 *
 * @param kind Such as `BgpPeer`.
 * @returns Their paths, sorted, such as `afiSafis[].config.enabled`.
 */
export function specFields(kind: string): readonly string[] {
  const documents: unknown = structuredClone(crdDocuments());
  const crd = (documents as readonly Crd[]).find(({ spec }) =>
    spec.names.kind === kind
  );
  const version = crd?.spec.versions.find(({ name }) => name === "v1alpha2");
  const { spec } = version?.schema.openAPIV3Schema.properties ?? {};
  return [...leaves(spec, "")].sort();
}

function* leaves(schema: unknown, path: string): Generator<string> {
  const { properties, items } = schema as JsonSchema;
  if (properties !== undefined) {
    for (const [name, inner] of Object.entries(properties)) {
      yield* leaves(inner, path === "" ? name : `${path}.${name}`);
    }
  } else if (items !== undefined) yield* leaves(items, `${path}[]`);
  else yield path;
}

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: JsonSchema };
    }[];
  };
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
}
