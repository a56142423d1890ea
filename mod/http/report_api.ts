/**
 * `/api/v1`: what an agent knows, as JSON, for those on its own machine.
 *
 * It tells names of Services and addresses to whoever asks, so it asks who does:
 * only connections over loopback are answered, and only under a name of
 * loopback, so that no page in a browser of this machine can ask either.
 *
 * @module
 */

import { unreachable } from "@/lang/assert.ts";

/** What the API shows. */
export interface ReportSource {
  /** What `foghorn status` tells; undefined: the agent does not know enough yet. */
  status(): unknown;
  /** What `foghorn why service` tells; undefined: there is no such Service. */
  whyService(key: string): unknown;
  /** Whether everything was listed: before that nothing can be told. */
  isListed(): boolean;
}

/** An answer, before it is HTTP. */
export interface ApiPage {
  /** HTTP status. */
  readonly status: number;
  /** JSON where it is 200, else one sentence. */
  readonly body: string;
}

/** Whether a path is of the API. */
export function isApiPath(pathname: string): boolean {
  return pathname === "/api/v1" || pathname.startsWith("/api/v1/");
}

/**
 * Answers a request for the API.
 *
 * @param url What is asked for.
 * @param remoteHost Address it is asked from.
 * @param source What to show.
 */
export function apiPage(
  url: URL,
  remoteHost: string,
  source: ReportSource,
): ApiPage {
  if (!isLoopback(remoteHost) || !isLoopback(url.hostname)) {
    return refuse(
      403,
      "Only this machine is answered here: ask http://127.0.0.1 on the node itself",
    );
  }
  const asked = questionOf(url.pathname);
  if (asked === undefined) {
    return refuse(
      404,
      "Try /api/v1/status or /api/v1/services/NAMESPACE/NAME/why",
    );
  }
  if (!source.isListed()) {
    return refuse(
      503,
      "The agent has not listed the cluster yet: /readyz says what it waits for",
    );
  }
  switch (asked.kind) {
    case "status":
      return show(source.status());
    case "why": {
      const report = source.whyService(asked.service);
      return report === undefined
        ? refuse(
          404,
          `There is no Service ${asked.service}: kubectl get services -A lists those there are`,
        )
        : show(report);
    }
    default:
      return unreachable(asked);
  }
}

type Question =
  | { readonly kind: "status" }
  | { readonly kind: "why"; readonly service: string };

function questionOf(pathname: string): Question | undefined {
  if (pathname === "/api/v1/status") return { kind: "status" };
  const [, namespace, name] = WHY.exec(pathname) ?? [];
  return namespace === undefined || name === undefined
    ? undefined
    : { kind: "why", service: `${namespace}/${name}` };
}

function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

function show(value: unknown): ApiPage {
  return { status: 200, body: `${JSON.stringify(value, undefined, 2)}\n` };
}

function refuse(status: number, sentence: string): ApiPage {
  return { status, body: `${sentence}\n` };
}

// Names of Kubernetes objects: letters, digits, hyphens and dots.
const WHY = /^\/api\/v1\/services\/([a-z0-9.-]+)\/([a-z0-9.-]+)\/why$/;
// An IPv4 client of a socket for both families shows as a mapped address.
const LOOPBACK =
  /^(localhost|(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[?::1\]?)$/;
