/**
 * `foghorn speaker`: a BGP speaker without Kubernetes, for trying a router.
 *
 * It obeys lines on stdin (`speaker_lines.ts`) and tells what happens as one
 * JSON object a line on stdout. Lines that wait on stdin when it starts are
 * obeyed before it dials or accepts, so that the first table a peer gets is
 * whole.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import { formatPrefix } from "@/addr/prefix.ts";
import {
  type BgpPeerEffect,
  formatPolicyProblem,
  PolicyInForce,
  type SpeakerEffect,
  type ToldNotification,
} from "@/bgp/mod.ts";
import { BgpHost } from "@/host/bgp_host.ts";
import { DynamicPeers, memberOf } from "@/host/dynamic_peers.ts";
import { UnnumberedPeers } from "@/host/unnumbered_peers.ts";
import { SystemClock } from "@/io/clock.ts";
import { KernelLinkTable, Reactor, readStandardInput } from "@/io/ffi/mod.ts";
import { KernelRouterDiscovery } from "@/io/router_discovery.ts";
import { KernelTcp } from "@/io/tcp/mod.ts";
import { BgpSelection } from "@/node/bgp_selection.ts";
import { notificationWords } from "@/node/bgp_words.ts";
import {
  BGP_PORT,
  type BgpNode,
  type BgpPeerTerms,
  bgpPeerTerms,
} from "@/node/bgp_terms.ts";
import { sessionNextHops } from "@/node/session_next_hops.ts";
import type { LinkInfo } from "@/port/link.ts";
import type { TcpListenFailure } from "@/port/tcp.ts";
import { aggregationPools, misfitRemark } from "@/reconcile/mod.ts";
import { asOfOpen, CEASE, cease } from "@/wire/bgp/mod.ts";
import { SpeakerBfd } from "./speaker_bfd.ts";
import { SpeakerEips } from "./speaker_eips.ts";
import { parseSpeakerFile, type SpeakerFile } from "./speaker_file.ts";
import { parseSpeakerLine, type SpeakerLine } from "./speaker_lines.ts";
import { nodeAddresses } from "./speaker_links.ts";
import { rehearse } from "./speaker_rehearsal.ts";
import { readWaiting } from "./speaker_stdin.ts";
import { describeNotification, peerView, routesView } from "./speaker_views.ts";
import { UsageError } from "./usage_error.ts";

/** Flags of `foghorn speaker`. */
export interface SpeakerOptions {
  /** The file with BgpConf and BgpPeers. */
  readonly config: string;
  /** Only says whether the file is right. */
  readonly check?: boolean;
}

/** Once so long nothing more came on stdin, what waited there has been read. */
export const STDIN_PAUSE_MS = 100;

/** How long it rehearses before it looks there. */
export const REHEARSAL_MS = 100;

/** How long a shutdown waits after routes were marked as going (RFC 8326 §4). */
export const SHUTDOWN_PAUSE_MS = 1_000;

/** How long a shutdown waits for peers to take what is left. */
export const SHUTDOWN_FLUSH_MS = 2_000;

/** Bytes of a line at most. */
export const LINE_BYTES_MAX = 65_536;

/**
 * Runs until SIGTERM, Ctrl-C or the line `shutdown`.
 *
 * @param options Flags.
 * @returns The exit code.
 * @throws {UsageError} When the file is wrong.
 */
export async function runSpeaker(options: SpeakerOptions): Promise<number> {
  const file = await readFile(options.config);
  if (!file.ok) throw new UsageError(file.error.join("\n"));
  if (options.check === true) {
    tell({ kind: "checked", peers: file.value.peers.length });
    const policy = new PolicyInForce();
    policy.take(file.value.policy);
    tellRemarks(policy);
    tellFileRemarks(file.value);
    tellPeerRemarks(file.value);
    flush();
    return 0;
  }
  using reactor = new Reactor();
  using links = new KernelLinkTable(reactor);
  using tcp = new KernelTcp(reactor, new SystemClock());
  const bfd = new SpeakerBfd();
  const discovery = new KernelRouterDiscovery(reactor);
  const runner = new SpeakerRunner(options.config, file.value, {
    reactor,
    tcp,
    bfd,
    discovery,
  });
  await new Promise<void>((resolve) =>
    links.watch((all) => {
      runner.setLinks(all);
      resolve();
    })
  );
  try {
    return await runner.run();
  } finally {
    await bfd.close();
    flush();
  }
}

async function readFile(
  path: string,
): Promise<ReturnType<typeof parseSpeakerFile>> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`Cannot read ${path}: ${reason}`);
  }
  return parseSpeakerFile(text);
}

class SpeakerRunner {
  #links: readonly LinkInfo[] = [];
  readonly #path: string;
  #file: SpeakerFile;
  readonly #host: BgpHost;
  readonly #reactor: Reactor;
  readonly #tcp: KernelTcp;
  readonly #clock = new SystemClock();
  readonly #done = Promise.withResolvers<number>();
  readonly #startedMs = performance.now();
  #stopping = false;
  #rest = "";
  readonly #decoder = new TextDecoder();
  readonly #policy = new PolicyInForce();
  readonly #selection = new BgpSelection();
  readonly #eips = new SpeakerEips(this.#selection);
  readonly #unnumbered: UnnumberedPeers;
  readonly #dynamic: DynamicPeers;
  /** What follows from the routes of lines that are being obeyed. */
  readonly #untold: SpeakerEffect[] = [];
  /** What was told of the file that has no effect. */
  #remarks = "";
  /** What was told to be missing of unnumbered peers. */
  readonly #lacks = new Map<string, string | undefined>();

  constructor(
    path: string,
    file: SpeakerFile,
    { reactor, tcp, bfd, discovery }: {
      readonly reactor: Reactor;
      readonly tcp: KernelTcp;
      readonly bfd: SpeakerBfd;
      readonly discovery: KernelRouterDiscovery;
    },
  ) {
    this.#path = path;
    this.#reactor = reactor;
    this.#tcp = tcp;
    this.#file = file;
    this.#eips.set(file.eips);
    this.#host = new BgpHost({
      admit: (connection) => this.#dynamic.admit(connection),
      tellRefused: (name, { address, message }) => {
        this.#dynamic.noteRefused(name, { address, message });
        const peer = this.#labelOf(name);
        tell({ kind: "connection-refused", peer, from: address, message });
      },
      clock: this.#clock,
      tcp,
      bfd,
      tellBfd: (peer, view) =>
        tell({ kind: "bfd-state", peer: this.#labelOf(peer), ...view }),
      nextHopsOf: (local) => sessionNextHops(local, this.#links),
      tell: (peer, effect) => {
        this.#dynamic.note(peer, effect);
        this.#tell(peer, effect);
      },
      tellFailure: (peer, failure, doubt) =>
        tell({
          kind: "dial-failed",
          peer: this.#labelOf(peer),
          reason: failure.kind,
          message: failure.message,
          doubt: doubt?.reason,
          doubtMessage: doubt?.message,
        }),
    }, {
      seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 1,
      // A process cannot know whether one before it was killed; see docs/bgp.md.
      restarting: true,
    });
    this.#dynamic = new DynamicPeers(this.#host, this.#clock);
    this.#unnumbered = new UnnumberedPeers({
      clock: this.#clock,
      discovery,
      setPeer: (name, terms) => this.#setPeer(name, terms),
      removePeer: (name) =>
        this.#host.removePeer(name, cease(CEASE.peerDeconfigured)),
      isUp: (name) => this.#host.speaker.viewOf(name)?.state === "Established",
      changed: (name) => this.#tellLack(name),
    }, { seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 1 });
  }

  /** Tells which interfaces this machine has. */
  setLinks(links: readonly LinkInfo[]): void {
    this.#links = links;
    this.#host.setLinks(links);
    this.#unnumbered.setLinks(links);
  }

  /** Tells once what is missing of an unnumbered peer. */
  #tellLack(name: string): void {
    const message = this.#unnumbered.lackOf(name);
    if (this.#lacks.get(name) === message) return;
    this.#lacks.set(name, message);
    if (message === undefined) return;
    tell({ kind: "peer-missing", peer: this.#labelOf(name), message });
  }

  /** Loads what waits, listens, dials, obeys. */
  async run(): Promise<number> {
    held = [];
    // What comes meanwhile waits on stdin.
    await rehearse(this.#reactor, REHEARSAL_MS);
    const isEnded = readWaiting(STDIN_PAUSE_MS, (bytes) => this.#read(bytes));
    if (isEnded) this.#endInput();
    this.#listen();
    this.#setPeers(this.#file);
    const ports = this.#host.endpoints.map(({ address, port }) =>
      isIpv4(address) ? `${address}:${port}` : `[${address}]:${port}`
    );
    const before = held;
    held = undefined;
    const routes = this.#host.speaker.rib.size;
    tell({ kind: "ready", listening: ports, routes });
    for (const event of before) tell(event);
    const stop = (): void => void this.#shutDown("");
    const reload = (): void => void this.#reload();
    Deno.addSignalListener("SIGTERM", stop);
    Deno.addSignalListener("SIGINT", stop);
    Deno.addSignalListener("SIGHUP", reload);
    if (!isEnded) this.#obeyInput();
    try {
      return await this.#done.promise;
    } finally {
      Deno.removeSignalListener("SIGTERM", stop);
      Deno.removeSignalListener("SIGINT", stop);
      Deno.removeSignalListener("SIGHUP", reload);
      this.#unnumbered.close();
      this.#host.close();
    }
  }

  #listen(): void {
    const { listenPort = 0, listenAddresses = [] } = this.#file.conf.spec;
    if (listenPort < 0) return this.#host.ignore();
    const failures = this.#host.listen({
      port: listenPort === 0 ? BGP_PORT : listenPort,
      addresses: listenAddresses.map((address) => ({
        // The file was checked.
        address: address as IpAddr,
      })),
    });
    for (const { message } of failures) {
      tell({ kind: "listen-failed", message });
    }
  }

  #setPeers(file: SpeakerFile): void {
    const { conf, peers, policy: text, eips, remarks } = file;
    tellPeerRemarks(file);
    // Without Eips whoever wrote the lines knows what they put together.
    const pools = eips.length === 0 ? {} : { pools: aggregationPools(eips) };
    const node = this.#node();
    const policy = this.#policy;
    // The file was checked: the policy is right.
    const before = policy.remarks;
    policy.take(text);
    if (policy.remarks !== before) tellRemarks(policy);
    const selection = this.#selection;
    const told = remarks.join("\n");
    if (told !== this.#remarks) tellFileRemarks({ remarks });
    this.#remarks = told;
    for (const { meta, spec } of peers) {
      const peer = { name: meta.name, spec, policy, selection, ...pools };
      const terms = bgpPeerTerms(conf.spec, peer, node);
      if (!terms.ok) {
        tell({ kind: "peer-refused", peer: meta.name, message: terms.error });
        continue;
      }
      const { unnumbered, dynamic } = terms.value;
      if (dynamic === undefined) this.#dynamic.remove(meta.name);
      if (dynamic !== undefined) {
        this.#unnumbered.remove(meta.name);
        this.#host.removePeer(meta.name, cease(CEASE.peerDeconfigured));
        this.#tellUnset(
          meta.name,
          this.#dynamic.set(meta.name, terms.value),
        );
      } else if (unnumbered === undefined) {
        this.#unnumbered.remove(meta.name);
        this.#setPeer(meta.name, terms.value);
      } else {
        if (!this.#unnumbered.has(meta.name)) {
          // It had an address of its own.
          this.#host.removePeer(meta.name, cease(CEASE.peerDeconfigured));
        }
        this.#unnumbered.set(meta.name, terms.value, unnumbered);
      }
    }
  }

  #setPeer(name: string, terms: BgpPeerTerms): void {
    this.#tellUnset(name, this.#host.setPeer(name, terms));
  }

  #tellUnset(name: string, failures: readonly TcpListenFailure[]): void {
    for (const { message } of failures) {
      tell({ kind: "peer-failed", peer: name, message });
    }
  }

  #node(): BgpNode {
    const addresses = nodeAddresses(this.#links);
    return { name: Deno.hostname(), labels: {}, addresses };
  }

  async #reload(): Promise<void> {
    const file = await readFile(this.#path).catch((error: unknown) => ({
      ok: false as const,
      error: [error instanceof Error ? error.message : String(error)],
    }));
    if (!file.ok) {
      tell({ kind: "reload-refused", problems: file.error });
      return;
    }
    const before = this.#file;
    this.#file = file.value;
    const names = new Set(file.value.peers.map(({ meta }) => meta.name));
    for (const { meta } of before.peers) {
      if (!names.has(meta.name)) {
        this.#unnumbered.remove(meta.name);
        this.#dynamic.remove(meta.name);
        this.#lacks.delete(meta.name);
        this.#host.removePeer(meta.name, cease(CEASE.peerDeconfigured));
      }
    }
    const listens = ({ conf }: SpeakerFile): string =>
      JSON.stringify([conf.spec.listenPort, conf.spec.listenAddresses]);
    if (listens(before) !== listens(file.value)) this.#listen();
    const isMoved = this.#eips.set(file.value.eips);
    this.#selection.keep(names);
    this.#setPeers(file.value);
    if (isMoved) this.#move();
    tell({ kind: "reloaded", peers: names.size });
  }

  /** Routes may be in other Eips than before. */
  #move(): void {
    const { speaker } = this.#host;
    this.#host.run(
      [...this.#eips.moved(speaker.rib)].flatMap((route) =>
        speaker.announce(...route)
      ),
    );
  }

  /** Obeys what comes on stdin from now on. */
  #obeyInput(): void {
    const isRead = readStandardInput(this.#reactor, (bytes) => {
      if (bytes === undefined) this.#endInput();
      else this.#read(bytes);
    });
    if (isRead === undefined) void this.#obeyStream();
  }

  async #obeyStream(): Promise<void> {
    for await (const chunk of Deno.stdin.readable) this.#read(chunk);
    this.#endInput();
  }

  #read(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The last line may have no line break. */
  #endInput(): void {
    if (this.#rest !== "") this.#take("\n");
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LINE_BYTES_MAX) {
      tell({
        kind: "refused",
        message: `A line is longer than ${LINE_BYTES_MAX} bytes`,
      });
      this.#rest = "";
    }
    for (const line of lines) {
      if (line.trim() !== "") this.#obey(line);
    }
    this.#tellRoutes();
  }

  /** Tells peers of routes, of all that came together at once. */
  #tellRoutes(): void {
    if (this.#untold.length > 0) this.#host.run(this.#untold.splice(0));
  }

  #obey(line: string): void {
    const parsed = parseSpeakerLine(line);
    if (!parsed.ok) {
      tell({
        kind: "refused",
        line: line.slice(0, 200),
        message: parsed.error,
      });
      return;
    }
    const { speaker } = this.#host;
    const wanted = parsed.value;
    // Whatever is asked for comes after the routes of the lines before it.
    if (wanted.kind !== "announce" && wanted.kind !== "withdraw") {
      this.#tellRoutes();
    }
    switch (wanted.kind) {
      case "announce":
        this.#untold.push(
          ...speaker.announce(
            wanted.prefix,
            wanted.nextHop,
            wanted.attributes,
            this.#eips.eipOf(wanted.prefix),
          ),
        );
        return;
      case "withdraw":
        return this.#withdraw(line, wanted);
      case "peers":
        return tell({ kind: "peers", peers: this.#peerViews() });
      case "routes":
        return tell({ kind: "routes", ...routesView(speaker.rib) });
      case "refresh":
        return this.#refresh(line, wanted.peer);
      case "reload":
        return void this.#reload();
      case "shutdown":
        return void this.#shutDown(wanted.text);
    }
  }

  #withdraw(
    line: string,
    { prefix, which }: SpeakerLine & { readonly kind: "withdraw" },
  ): void {
    const { speaker } = this.#host;
    const effects = speaker.withdraw(prefix, which);
    if (effects === undefined) {
      tell({
        kind: "refused",
        line,
        message: which === undefined
          ? `${formatPrefix(prefix)} is not announced`
          : `${formatPrefix(prefix)} is not announced by ${which.nextHop}`,
      });
    } else this.#untold.push(...effects);
  }

  #refresh(line: string, label: string): void {
    const name = this.#nameOf(label);
    const effects = name === undefined
      ? undefined
      : this.#host.speaker.requestRefresh(name);
    if (effects === undefined) {
      tell({
        kind: "refused",
        line,
        message: name === undefined
          ? `There is no peer ${label}: peers tells which there are`
          : `${label} has no session, or cannot refresh routes`,
      });
    } else this.#host.run(effects);
  }

  async #shutDown(text: string): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const { speaker } = this.#host;
    const busy = this.#isTold();
    this.#host.run(speaker.leave());
    if (busy) await pass(SHUTDOWN_PAUSE_MS);
    await this.#flush();
    this.#unnumbered.close();
    this.#host.run(speaker.stop(text, this.#clock.nowMs()));
    this.#host.endBfd();
    await this.#flush();
    // Whoever ends before the peers have read breaks the connection, and they never do.
    this.#host.ignore();
    const endMs = performance.now() + SHUTDOWN_FLUSH_MS;
    while (this.#tcp.openCount > 0 && performance.now() < endMs) {
      // deno-lint-ignore no-await-in-loop -- nothing tells of it
      await pass(5);
    }
    tell({ kind: "stopped" });
    this.#done.resolve(0);
  }

  /** Whether any peer was told a route. */
  #isTold(): boolean {
    const { speaker } = this.#host;
    return speaker.rib.size > 0 &&
      speaker.peers.some((name) =>
        speaker.viewOf(name)?.state === "Established"
      );
  }

  async #flush(): Promise<void> {
    const endMs = performance.now() + SHUTDOWN_FLUSH_MS;
    while (!this.#host.isQuiet && performance.now() < endMs) {
      // deno-lint-ignore no-await-in-loop -- nothing tells of it
      await pass(5);
    }
  }

  #peerViews(): readonly unknown[] {
    const { speaker } = this.#host;
    const nowMs = this.#clock.nowMs();
    const missing = [...this.#unnumbered.names].flatMap((name) =>
      speaker.viewOf(name) === undefined
        ? [{
          peer: this.#labelOf(name),
          name,
          state: "Idle",
          missing: this.#unnumbered.lackOf(name),
        }]
        : []
    );
    const known = speaker.peers.flatMap((name) => {
      const view = speaker.viewOf(name);
      const last = view?.lastNotification;
      return view === undefined ? [] : [{
        peer: this.#labelOf(name),
        name,
        ...peerView(view, nowMs),
        ...this.#unnumbered.addressOf(name),
        lastError: last === undefined ? undefined : {
          direction: last.direction,
          ...describeNotification(last.notification),
          message: this.#wordsFor(name, last),
        },
        doubt: this.#host.doubtOf(name)?.message,
        bfd: this.#host.bfdOf(name),
      }];
    });
    const waited = [...this.#dynamic.names].flatMap((name) => {
      const { state, why } = this.#dynamic.viewOf(name) ?? {};
      const peer = this.#labelOf(name);
      return why === undefined ? [] : [{ peer, name, state, missing: why }];
    });
    return [...known, ...missing, ...waited];
  }

  #tell(peer: string, effect: BgpPeerEffect): void {
    const label = this.#labelOf(peer);
    switch (effect.kind) {
      case "state-changed":
        return tell({
          kind: "peer-state",
          peer: label,
          state: effect.to,
          from: effect.from,
        });
      case "notification-sent":
      case "notification-received":
        return tell({
          kind: effect.kind,
          peer: label,
          ...describeNotification(effect.notification),
          message: this.#wordsFor(peer, {
            direction: effect.kind === "notification-sent"
              ? "sent"
              : "received",
            notification: effect.notification,
          }),
        });
      case "update-malformed": {
        const { action, errors, reset, prefixes, message } = effect.update;
        return tell({
          kind: effect.kind,
          peer: label,
          action,
          fields: reset === undefined
            ? errors.map(({ field }) => field)
            : [reset.field],
          prefixes: prefixes.map(formatPrefix),
          message: message.toHex(),
        });
      }
      default:
    }
  }

  /** What a NOTIFICATION means for the operator. */
  #wordsFor(
    name: string,
    told: Pick<ToldNotification, "direction" | "notification">,
  ): string | undefined {
    const { connection } = this.#host.peers.get(name)?.speaker ?? {};
    return connection === undefined ? undefined : notificationWords(told, {
      localAs: asOfOpen(connection.open),
      peerAs: connection.expectation.peerAs,
    });
  }

  #labelOf(name: string): string {
    const peer = this.#file.peers.find(({ meta }) => meta.name === name);
    const { neighborAddress, neighborInterface } = peer?.spec.conf ?? {};
    const range = peer?.spec.dynamicNeighbors?.prefix;
    return memberOf(name)?.address ||
      (range || neighborAddress || neighborInterface || name);
  }

  #nameOf(label: string): string | undefined {
    const member = this.#host.speaker.peers.find((name) =>
      memberOf(name)?.address === label
    );
    return member ??
      this.#file.peers.find(({ meta, spec }) =>
        meta.name === label || spec.conf?.neighborAddress === label ||
        spec.conf?.neighborInterface === label
      )?.meta.name;
  }
}

/** What of the peers is not as it would be in a cluster, or as somebody may have meant it. */
function tellPeerRemarks({ peers, eips }: SpeakerFile): void {
  for (const peer of peers) {
    const { name } = peer.meta;
    const { linkBandwidth = "" } = peer.spec.advertisement ?? {};
    const remarks = eips.flatMap((eip) => misfitRemark(peer, eip) ?? [])
      .map(({ message }) => message);
    if (linkBandwidth !== "") {
      remarks.push(
        "spec.advertisement.linkBandwidth has no effect here, where there are no endpoints: announce with extended-community link-bandwidth-transitive:AS:BYTES",
      );
    }
    for (const message of remarks) {
      tell({ kind: "peer-remark", peer: name, message });
    }
  }
}

/** What of the objects has no effect. */
function tellFileRemarks({ remarks }: Pick<SpeakerFile, "remarks">): void {
  for (const message of remarks) tell({ kind: "remark", message });
}

/** What of a policy has no effect. */
function tellRemarks({ remarks }: PolicyInForce): void {
  for (const remark of remarks) {
    tell({ kind: "policy-remark", message: formatPolicyProblem(remark) });
  }
}

/** A line of output. */
type Told = Readonly<Record<string, unknown>>;

/** What is told until it is told that the speaker is ready; undefined: it was, or is not said. */
let held: Told[] | undefined;

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function tell(event: Told): void {
  if (held !== undefined) {
    held.push(event);
    return;
  }
  untold.push(event);
  // Peers come first: what is written costs as much time as a message of theirs.
  if (untold.length === 1) setImmediate(flush);
}

/** Writes what was told. */
function flush(): void {
  const events = untold.splice(0);
  if (events.length === 0) return;
  const lines = events.map((event) => `${JSON.stringify(event)}\n`);
  const bytes = new TextEncoder().encode(lines.join(""));
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

/** What was told and is to be written. */
const untold: Told[] = [];
