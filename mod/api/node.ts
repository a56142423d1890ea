/**
 * Nodes, as far as we use them.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { type Json, Reader } from "./_reader.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** An address of a Node. */
export interface NodeAddress {
  /** `InternalIP`, `ExternalIP`, `Hostname` and so on. */
  readonly type: string;
  /** The address or name. */
  readonly address: string;
}

/** A Node. */
export interface Node {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** Whether its condition `Ready` is `True`. */
  readonly ready: boolean;
  /** Whether its condition `NetworkUnavailable` is there and not `False`. */
  readonly networkUnavailable: boolean;
  /** The keys of its taints. */
  readonly taints: readonly string[];
  /** Its addresses. */
  readonly addresses: readonly NodeAddress[];
}

/**
 * Reads a Node as the API server sends it.
 *
 * @param raw The object.
 * @returns What we use of it, or one sentence that says what is wrong.
 */
export function projectNode(raw: unknown): Result<Node, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const spec = reader.object(root, "spec", "");
  const status = reader.object(root, "status", "");
  const conditions = reader.items(status, "conditions", "status.");
  const node: Node = {
    meta: readMeta(reader, root),
    ready: statusOf(reader, conditions, "Ready") === "True",
    networkUnavailable:
      (statusOf(reader, conditions, "NetworkUnavailable") ?? "False") !==
        "False",
    taints: reader.items(spec, "taints", "spec.").map((item) =>
      reader.text(item, "key", "spec.taints[].") ?? ""
    ),
    addresses: reader.items(status, "addresses", "status.").map((item) => ({
      type: reader.text(item, "type", AT_ADDRESS) ?? "",
      address: reader.text(item, "address", AT_ADDRESS) ?? "",
    })),
  };
  return reader.finish("Node", raw, node);
}

function statusOf(
  reader: Reader,
  conditions: readonly Json[],
  type: string,
): string | undefined {
  const condition = conditions.find((item) => item["type"] === type);
  return condition === undefined
    ? undefined
    : reader.text(condition, "status", "status.conditions[].") ?? "Unknown";
}

const AT_ADDRESS = "status.addresses[].";
