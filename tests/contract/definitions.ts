/**
 * Creating a CustomResourceDefinition, until what it defines is served.
 *
 * @module
 */

import { ok } from "node:assert/strict";
import { type JsonObject, stringAt, valueAt } from "@/lab/apiserver/json.ts";
import { type ContractApi, revisionOf } from "./api.ts";

/** Path of all definitions. */
export const DEFINITIONS =
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/**
 * Creates a definition, waits until it is established and served, and has it
 * deleted when the case is over.
 *
 * @param api The server.
 * @param definition The definition.
 * @param path What it serves.
 */
export async function establish(
  api: ContractApi,
  definition: JsonObject,
  path: string,
): Promise<void> {
  const name = stringAt(definition, "metadata", "name");
  const watch = await api.watch(DEFINITIONS, {
    resourceVersion: revisionOf(await api.ok("GET", DEFINITIONS)),
    fieldSelector: `metadata.name=${name}`,
  });
  await api.ok("POST", DEFINITIONS, definition);
  api.cleansUp(`${DEFINITIONS}/${name}`);
  for (let isServed = false; !isServed;) {
    // deno-lint-ignore no-await-in-loop -- one event after the other
    const event = await watch.next();
    ok(event !== undefined, "The watch of definitions has ended");
    const conditions = valueAt(event.object, "status", "conditions");
    isServed = Array.isArray(conditions) &&
      conditions.some((condition) =>
        valueAt(condition, "type") === "Established" &&
        valueAt(condition, "status") === "True"
      );
  }
  // A kube-apiserver establishes a definition before it serves it: 404, then 429.
  for (let code = 0; code !== 200;) {
    // deno-lint-ignore no-await-in-loop -- one try after the other
    code = (await api.request("GET", path)).code;
    ok([200, 404, 429, 503].includes(code), `${path}: ${code}`);
  }
}
