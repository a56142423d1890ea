/**
 * Plays a script through a main core, and tells it in the words of Kubernetes.
 * An API server of a few lines answers what it writes, when the script says so.
 *
 * @module
 */

import { parsePrefix } from "@/addr/prefix.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import {
  projectEip,
  projectEndpointSlice,
  projectLease,
  projectNamespace,
  projectNode,
  projectService,
  projectWireKeySecret,
} from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import type { Result } from "@/lang/result.ts";
import type {
  PlannedWrite,
  WatchedKind,
  WriteOutcome,
} from "@/reconcile/mod.ts";
import { type MainConfig, MainCore } from "./main.ts";
import type {
  LocalLink,
  MainEffect,
  MainEvent,
  NewsKind,
} from "./main_events.ts";
import { WATCHED_KINDS } from "./watches.ts";
import type { WireCommand } from "./wire_messages.ts";

/** A JSON object. */
export type Raw = { [key: string]: unknown };

/** A main core on a stage, with an API server. */
export class MainStage {
  readonly core: MainCore;
  readonly lines: string[] = [];
  /** Everything it asked for. */
  readonly effects: MainEffect[] = [];
  nowMs: number = 0;
  /** Objects by kind and key. */
  readonly objects: Map<string, Raw> = new Map();
  /** Writes without an answer. */
  open: PlannedWrite[] = [];
  #version = 100;

  constructor(node = "n1", config: Partial<MainConfig> = {}) {
    this.core = new MainCore({ ...CONFIG, node, ...config });
    for (const name of ["n1", "n2"]) this.#store(`node/${name}`, NODE(name));
    this.#store("namespace/default", { metadata: { name: "default" } });
    this.#store("namespace/kube-system", { metadata: { name: "kube-system" } });
  }

  /** The story so far. */
  get text(): string {
    return this.lines.join("\n");
  }

  step(...events: readonly MainEvent[]): readonly MainEffect[] {
    const effects = this.core.step(events, {
      nowMs: this.nowMs,
      nowIso: new Date(Date.UTC(2026, 0, 1) + this.nowMs).toISOString(),
    });
    const told = events.map(eventText).filter((text) => text !== "");
    if (told.length > 0 || effects.length > 0) {
      this.lines.push(`${this.nowMs} ms ${told.join(", ")}`);
    }
    for (const effect of effects) {
      this.lines.push(`  ${effectText(effect)}`);
      this.effects.push(effect);
      if (effect.kind === "write") this.open.push(effect.write);
    }
    return effects;
  }

  /** The node knows its interfaces. */
  links(...links: readonly LocalLink[]): readonly MainEffect[] {
    return this.step({
      kind: "links",
      links: links.length > 0 ? links : [ETH0],
    });
  }

  /** A list of a kind arrives. */
  list(watched: WatchedKind): readonly MainEffect[] {
    const raws = [...this.objects].filter(([path]) =>
      path.startsWith(`${watched}/`)
    );
    return this.step(
      listed(watched, raws.map(([, raw]) => raw), `${this.#version}`),
    );
  }

  /** Answers `relist`; what an agent can do without is not on this stage. */
  relist(watched: NewsKind): void {
    const kind = WATCHED_KINDS.find((one) => one === watched);
    if (kind !== undefined) this.list(kind);
  }

  /** The list of the Secret with the key arrives. */
  listSecret(...secrets: readonly Raw[]): readonly MainEffect[] {
    const objects = secrets.map((raw) => read(projectWireKeySecret(raw)));
    const news = { kind: "listed", objects, resourceVersion: "1" } as const;
    return this.step({ kind: "watch", watched: "secret", news });
  }

  /** Every list arrives. */
  listAll(): void {
    this.listSecret();
    for (const watched of WATCHED_KINDS) this.list(watched);
  }

  /** An object is new or changed, and the watch shows it. */
  put(path: string, raw: Raw): readonly MainEffect[] {
    this.#store(path, raw);
    return this.show(path);
  }

  /** The watch shows an object. */
  show(path: string): readonly MainEffect[] {
    const [watched = ""] = path.split("/");
    return this.step(changed(watched as WatchedKind, this.objects.get(path)));
  }

  /** Answers the writes without an answer, and those that follow, and shows what they did. */
  answerAll(): void {
    while (this.open.length > 0) {
      for (const write of this.open.splice(0)) this.answer(write);
    }
  }

  /** Answers one write and shows what it did. */
  answer(write: PlannedWrite): void {
    const path = pathOf(write);
    const stored = path === undefined ? {} : this.#apply(path, write);
    this.step({
      kind: "written",
      write,
      outcome: { kind: "written", object: stored },
    });
    if (path !== undefined && write.method !== "GET") this.show(path);
  }

  /** Refuses every write without an answer. */
  refuseAll(
    outcome: Partial<WriteOutcome> & { readonly reason: string },
  ): void {
    for (const write of this.open.splice(0)) {
      this.step({
        kind: "written",
        write,
        outcome: { message: "refused", ...outcome, kind: "failed" },
      });
    }
  }

  /** Moves the clock to the next deadline, and takes it there. */
  deadline(): readonly MainEffect[] {
    const dueMs = this.core.deadlineMs();
    assert(dueMs !== undefined, "There is no deadline");
    this.nowMs = Math.max(this.nowMs, dueMs);
    return this.step({ kind: "deadline" });
  }

  /** Starts as the only agent, and leads. */
  lead(): void {
    this.links();
    this.listAll();
    this.answerAll();
    while (!this.core.view.isLeader) {
      this.deadline();
      this.answerAll();
      for (const effect of this.effects.splice(0)) {
        if (effect.kind === "relist") this.relist(effect.watched);
      }
      this.answerAll();
    }
  }

  /** Creates an Eip, the default one, and a Service with an endpoint on this node. */
  serve(eip: Raw = {}): void {
    this.put("eip/pool", EIP(eip));
    this.put("endpointslice/default/web-1", SLICE);
    this.put("service/default/web", SERVICE);
    this.answerAll();
  }

  /** The commands for the wire core so far. */
  commands(): readonly WireCommand[] {
    return this.effects.flatMap((effect) =>
      effect.kind === "wire" ? [effect.command] : []
    );
  }

  /** The annotations of this node's Lease. */
  published(node = "n1"): Readonly<Record<string, string>> {
    const lease = this.objects.get(`lease/openelb-system/foghorn-node-${node}`);
    const metadata = lease?.["metadata"] as Raw | undefined;
    return (metadata?.["annotations"] ?? {}) as Record<string, string>;
  }

  #store(path: string, raw: Raw): Raw {
    const metadata = {
      uid: `uid-${path}`,
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...raw["metadata"] as Raw,
      resourceVersion: `${++this.#version}`,
    };
    const stored = { ...raw, metadata };
    this.objects.set(path, stored);
    return stored;
  }

  #apply(path: string, write: PlannedWrite): Raw {
    const before = this.objects.get(path) ?? {};
    if (write.method === "GET") return before;
    const body: Raw = JSON.parse(JSON.stringify(write.body));
    return this.#store(path, merge(before, body) as Raw);
  }
}

/** A list as an event. */
export function listed(
  watched: WatchedKind,
  raws: readonly unknown[],
  resourceVersion: string,
): MainEvent {
  const news = <T>(project: (raw: unknown) => Result<T, string>) => ({
    kind: "listed" as const,
    objects: raws.map((raw) => read(project(raw))),
    resourceVersion,
  });
  const kind = "watch";
  switch (watched) {
    case "service":
      return { kind, watched, news: news(projectService) };
    case "eip":
      return { kind, watched, news: news(projectEip) };
    case "node":
      return { kind, watched, news: news(projectNode) };
    case "namespace":
      return { kind, watched, news: news(projectNamespace) };
    case "endpointslice":
      return { kind, watched, news: news(projectEndpointSlice) };
    case "lease":
      return { kind, watched, news: news(projectLease) };
  }
}

function changed(watched: WatchedKind, raw: unknown): MainEvent {
  const news = <T>(object: T) => ({ kind: "changed" as const, object });
  const kind = "watch";
  switch (watched) {
    case "service":
      return { kind, watched, news: news(read(projectService(raw))) };
    case "eip":
      return { kind, watched, news: news(read(projectEip(raw))) };
    case "node":
      return { kind, watched, news: news(read(projectNode(raw))) };
    case "namespace":
      return { kind, watched, news: news(read(projectNamespace(raw))) };
    case "endpointslice":
      return { kind, watched, news: news(read(projectEndpointSlice(raw))) };
    case "lease":
      return { kind, watched, news: news(read(projectLease(raw))) };
  }
}

function read<T>(projected: Result<T, string>): T {
  if (!projected.ok) throw new Error(projected.error);
  return projected.value;
}

/** The object a write is about; undefined for Events. */
function pathOf({ id, path }: PlannedWrite): string | undefined {
  const name = id.slice(id.indexOf("/") + 1);
  if (id.startsWith("service/")) return id;
  if (id.startsWith("announced/")) return `service/${name}`;
  if (id.startsWith("eip")) return `eip/${name}`;
  if (!id.startsWith("lease")) return undefined;
  const namespace = /namespaces\/([^/]+)\//.exec(path)?.[1] ?? "";
  return `lease/${namespace}/${name.replace(/@.*/, "")}`;
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) {
    return patch;
  }
  const base: Raw = typeof target === "object" && target !== null
    ? { ...target as Raw }
    : {};
  for (const [key, item] of Object.entries(patch)) {
    if (item === null) delete base[key];
    else base[key] = merge(base[key], item);
  }
  return base;
}

function eventText(event: MainEvent): string {
  switch (event.kind) {
    case "watch":
      return event.news.kind === "changed"
        ? `${event.watched} ${event.news.object.meta.name} changed`
        : `${event.watched} ${event.news.kind}`;
    case "written":
      return `${idText(event.write)} ${event.outcome.kind}`;
    case "wire":
      return `wire: ${event.report.kind}`;
    default:
      return event.kind;
  }
}

function effectText(effect: MainEffect): string {
  switch (effect.kind) {
    case "write":
      return writeText(effect.write);
    case "wire":
      return `wire: ${commandText(effect.command)}`;
    case "bgp":
      return `bgp: ${effect.command.kind}`;
    case "make-certificate":
      return `make a certificate for ${effect.order.names[0]}`;
    case "relist":
      return `relist ${effect.watched}`;
    case "follow":
      return `follow ${effect.watched} [${effect.names}]`;
    case "resolve-routes":
      return `resolve routes to ${effect.targets}`;
    case "read-arp-ignore":
      return `read arp_ignore of ${effect.links}`;
    case "ask-proxy":
      return "ask the health port of kube-proxy";
    case "look-at-host":
      return `look at the host for ${effect.ports}`;
    case "log":
      return `log ${effect.level}: ${effect.message}`;
    case "exit":
      return `exit ${effect.code}`;
  }
}

function writeText(write: PlannedWrite): string {
  const body = (write.body ?? {}) as Raw;
  const { spec, status, metadata } = body as Record<string, Raw | undefined>;
  if (write.id.startsWith("event/")) {
    return `Event ${body["reason"]}: ${body["message"]}`;
  }
  const parts = [write.method, idText(write)];
  if (spec?.["holderIdentity"] !== undefined) {
    parts.push(spec["holderIdentity"] === "" ? "released" : "held");
    const annotations = metadata?.["annotations"] as Raw | undefined;
    parts.push(
      ...Object.keys(annotations ?? {}).map((name) =>
        name.replace(/.*\//, "+")
      ),
    );
  }
  const ingress = (status?.["loadBalancer"] as Raw | undefined)?.["ingress"];
  if (Array.isArray(ingress)) {
    parts.push(`[${ingress.map((one: Raw) => one["ip"])}]`);
  }
  if (write.id.startsWith("eip/")) {
    parts.push(`finalizers [${metadata?.["finalizers"]}]`);
  }
  return parts.join(" ");
}

function idText({ id }: PlannedWrite): string {
  return id.startsWith("event/") ? "Event" : id.replace(/@.*/, "");
}

function commandText(command: WireCommand): string {
  switch (command.kind) {
    case "links":
      return `links [${command.links.map(({ name }) => name)}]`;
    case "nodes":
      return `nodes ${
        command.nodes.map(({ node, live, leaving }) =>
          `${node}${live ? "" : " (dead)"}${leaving ? " (leaving)" : ""}`
        )
      }`;
    case "vips":
      return `vips ${
        [
          ...command.upserts.map(({ vip, links, eligible }) =>
            `+${vip} on [${links}] by [${eligible}]`
          ),
          ...command.removes.map((vip) => `-${vip}`),
        ].join(" ")
      }`;
    case "cluster":
      return command.wireKey === undefined ? "cluster" : "cluster with a key";
    case "frozen":
      return command.frozen ? "frozen" : "not frozen";
    default:
      return command.kind;
  }
}

const CONFIG = {
  machine: "boot",
  incarnation: "1",
  namespace: "openelb-system",
  claim: { loadBalancerClass: "openelb.io/openelb", claimUnclassed: false },
  seed: 1,
} as const;

/** A Node that is Ready. */
function NODE(name: string): Raw {
  return {
    metadata: { name },
    status: { conditions: [{ type: "Ready", status: "True" }] },
  };
}

function EIP(spec: Raw): Raw {
  return {
    metadata: {
      name: "pool",
      annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
    },
    spec: {
      address: "192.0.2.91-192.0.2.95",
      protocol: "layer2",
      interface: "eth0",
      ...spec,
    },
  };
}

const SLICE: Raw = {
  metadata: {
    name: "web-1",
    namespace: "default",
    labels: { "kubernetes.io/service-name": "web" },
  },
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.0.0.1"], nodeName: "n1" }],
};

const SERVICE: Raw = {
  metadata: { name: "web", namespace: "default" },
  spec: {
    type: "LoadBalancer",
    loadBalancerClass: "openelb.io/openelb",
    ipFamilies: ["IPv4"],
    externalTrafficPolicy: "Cluster",
    selector: { app: "web" },
    ports: [{ protocol: "TCP", port: 80 }],
  },
};

/** The interface of the node. */
export const ETH0: LocalLink = {
  index: 2,
  name: "eth0",
  mac: parseMacAddr("02:00:00:00:00:01"),
  running: true,
  prefixes: ["192.0.2.11/24"].flatMap((text) => parsePrefix(text) ?? []),
};
