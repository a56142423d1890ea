/**
 * `foghorn agent`: the agent of one node. Composition root of the main isolate.
 *
 * @module
 */

import { ENVIRONMENT, NAMESPACE_DEFAULT } from "@/api/names.ts";
import { MainHost, NodeSpeaker, partBfd } from "@/host/mod.ts";
import {
  brokenParts,
  type HttpAddress,
  type HttpServer,
  type HttpSource,
  MetricsGate,
  MetricsPage,
  MetricsServer,
  missingParts,
  openelbSamplesOf,
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
import { KernelRouterDiscovery } from "@/io/router_discovery.ts";
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
  type WireConfig,
} from "@/node/mod.ts";
import {
  encodeRecordingLine,
  type MetricSample,
  OPENELB_METRICS,
  RECORDING_FORMAT,
} from "@/obs/mod.ts";
import type { LogSink } from "@/port/log_sink.ts";
import type { ClaimConfig } from "@/reconcile/mod.ts";
import { Admission, metricsSecurePort, webhookPort } from "./admission.ts";
import { CountingApi } from "./counting_api.ts";
import {
  type HostAndPort,
  hostAndPort,
  listenAddress,
} from "./host_and_port.ts";
import { logOptions, startLogs } from "./logs.ts";
import type { OpenelbFlag } from "./openelb_flags.ts";
import { type OpenRecording, openRecording } from "./recording_file.ts";
import { UsageError } from "./usage_error.ts";
import { VERSION } from "./version.ts";
import { agentWatches, namedWatches } from "./watch_specs.ts";
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
  readonly metricsSecurePort: string;
  readonly openelbMetrics: boolean;
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
  const address = listenAddress(options.httpAddress);
  const proxy = options.kubeProxyHealth === "off"
    ? undefined
    : hostAndPort(options.kubeProxyHealth, "Cannot ask for health at");
  const proxyMetrics = options.kubeProxyMetrics === "off"
    ? undefined
    : hostAndPort(options.kubeProxyMetrics, "Cannot ask for the mode at");
  failoverPatienceMs(options.failoverPatience);
  securePortOf(options);
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
  readonly address: HttpAddress;
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
  readonly metricsServer: MetricsServer | undefined;
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
  const { namespace, logs, options: { kubeconfig, record } } = start;
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
  const metrics = metricsPage(start, (): readonly MetricSample[] => [
    ...samplesOf(core.view, instant()),
    ...api.samples(),
    ...admission?.samples() ?? [],
    ...start.options.openelbMetrics ? openelbSamplesOf(core.view) : [],
  ]);
  const metricsServer = metricsServerOf(start, { api, clock, page: metrics });
  const admission = admissionOf(start, { api, core, clock, metricsServer });
  // Before anything runs that would have to be stopped again.
  const server = serve(start, { core, config, instant, metrics });
  const reactor = new Reactor();
  const links = new KernelLinkTable(reactor);
  const wire = new WorkerWireIsolate(wireConfig(start));
  const tcp = new KernelTcp(reactor, clock);
  const { bfd, wire: ofMain } = partBfd(wire);
  const discovery = new KernelRouterDiscovery(reactor);
  const speaker = new NodeSpeaker({ clock, tcp, bfd, discovery }, config);
  const host = new MainHost(
    core,
    {
      clock,
      cluster: api,
      links,
      wire: ofMain,
      bgp: speaker,
      proxy: start.proxy && new HttpProxyProbe(start.proxy),
      hostPorts: new KernelHostPorts(start.proxyMetrics),
      certificates: admission?.desk,
      logs,
      recording: recording?.sink,
      observeSeconds: (seconds) =>
        metrics.observe("foghorn_reconcile_seconds", seconds),
      exit,
    },
    agentWatches(namespace, admission?.readSecret),
    namedWatches(namespace),
  );
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
    metricsServer,
  };
}

function metricsPage(
  { options }: AgentStart,
  samples: () => readonly MetricSample[],
): MetricsPage {
  return new MetricsPage(
    () => [
      { name: "foghorn_build_info", labels: { version: VERSION }, value: 1 },
      ...samples(),
    ],
    options.openelbMetrics ? OPENELB_METRICS : {},
  );
}

function wireConfig({ node, options }: AgentStart): WireConfig {
  return {
    node,
    incarnation: BigInt(Math.round(performance.timeOrigin * 1_000)),
    patienceMs: failoverPatienceMs(options.failoverPatience),
    countsVips: options.openelbMetrics,
  };
}

/** The server of metrics over TLS; undefined where none is wanted. */
function metricsServerOf(
  { logs, options }: AgentStart,
  { api, clock, page }: {
    readonly api: CountingApi;
    readonly clock: SystemClock;
    readonly page: MetricsPage;
  },
): MetricsServer | undefined {
  const port = securePortOf(options);
  return port === undefined ? undefined : new MetricsServer({
    ...{ address: { port }, page, logs },
    gate: new MetricsGate(api, () => clock.nowMs()),
  });
}

/** What the plain port shows of metrics. */
function shownMetrics(
  { options }: AgentStart,
  page: MetricsPage,
): HttpSource["metrics"] {
  const securePort = securePortOf(options);
  return securePort === undefined ? page : { securePort };
}

function securePortOf(options: AgentOptions): number | undefined {
  return metricsSecurePort(
    options.metricsSecurePort,
    webhookPort(options.webhookPort),
  );
}

/** The server of health, readiness, metrics and reports. */
function serve(start: AgentStart, { core, config, instant, metrics }: {
  readonly core: MainCore;
  readonly config: MainConfig;
  readonly instant: () => Instant;
  readonly metrics: MetricsPage;
}): HttpServer {
  return serveHttp(start.address, {
    unhealthy: () => brokenParts(core.view, instant()),
    notReady: () => missingParts(core.view, instant()),
    metrics: shownMetrics(start, metrics),
    reports: reportsOf(core, config.claim, instant),
  });
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
  { api, core, clock, metricsServer }: {
    readonly api: CountingApi;
    readonly core: MainCore;
    readonly clock: SystemClock;
    readonly metricsServer: MetricsServer | undefined;
  },
): Admission | undefined {
  const port = webhookPort(options.webhookPort);
  return port === undefined ? undefined : new Admission({
    ...{ port, namespace, api, logs },
    wallMs: () => clock.wallMs(),
    review: (request) => core.view.review(request),
    onCertificate: (pair) => metricsServer?.use(pair),
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
  await parts.metricsServer?.close();
}

/** How often memory that a burst has freed is given back. */
const FAILOVER_PATIENCE_MS_MAX = 60_000;
const TRIM_INTERVAL_MS = 15_000;
