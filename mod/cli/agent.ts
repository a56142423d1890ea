/**
 * `foghorn agent`: the agent of one node. Composition root of the main isolate.
 *
 * @module
 */

import { ENVIRONMENT, NAMESPACE_DEFAULT } from "@/api/names.ts";
import { MainHost, NodeSpeaker } from "@/host/mod.ts";
import {
  brokenParts,
  type HttpServer,
  type HttpSource,
  MetricsPage,
  missingParts,
  samplesOf,
  serveHttp,
} from "@/http/mod.ts";
import { SystemClock } from "@/io/clock.ts";
import { KernelHostPorts } from "@/io/host_ports.ts";
import { HttpProxyProbe } from "@/io/proxy_probe.ts";
import {
  KernelLinkTable,
  machineIdentity,
  Reactor,
  trimNativeHeap,
} from "@/io/ffi/mod.ts";
import { KernelTcp } from "@/io/tcp/mod.ts";
import { KubeApi, loadClusterAccess } from "@/io/kube/mod.ts";
import {
  type AgentRole,
  type Instant,
  type MainConfig,
  MainCore,
  type ReportSource,
  sourceOf,
  statusReport,
  whyService,
} from "@/node/mod.ts";
import {
  encodeRecordingLine,
  type MetricSample,
  RECORDING_FORMAT,
} from "@/obs/mod.ts";
import type { LogSink } from "@/port/log_sink.ts";
import type { RecordingSink } from "@/port/node_ports.ts";
import type { ClaimConfig } from "@/reconcile/mod.ts";
import { Admission, webhookPort } from "./admission.ts";
import { CountingApi } from "./counting_api.ts";
import { logOptions, startLogs } from "./logs.ts";
import type { OpenelbFlag } from "./openelb_flags.ts";
import { UsageError } from "./usage_error.ts";
import { VERSION } from "./version.ts";
import { agentWatches } from "./watch_specs.ts";
import { WorkerWireIsolate } from "./wire_isolate.ts";

/** The options of the command, as they were written. */
export interface AgentOptions {
  readonly kubeconfig?: string;
  readonly nodeName?: string;
  readonly namespace?: string;
  readonly loadBalancerClass: string;
  readonly claimUnclassed: boolean;
  readonly httpAddress: string;
  readonly failoverPatience: string;
  readonly kubeProxyHealth: string;
  readonly kubeProxyMetrics: string;
  readonly webhookPort: string;
  readonly record?: string;
  readonly logLevel: string;
  readonly logFormat: string;
  readonly role: AgentRole;
  readonly installation?: string;
  /** OpenELB's flags that were given: accepted and without a meaning here. */
  readonly ignored: readonly OpenelbFlag[];
}

/**
 * Runs the agent until SIGTERM or Ctrl-C.
 *
 * @param options The options.
 * @returns The exit code.
 * @throws {UsageError} When an option cannot be used as written.
 */
export async function runAgent(options: AgentOptions): Promise<number> {
  const node = options.nodeName ?? Deno.env.get(ENVIRONMENT.nodeName);
  if (node === undefined || node === "") {
    throw new UsageError(
      "Cannot tell which node this is: set NODE_NAME or use --node-name with the name of its Node object",
    );
  }
  const address = hostAndPort(options.httpAddress, "Cannot listen on");
  const proxy = options.kubeProxyHealth === "off"
    ? undefined
    : hostAndPort(options.kubeProxyHealth, "Cannot ask for health at");
  const proxyMetrics = options.kubeProxyMetrics === "off"
    ? undefined
    : hostAndPort(options.kubeProxyMetrics, "Cannot ask for the mode at");
  failoverPatienceMs(options.failoverPatience);
  webhookPort(options.webhookPort);
  const logs = await startLogs(
    logOptions(options.logLevel, options.logFormat),
  );
  const namespace = options.namespace ??
    Deno.env.get(ENVIRONMENT.openelbNamespace) ??
    Deno.env.get(ENVIRONMENT.podNamespace) ?? NAMESPACE_DEFAULT;
  for (const { flag, instead } of options.ignored) {
    logs.log({
      level: "warning",
      category: "main",
      message: "Flag of OpenELB accepted, it has no meaning here",
      fields: { flag, instead },
    });
  }
  try {
    return await serveNode({
      ...{ node, namespace, address, proxy, proxyMetrics, logs, options },
    });
  } finally {
    await logs.close();
  }
}

/** How much longer than 300 ms a silent agent is verified. */
function failoverPatienceMs(text: string): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value > FAILOVER_PATIENCE_MS_MAX) {
    throw new UsageError(
      `Cannot use --failover-patience "${text}": write milliseconds, 0 to ${FAILOVER_PATIENCE_MS_MAX}`,
    );
  }
  return value;
}

interface AgentStart {
  readonly node: string;
  readonly namespace: string;
  readonly address: HostAndPort;
  /** The health port of kube-proxy; undefined: it is not asked. */
  readonly proxy: HostAndPort | undefined;
  /** The metrics port of kube-proxy; undefined: it is not asked. */
  readonly proxyMetrics: HostAndPort | undefined;
  readonly logs: LogSink;
  readonly options: AgentOptions;
}

/** Everything a running agent consists of. */
interface AgentParts {
  readonly api: CountingApi;
  readonly core: MainCore;
  readonly host: MainHost;
  readonly links: KernelLinkTable;
  readonly wire: WorkerWireIsolate;
  readonly speaker: NodeSpeaker;
  readonly reactor: Reactor;
  readonly recording: OpenRecording | undefined;
  readonly metrics: MetricsPage;
  readonly server: HttpServer;
  readonly admission: Admission | undefined;
}

/** Starts an agent and waits for its end; its exit code. */
async function serveNode(start: AgentStart): Promise<number> {
  const done = Promise.withResolvers<number>();
  const parts = await buildAgent(start, done.resolve);
  const { host, wire, server } = parts;
  wire.onFailure((message) => {
    start.logs.log({
      level: "error",
      category: "wire",
      message: "The wire isolate died",
      fields: { error: message },
    });
    host.close();
    done.resolve(1);
  });
  host.start();
  start.logs.log({
    level: "info",
    category: "main",
    message: "Agent started",
    fields: {
      node: start.node,
      namespace: start.namespace,
      version: VERSION,
      http: server.port,
    },
  });
  const trimming = setInterval(trimNativeHeap, TRIM_INTERVAL_MS);
  const code = await stopOnSignal(host, done.promise);
  clearInterval(trimming);
  await closeAll(parts);
  return code;
}

async function buildAgent(
  start: AgentStart,
  exit: (code: number) => void,
): Promise<AgentParts> {
  const { node, namespace, logs, options: { kubeconfig, record } } = start;
  const access = await loadClusterAccess(
    kubeconfig === undefined ? {} : { kubeconfig },
  );
  const recording = await openRecording(record);
  const clock = new SystemClock();
  const instant = instantOf(clock);
  const userAgent = `foghorn/${VERSION}`;
  const api = new CountingApi(new KubeApi(access, { clock, userAgent }));
  const config = coreConfig(start);
  recording?.sink.line(
    encodeRecordingLine({ kind: "start", format: RECORDING_FORMAT, config }),
  );
  const core = new MainCore(config);
  const admission = admissionOf(start, { api, core, clock });
  const metrics = new MetricsPage((): readonly MetricSample[] => [
    { name: "foghorn_build_info", labels: { version: VERSION }, value: 1 },
    ...samplesOf(core.view, instant()),
    ...api.samples(),
    ...admission?.samples() ?? [],
  ]);
  // Before anything runs that would have to be stopped again.
  const server = serveHttp(start.address, {
    unhealthy: () => brokenParts(core.view, instant()),
    notReady: () => missingParts(core.view, instant()),
    metrics,
    reports: reportsOf(core, config.claim, instant),
  });
  const reactor = new Reactor();
  const links = new KernelLinkTable(reactor);
  const wire = new WorkerWireIsolate({
    node,
    incarnation: BigInt(Math.round(performance.timeOrigin * 1_000)),
    patienceMs: failoverPatienceMs(start.options.failoverPatience),
  });
  const tcp = new KernelTcp(reactor, clock);
  const speaker = new NodeSpeaker({ clock, tcp }, config);
  const host = new MainHost(core, {
    clock,
    cluster: api,
    links,
    wire,
    bgp: speaker,
    proxy: start.proxy && new HttpProxyProbe(start.proxy),
    hostPorts: new KernelHostPorts(start.proxyMetrics),
    certificates: admission?.desk,
    logs,
    recording: recording?.sink,
    observeSeconds: (seconds) =>
      metrics.observe("foghorn_reconcile_seconds", seconds),
    exit,
  }, agentWatches(namespace, admission?.readSecret));
  return {
    api,
    core,
    host,
    links,
    wire,
    speaker,
    reactor,
    recording,
    metrics,
    server,
    admission,
  };
}

function instantOf(clock: SystemClock): () => Instant {
  return () => ({
    nowMs: clock.nowMs(),
    nowIso: new Date(clock.wallMs()).toISOString(),
  });
}

/** What the agent tells of the cluster and of itself, made when it is asked. */
function reportsOf(
  core: MainCore,
  claim: ClaimConfig,
  instant: () => Instant,
): HttpSource["reports"] {
  const source = (): ReportSource => sourceOf(core.view, claim, instant());
  return {
    isListed: () => core.view.watches.allListed(),
    status: () => statusReport(source()),
    whyService: (key) => whyService(source(), key),
  };
}

/** The webhook; undefined where none is wanted. */
function admissionOf(
  { namespace, logs, options }: AgentStart,
  { api, core, clock }: {
    readonly api: CountingApi;
    readonly core: MainCore;
    readonly clock: SystemClock;
  },
): Admission | undefined {
  const port = webhookPort(options.webhookPort);
  return port === undefined ? undefined : new Admission({
    ...{ port, namespace, api, logs },
    wallMs: () => clock.wallMs(),
    review: (request) => core.view.review(request),
  });
}

function coreConfig(
  { node, namespace, proxy, options }: AgentStart,
): MainConfig {
  return {
    node,
    namespace,
    role: options.role,
    ...(options.installation === undefined
      ? {}
      : { installation: options.installation }),
    machine: machineIdentity(),
    incarnation: crypto.randomUUID(),
    claim: {
      loadBalancerClass: options.loadBalancerClass,
      claimUnclassed: options.claimUnclassed,
    },
    asksProxy: proxy !== undefined,
    servesAdmission: webhookPort(options.webhookPort) !== undefined,
    seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 1,
  };
}

async function stopOnSignal(
  host: MainHost,
  done: Promise<number>,
): Promise<number> {
  let asked = 0;
  const again = Promise.withResolvers<number>();
  const stop = (): void => {
    if (asked++ === 0) host.push({ kind: "shutdown" });
    else again.resolve(130);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, stop);
  }
  try {
    return await Promise.race([done, again.promise]);
  } finally {
    host.close();
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      Deno.removeSignalListener(signal, stop);
    }
  }
}

async function closeAll(parts: AgentParts): Promise<void> {
  parts.wire.close();
  await parts.wire.ended();
  await parts.api.close();
  parts.speaker.close();
  parts.links.close();
  parts.reactor.close();
  parts.recording?.close();
  await parts.server.close();
  await parts.admission?.close();
}

interface OpenRecording {
  readonly sink: RecordingSink;
  close(): void;
}

async function openRecording(
  path: string | undefined,
): Promise<OpenRecording | undefined> {
  if (path === undefined) return undefined;
  const file = await Deno.open(path, {
    write: true,
    create: true,
    append: true,
  });
  const encoder = new TextEncoder();
  return {
    sink: {
      line: (text) => {
        const bytes = encoder.encode(`${text}\n`);
        for (let at = 0; at < bytes.length;) {
          at += file.writeSync(bytes.subarray(at));
        }
      },
    },
    close: () => file.close(),
  };
}

interface HostAndPort {
  readonly hostname: string;
  readonly port: number;
}

function hostAndPort(text: string, failure: string): HostAndPort {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UsageError(
      `${failure} "${text}": write an address and a port, like 127.0.0.1:7473 or [::1]:7473`,
    );
  }
  const hostname = match[1] ?? match[2] ?? "";
  return { hostname: hostname === "" ? "0.0.0.0" : hostname, port };
}

/** How often memory that a burst has freed is given back. */
const FAILOVER_PATIENCE_MS_MAX = 60_000;
const TRIM_INTERVAL_MS = 15_000;
