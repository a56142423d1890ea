/**
 * `foghorn status` and `foghorn why`: asks the API server, or the agent of this
 * machine, and prints what they say.
 *
 * @module
 */

import { ENVIRONMENT, NAMESPACE_DEFAULT } from "@/api/names.ts";
import { KubeconfigError } from "@/io/kube/mod.ts";
import {
  type StatusReport,
  statusReport,
  type WhyReport,
  whyService,
} from "@/node/mod.ts";
import { clusterSource } from "./cluster_source.ts";
import { askAgent } from "./local_agent.ts";
import { statusText, type TextOptions, whyText } from "./report_text.ts";
import { UsageError } from "./usage_error.ts";

/** The options of both commands, as they were written. */
export interface ReportOptions {
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly loadBalancerClass: string;
  readonly claimUnclassed: boolean;
  readonly agent: string;
  readonly output?: string;
}

/**
 * Prints the state of the cluster.
 *
 * @param options The options.
 * @param write Takes what is printed.
 * @throws {UsageError} When an option cannot be used as written.
 * @throws {Error} When nobody can be asked.
 */
export async function printStatus(
  options: ReportOptions,
  write: (text: string) => void,
): Promise<void> {
  const isJson = wantsJson(options);
  const report = await fromClusterOrAgent<StatusReport>(options, {
    path: "/api/v1/status",
    ask: async (question) => statusReport(await clusterSource(question)),
  });
  write(isJson ? jsonText(report) : statusText(report, textOptions()));
}

/**
 * Prints why a Service is reached as it is, or is not.
 *
 * @param service `namespace/name`, or the name alone in `default`.
 * @param options The options.
 * @param write Takes what is printed.
 * @throws {UsageError} When an option cannot be used as written.
 * @throws {Error} When there is no such Service, or nobody can be asked.
 */
export async function printWhy(
  service: string,
  options: ReportOptions,
  write: (text: string) => void,
): Promise<void> {
  const isJson = wantsJson(options);
  const key = service.includes("/") ? service : `default/${service}`;
  if (!SERVICE_KEY.test(key)) {
    throw new UsageError(
      `Cannot explain "${service}": write NAMESPACE/NAME, like shop/web`,
    );
  }
  const report = await fromClusterOrAgent<WhyReport>(options, {
    path: `/api/v1/services/${key}/why`,
    ask: async (question) => {
      const source = await clusterSource({ ...question, service: key });
      const found = whyService(source, key);
      if (found !== undefined) return found;
      throw new Error(
        `There is no Service ${key}: kubectl get services -A lists those there are`,
      );
    },
  });
  write(isJson ? jsonText(report) : whyText(report, textOptions()));
}

/** A report from the API server where a kubeconfig is named, else from the agent of this machine, else from the API server all the same. */
async function fromClusterOrAgent<T>(
  options: ReportOptions,
  { path, ask }: {
    readonly path: string;
    readonly ask: (
      question: Parameters<typeof clusterSource>[0],
    ) => Promise<T>;
  },
): Promise<T> {
  const question = {
    ...(options.kubeconfig === undefined
      ? {}
      : { kubeconfig: options.kubeconfig }),
    namespace: options.namespace ??
      Deno.env.get(ENVIRONMENT.openelbNamespace) ??
      Deno.env.get(ENVIRONMENT.podNamespace) ?? NAMESPACE_DEFAULT,
    claim: {
      loadBalancerClass: options.loadBalancerClass,
      claimUnclassed: options.claimUnclassed,
    },
    onWait: (sentence: string) => {
      if (!Deno.stderr.isTerminal()) return;
      Deno.stderr.writeSync(new TextEncoder().encode(`${sentence}\n`));
    },
  };
  const named = options.kubeconfig ?? Deno.env.get(ENVIRONMENT.kubeconfig);
  if (named !== undefined && named !== "") return await ask(question);
  const answer = await askAgent<T>(options.agent, path);
  if (answer !== undefined) return answer;
  try {
    return await ask(question);
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error;
    throw new Error(
      `Cannot ask anybody: no agent answers at ${options.agent}, and no cluster is found: give --kubeconfig, or run this on a node with an agent`,
      { cause: error },
    );
  }
}

function wantsJson({ output }: ReportOptions): boolean {
  if (output !== undefined && output !== "json") {
    throw new UsageError(
      `Cannot print as "${output}": write -o json, or leave it out`,
    );
  }
  return output === "json";
}

function jsonText(report: unknown): string {
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function textOptions(): TextOptions {
  if (!Deno.stdout.isTerminal()) return { color: false };
  return { color: !Deno.noColor, width: Deno.consoleSize().columns };
}

const SERVICE_KEY =
  /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
