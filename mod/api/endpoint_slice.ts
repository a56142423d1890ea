/**
 * EndpointSlices, as far as we use them.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { type Json, present, Reader } from "./_reader.ts";
import { SERVICE_NAME_LABEL } from "./names.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** An endpoint of a Service. */
export interface Endpoint {
  /** Its addresses, as written. */
  readonly addresses: readonly string[];
  /** Takes new connections; absent in the API means true. */
  readonly ready: boolean;
  /** Serves, terminating or not; absent in the API means the same as `ready`. */
  readonly serving: boolean;
  /** Is about to go; absent in the API means false. */
  readonly terminating: boolean;
  /** The Node it runs on. */
  readonly nodeName?: string;
}

/** A slice of the endpoints of a Service. */
export interface EndpointSlice {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** Name of the Service in the same namespace; empty: of none. */
  readonly serviceName: string;
  /** `IPv4`, `IPv6` or `FQDN`. */
  readonly addressType: string;
  /** Its endpoints. */
  readonly endpoints: readonly Endpoint[];
}

/**
 * Reads an EndpointSlice as the API server sends it.
 *
 * @param raw The object.
 * @returns What we use of it, or one sentence that says what is wrong.
 */
export function projectEndpointSlice(
  raw: unknown,
): Result<EndpointSlice, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const meta = readMeta(reader, root);
  const slice: EndpointSlice = {
    meta,
    serviceName: meta.labels[SERVICE_NAME_LABEL] ?? "",
    addressType: reader.text(root, "addressType", "") ?? "",
    endpoints: reader.items(root, "endpoints", "").map((item) =>
      readEndpoint(reader, item)
    ),
  };
  return reader.finish("EndpointSlice", raw, slice);
}

function readEndpoint(reader: Reader, item: Json): Endpoint {
  const conditions = reader.object(item, "conditions", "endpoints[].");
  const ready = reader.flag(conditions, "ready", AT) ?? true;
  return present<Endpoint>({
    addresses: reader.texts(item, "addresses", "endpoints[]."),
    ready,
    serving: reader.flag(conditions, "serving", AT) ?? ready,
    terminating: reader.flag(conditions, "terminating", AT) ?? false,
    nodeName: reader.filledText(item, "nodeName", "endpoints[]."),
  });
}

const AT = "endpoints[].conditions.";
