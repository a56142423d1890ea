/**
 * What the agents asked of the API server, by its audit log.
 *
 * @module
 */

import { AGENT_ACCOUNT, type KubernetesLab } from "../../kubernetes/lab.ts";
import { NAMESPACE_DEFAULT } from "@/api/names.ts";
import {
  type Json,
  numberAt,
  stringAt,
  stringsAt,
} from "@/lab/apiserver/json.ts";

/** One request of an agent. */
export interface AuditedRequest {
  /** Such as `patch services/status`. */
  readonly what: string;
  /** Address it came from. */
  readonly from: string;
  /** HTTP status. */
  readonly code: number;
}

/** Reads the log from where it was opened. */
export class AuditTail {
  readonly #path: string;
  #offsetBytes = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Begins at the end of the log. */
  static async open(lab: KubernetesLab): Promise<AuditTail> {
    const tail = new AuditTail(lab.plane.auditLog);
    tail.#offsetBytes = (await Deno.stat(tail.#path)).size;
    return tail;
  }

  /** The agents' requests that were answered since the last call; a watch that begins counts once. */
  async take(): Promise<readonly AuditedRequest[]> {
    using file = await Deno.open(this.#path);
    await file.seek(this.#offsetBytes, Deno.SeekMode.Start);
    const text = await new Response(file.readable).text();
    const end = text.lastIndexOf("\n") + 1;
    this.#offsetBytes += new TextEncoder().encode(text.slice(0, end)).length;
    return text.slice(0, end).split("\n").filter((line) => line !== "")
      .map((line): Json => JSON.parse(line))
      .filter((event) => stringAt(event, "user", "username") === AGENT_USER)
      .filter((event) =>
        stringAt(event, "stage") ===
          (stringAt(event, "verb") === "watch"
            ? "ResponseStarted"
            : "ResponseComplete")
      )
      .map((event) => ({
        what: whatOf(event),
        from: stringsAt(event, "sourceIPs")[0] ?? "",
        code: numberAt(event, "responseStatus", "code"),
      }));
  }
}

/** How many requests of each kind, the most frequent first. */
export function countRequests(
  requests: readonly AuditedRequest[],
): readonly (readonly [string, number])[] {
  const counts = Map.groupBy(requests, ({ what }) => what);
  return [...counts].map(([what, all]) => [what, all.length] as const)
    .toSorted(([, a], [, b]) => b - a);
}

function whatOf(event: Json): string {
  const resource = stringAt(event, "objectRef", "resource");
  const part = stringAt(event, "objectRef", "subresource");
  return `${stringAt(event, "verb")} ${resource}${part && `/${part}`}`;
}

const AGENT_USER =
  `system:serviceaccount:${NAMESPACE_DEFAULT}:${AGENT_ACCOUNT}`;
