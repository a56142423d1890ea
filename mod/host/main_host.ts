/**
 * The loop of a node's main isolate: one queue of events, one core, effects out
 * through ports.
 *
 * Events that arrive in one turn are taken as one batch, so that a burst of
 * changes is planned once. Every batch can be recorded, with its time and what
 * came of it: replayed through the core it gives the same effects.
 *
 * @module
 */

import type {
  BgpCommand,
  BgpReport,
  Instant,
  LocalLink,
  MainCore,
  MainEffect,
  MainEvent,
  NamedKind,
  NamedNews,
  WatchNews,
  WireCommand,
  WireReport,
} from "@/node/mod.ts";
import { encodeRecordingLine } from "@/obs/recording.ts";
import type { BgpPort } from "@/port/bgp.ts";
import type { Clock, Timer } from "@/port/clock.ts";
import type {
  ApiResponse,
  ClusterApi,
  Subscription,
  WatchEvent,
  WatchSpec,
} from "@/port/cluster_api.ts";
import type { LogSink } from "@/port/log_sink.ts";
import type { LinkInfo } from "@/port/link.ts";
import type {
  CertificateDesk,
  HostPorts,
  LinkTable,
  ProxyProbe,
  RecordingSink,
  WireIsolate,
} from "@/port/node_ports.ts";

/** What the loop stands on. */
export interface MainPorts {
  /** Time. */
  readonly clock: Clock;
  /** The Kubernetes API. */
  readonly cluster: ClusterApi;
  /** The interfaces of this machine. */
  readonly links: LinkTable;
  /** The wire isolate. */
  readonly wire: WireIsolate<WireCommand, WireReport>;
  /** The BGP speaker; undefined: there is none, whatever a BgpConf says. */
  readonly bgp?: BgpPort<BgpCommand, BgpReport> | undefined;
  /** The health port of kube-proxy; undefined: it is not asked. */
  readonly proxy?: ProxyProbe | undefined;
  /** How kube-proxy forwards and who listens on the host; undefined: that is not looked at. */
  readonly hostPorts?: HostPorts | undefined;
  /** Makes the webhook's certificate; undefined: no webhook is served. */
  readonly certificates?: CertificateDesk | undefined;
  /** Logs. */
  readonly logs: LogSink;
  /** Where batches are recorded, if anywhere. */
  readonly recording: RecordingSink | undefined;
  /** Told how long each batch took, in seconds. */
  readonly observeSeconds: (seconds: number) => void;
  /** Called once, when the core is done. */
  readonly exit: (code: number) => void;
}

/** A watch to hold up: what, and how its news become events. */
export interface WatchBinding {
  /** Starts it. */
  start(api: ClusterApi, news: (news: WatchNews) => void): Subscription;
  /** The kind it watches. */
  readonly watched: WatchNews["watched"];
}

/** How single objects of a kind are watched, and how their news become events. */
export interface NamedBinding {
  /** The kind. */
  readonly watched: NamedKind;
  /** Starts the watch of one object. */
  start(
    api: ClusterApi,
    name: string,
    news: (news: NamedNews) => void,
  ): Subscription;
}

/** Runs one main core. */
export class MainHost {
  readonly #core: MainCore;
  readonly #ports: MainPorts;
  readonly #bindings: readonly WatchBinding[];
  readonly #named: readonly NamedBinding[];
  /** By kind, those of single objects by kind and name. */
  readonly #subscriptions = new Map<string, Subscription>();
  #queue: MainEvent[] = [];
  #scheduled: Timer | undefined;
  #deadline: { readonly dueMs: number; readonly timer: Timer } | undefined;
  #closed = false;

  /**
   * A loop around a core, not yet started.
   *
   * @param core The core.
   * @param ports What it stands on.
   * @param bindings The watches that begin with it.
   * @param named The watches that begin when something is named.
   */
  constructor(
    core: MainCore,
    ports: MainPorts,
    bindings: readonly WatchBinding[],
    named: readonly NamedBinding[] = [],
  ) {
    this.#core = core;
    this.#ports = ports;
    this.#bindings = bindings;
    this.#named = named;
  }

  /** Starts every watch. */
  start(): void {
    const { links, wire } = this.#ports;
    wire.onReport((report) => this.push({ kind: "wire", report }));
    this.#ports.bgp?.onReport((report) => this.push({ kind: "bgp", report }));
    links.watch((all) => {
      this.#ports.bgp?.setLinks(all);
      this.push({ kind: "links", links: all.map(localLink) });
    });
    for (const binding of this.#bindings) this.#subscribe(binding);
    this.push({ kind: "deadline" });
  }

  /** Adds an event; it is taken soon, together with others that are there by then. */
  push(event: MainEvent): void {
    if (this.#closed) return;
    this.#queue.push(event);
    this.#scheduled ??= this.#ports.clock.setTimer(
      this.#ports.clock.nowMs(),
      () => this.#drain(),
    );
  }

  /** Ends every watch and timer; the core is not stepped again. */
  close(): void {
    this.#closed = true;
    this.#scheduled?.cancel();
    this.#deadline?.timer.cancel();
    for (const subscription of this.#subscriptions.values()) {
      subscription.close();
    }
    this.#subscriptions.clear();
  }

  #subscribe(binding: WatchBinding): void {
    this.#subscriptions.get(binding.watched)?.close();
    this.#subscriptions.set(
      binding.watched,
      binding.start(
        this.#ports.cluster,
        (news) => this.push({ kind: "watch", ...news }),
      ),
    );
  }

  #follow({ watched, names }: MainEffect & { readonly kind: "follow" }): void {
    const binding = this.#named.find((one) => one.watched === watched);
    if (binding === undefined) return;
    const wanted = new Set(names.map((name) => `${watched}/${name}`));
    for (const [id, subscription] of this.#subscriptions) {
      if (!id.startsWith(`${watched}/`) || wanted.has(id)) continue;
      subscription.close();
      this.#subscriptions.delete(id);
    }
    for (const name of names) {
      const id = `${watched}/${name}`;
      if (this.#subscriptions.has(id)) continue;
      const subscription = binding.start(
        this.#ports.cluster,
        name,
        (news) => this.push({ kind: "named", ...news }),
      );
      this.#subscriptions.set(id, subscription);
    }
  }

  #drain(): void {
    this.#scheduled = undefined;
    if (this.#closed) return;
    const events = this.#queue;
    this.#queue = [];
    const at = this.#instant();
    const { recording } = this.#ports;
    // Before the step: the last thing one wants to know of a core that died.
    recording?.line(encodeRecordingLine({ kind: "taken", at, events }));
    const effects = this.#core.step(events, at);
    recording?.line(encodeRecordingLine({ kind: "asked", effects }));
    for (const effect of effects) this.#carryOut(effect);
    const seconds = (this.#ports.clock.nowMs() - at.nowMs) / 1000;
    this.#ports.observeSeconds(seconds);
    this.#arm();
  }

  #arm(): void {
    if (this.#closed) return;
    const dueMs = this.#core.deadlineMs();
    if (this.#deadline?.dueMs === dueMs) return;
    this.#deadline?.timer.cancel();
    this.#deadline = dueMs === undefined ? undefined : {
      dueMs,
      timer: this.#ports.clock.setTimer(dueMs, () => {
        this.#deadline = undefined;
        this.push({ kind: "deadline" });
      }),
    };
  }

  #instant(): Instant {
    const { clock } = this.#ports;
    return {
      nowMs: clock.nowMs(),
      nowIso: new Date(clock.wallMs()).toISOString(),
    };
  }

  #carryOut(effect: MainEffect): void {
    switch (effect.kind) {
      case "write":
        this.#write(effect);
        break;
      case "wire":
        this.#ports.wire.send([effect.command]);
        break;
      case "bgp":
        this.#ports.bgp?.obey(effect.command);
        break;
      case "relist": {
        const binding = this.#bindings.find(({ watched }) =>
          watched === effect.watched
        );
        if (binding !== undefined) this.#subscribe(binding);
        break;
      }
      case "follow":
        this.#follow(effect);
        break;
      case "resolve-routes":
        this.#resolve(effect);
        break;
      case "read-arp-ignore":
        this.push({
          kind: "arp-ignore",
          values: effect.links.map((link) =>
            [link, this.#ports.links.arpIgnore(link)] as const
          ),
        });
        break;
      case "ask-proxy":
        void this.#ports.proxy?.ask().then((status) =>
          this.push({
            kind: "proxy",
            ...(status === undefined ? {} : { status }),
          })
        );
        break;
      case "look-at-host":
        void this.#ports.hostPorts?.look(effect.ports).then((found) =>
          this.push({ kind: "host", look: { ports: effect.ports, ...found } })
        );
        break;
      case "make-certificate":
        void this.#ports.certificates?.make(effect.order).then((failure) =>
          this.push({
            kind: "certificate",
            ...(failure === undefined ? {} : { failure }),
          })
        );
        break;
      case "log":
        this.#ports.logs.log({
          level: effect.level,
          category: "main",
          message: effect.message,
          fields: effect.fields,
        });
        break;
      case "exit":
        this.close();
        this.#ports.exit(effect.code);
        break;
    }
  }

  #write(effect: MainEffect & { readonly kind: "write" }): void {
    const { write } = effect;
    const { method, path, contentType, body, timeoutMs } = write;
    void this.#ports.cluster.request({
      method,
      path,
      contentType,
      body,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    }).then(
      (response: ApiResponse) => {
        this.push({
          kind: "written",
          write,
          outcome: response.ok
            ? { kind: "written", object: response.value.body }
            : { kind: "failed", ...response.error },
        });
      },
    );
  }

  #resolve(
    { targets }: MainEffect & { readonly kind: "resolve-routes" },
  ): void {
    this.push({
      kind: "routes",
      routes: targets.flatMap((target) => {
        const link = this.#ports.links.routeTo(target);
        return link === undefined ? [] : [[target, link] as const];
      }),
    });
  }
}

/**
 * Makes a binding of a watch spec; the kind of news is the kind of objects.
 *
 * @param watched The kind.
 * @param spec What to watch.
 * @param news Turns an event into news of that kind.
 */
export function bindWatch<T>(
  watched: WatchNews["watched"],
  spec: WatchSpec<T>,
  news: (event: WatchEvent<T>) => WatchNews,
): WatchBinding {
  return {
    watched,
    start: (api, sink) => api.watch(spec, (event) => sink(news(event))),
  };
}

function localLink(link: LinkInfo): LocalLink {
  const { index, name, mac, up, running, prefixes, gateways } = link;
  return { index, name, mac, running: up && running, prefixes, gateways };
}
