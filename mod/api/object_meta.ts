/**
 * The metadata every Kubernetes object carries, as far as we use it.
 *
 * @module
 */

import { type Json, present, type Reader } from "./_reader.ts";
import { LAST_APPLIED_ANNOTATION } from "./names.ts";

/** Metadata of an object. */
export interface ObjectMeta {
  /** Its name; never empty. */
  readonly name: string;
  /** Its namespace; empty when it is cluster-scoped. */
  readonly namespace: string;
  /** Its uid; empty when it was never stored. */
  readonly uid: string;
  /** Its resourceVersion; empty when it was never stored. */
  readonly resourceVersion: string;
  /** Counts the changes of its spec. */
  readonly generation?: number;
  /** When it was created, RFC 3339. */
  readonly creationTimestamp?: string;
  /** When its deletion was asked for, RFC 3339; present means it is being deleted. */
  readonly deletionTimestamp?: string;
  /** Its labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Its annotations, without {@linkcode LAST_APPLIED_ANNOTATION}. */
  readonly annotations: Readonly<Record<string, string>>;
  /** What must happen before it may go. */
  readonly finalizers: readonly string[];
}

/**
 * Reads the metadata of an object.
 *
 * @param reader Remembers what is wrong.
 * @param root The object.
 * @returns The metadata; `managedFields` and the like are dropped.
 */
export function readMeta(reader: Reader, root: Json): ObjectMeta {
  const meta = reader.object(root, "metadata", "");
  const name = reader.text(meta, "name", AT) ?? "";
  if (name === "") reader.refuseWith("metadata.name is missing");
  return present<ObjectMeta>({
    name,
    namespace: reader.text(meta, "namespace", AT) ?? "",
    uid: reader.text(meta, "uid", AT) ?? "",
    resourceVersion: reader.text(meta, "resourceVersion", AT) ?? "",
    generation: reader.integer(meta, "generation", AT),
    creationTimestamp: reader.filledText(meta, "creationTimestamp", AT),
    deletionTimestamp: reader.filledText(meta, "deletionTimestamp", AT),
    labels: reader.map(meta, "labels", AT),
    annotations: withoutLastApplied(reader.map(meta, "annotations", AT)),
    finalizers: reader.texts(meta, "finalizers", AT),
  });
}

function withoutLastApplied(
  annotations: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (!Object.hasOwn(annotations, LAST_APPLIED_ANNOTATION)) return annotations;
  const { [LAST_APPLIED_ANNOTATION]: _dropped, ...kept } = annotations;
  return kept;
}

const AT = "metadata.";
