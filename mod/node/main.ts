/**
 * The main core of a node: everything but the wire. It keeps the tables, judges
 * Leases, plans announcements on every node and addresses on the elected one.
 *
 * One batch of events in, effects out. Time comes with the batch, answers come
 * back as events, so the whole of it runs in a simulator as it runs on a node.
 *
 * @module
 */

import { parseIpAddr } from "@/addr/ip_addr.ts";
import {
  type AgentPresence,
  type AnnouncementChange,
  Announcements,
  BgpPlanner,
  type BgpTables,
  ClusterState,
  Controller,
  earliest,
  isBgpMarked,
  isBgpWrite,
  isServiceKey,
  nodeAddressOf,
  NodeProxyDemand,
  Retirement,
  reviewAdmission,
  type RouteChange,
  type WatchedKind,
} from "@/reconcile/mod.ts";
import type { ClaimConfig, PlannedWrite } from "@/reconcile/mod.ts";
import {
  type AdmissionRequest,
  type AdmissionVerdict,
  CLUSTER_NAMESPACE,
  projectService,
  WIRE_KEY_SECRET_NAME,
} from "@/api/mod.ts";
import { poolUsableSize, statusCount } from "@/ipam/mod.ts";
import type {
  Instant,
  MainEffect,
  MainEvent,
  NamedNews,
  NewsKind,
  WatchNews,
} from "./main_events.ts";
import {
  AdmissionKeeper,
  CERTIFICATE_ATTEMPT,
  isAdmissionWrite,
} from "./admission_keeper.ts";
import type { BgpReport } from "./bgp_commands.ts";
import { SpeakerKeeper } from "./speaker_keeper.ts";
import { isOfSpeaker } from "./speaker_status.ts";
import type { WireReport } from "./wire_messages.ts";
import {
  AnnouncedConditions,
  type AnnouncedInput,
  isOfAnnounced,
} from "./announced_conditions.ts";
import { takeNews } from "./bgp_feed.ts";
import { BgpNamed } from "./bgp_references.ts";
import { ClusterFeed } from "./cluster_feed.ts";
import { type AgentRole, Membership } from "./membership.ts";
import {
  type MissingRight,
  MissingRights,
  missingRightSentence,
} from "./missing_rights.ts";
import { type HostFacts, IPVS_LINKS, PortLook } from "./port_look.ts";
import { ProxyHealth, type ProxyState } from "./proxy_health.ts";
import { OwnerLedger } from "./owner_ledger.ts";
import { InstallHold } from "./install_hold.ts";
import { LocalView } from "./local_view.ts";
import { Outbox } from "./outbox.ts";
import { UnheardWatch } from "./unheard.ts";
import { Unreadable, type UnreadableObject } from "./unreadable.ts";
import { Upcoming } from "./upcoming.ts";
import { Pings } from "./pings.ts";
import { WireFeed } from "./wire_feed.ts";
import { type KeyNews, WireIdentity } from "./wire_identity.ts";
import { NEWS_KINDS, WATCHED_KINDS, Watches } from "./watches.ts";

/** What a node is told at birth. */
export interface MainConfig {
  /** Name of the Node. */
  readonly node: string;
  /** The machine and its network namespace since boot; without `_`. */
  readonly machine: string;
  /** Unique to this process on that machine; without `_`. */
  readonly incarnation: string;
  /** Namespace of our own objects. */
  readonly namespace: string;
  /** What it does; both when absent. */
  readonly role?: AgentRole;
  /** Name of the ClusterRoleBinding it was installed with; absent: it was not installed by one. */
  readonly installation?: string;
  /** How Services are chosen. */
  readonly claim: ClaimConfig;
  /** Whether the health of kube-proxy is asked for; not when absent. */
  readonly asksProxy?: boolean;
  /** Whether the webhook is served, so that it needs a certificate; not when absent. */
  readonly servesAdmission?: boolean;
  /** Where all chance starts. */
  readonly seed: number;
}

/** How far a shutdown is. */
type Phase =
  | { readonly kind: "running" }
  /** Others take over while we go on answering. */
  | { readonly kind: "leaving"; readonly untilMs: number }
  /** Nothing is answered any more; Leases are given back. */
  | { readonly kind: "releasing"; readonly untilMs: number }
  /** The installation may be going: our marks are taken off. */
  | { readonly kind: "tidying"; readonly untilMs: number }
  | { readonly kind: "gone" };

/** The main core of one node. */
export class MainCore {
  readonly #config: MainConfig;
  readonly #cluster = new ClusterState();
  readonly #news = new ClusterFeed(this.#cluster);
  readonly #watches = new Watches();
  readonly #unreadable = new Unreadable();
  readonly #rights = new MissingRights();
  readonly #announcements: Announcements;
  /** The routes, and the speaker that announces them. */
  readonly #speaker: SpeakerKeeper;
  readonly #membership: Membership;
  readonly #local: LocalView;
  readonly #owners: OwnerLedger;
  readonly #feed = new WireFeed();
  readonly #pings = new Pings();
  readonly #identity = new WireIdentity();
  readonly #unheard = new UnheardWatch();
  readonly #upcoming: Upcoming;
  readonly #proxy: ProxyHealth;
  /** The ports that NodeProxy wants of nodes, and what this one tells of them. */
  readonly #demand: NodeProxyDemand;
  readonly #ports = new PortLook();
  readonly #announced: AnnouncedConditions;
  readonly #hold: InstallHold;
  /** What takes our marks off, once the installation goes. */
  #retirement: Retirement | undefined;
  #retireDueMs: number | undefined;
  /** When to look at everything again if nothing happens. */
  #othersDueMs: number | undefined = 0;
  /** Whether anything may follow from the event that was taken last. */
  #isNews = true;
  readonly #bgpTables: BgpTables = { bgpconf: new Map(), bgppeer: new Map() };
  /** The ConfigMap and the Secrets that they name. */
  readonly #named: BgpNamed;
  #isNamedDirty = false;
  /** What was told of the policy. */
  #policyProblem: string | undefined;
  /** The webhook's certificate; undefined where no webhook is served. */
  readonly #admission: AdmissionKeeper | undefined;
  #controller: Controller | undefined;
  /** Together with the controller. */
  #bgp: BgpPlanner | undefined;
  /** The controller's writes. */
  readonly #outbox = new Outbox();
  /** Events of this node. */
  readonly #sayings = new Outbox();
  /** Writes of objects without an answer, also those of an earlier controller. */
  #unanswered = 0;
  #hasResigned = false;
  /** Whether this agent was the controller when it was told to end. */
  #ledAtTheEnd = false;
  #tidyUntilMs = 0;
  /** Whether the controller planned in the last step: else its deadlines are of no use. */
  #controls = false;
  /** Kinds still to be listed afresh before a new leader decides anything. */
  #relisting: Set<WatchedKind> | undefined;
  #phase: Phase = { kind: "running" };
  /** Whether others answer on the links for what this node answered for. */
  #hasWireLeft = false;
  #effects: MainEffect[] = [];
  /** The other agent of this node's name that was told of. */
  #duplicate: string | undefined;

  /** The core of a node that knows nothing yet. */
  constructor(config: MainConfig) {
    this.#config = config;
    this.#announcements = new Announcements(config.node, config.claim);
    this.#named = new BgpNamed(config.namespace);
    this.#speaker = new SpeakerKeeper(config.node, {
      named: this.#named,
      index: this.#announcements.index,
      tables: this.#bgpTables,
      seed: config.seed,
    });
    this.#membership = new Membership(config);
    this.#local = new LocalView(config.node);
    this.#owners = new OwnerLedger(config.node);
    this.#upcoming = new Upcoming(config.node);
    this.#proxy = new ProxyHealth(config.asksProxy ?? false);
    this.#demand = new NodeProxyDemand(config.claim);
    this.#announced = new AnnouncedConditions(config.node, config.seed);
    this.#hold = new InstallHold(config.installation);
    this.#admission = config.servesAdmission === true
      ? new AdmissionKeeper(config.namespace)
      : undefined;
  }

  /**
   * Takes a batch of events, then looks once at everything that changed.
   *
   * @param events What happened, in order.
   * @param at The time.
   * @returns What is asked of the outside, in order.
   */
  step(events: readonly MainEvent[], at: Instant): readonly MainEffect[] {
    let isQuiet = this.#phase.kind === "running" &&
      at.nowMs < (this.#othersDueMs ?? Infinity);
    for (const event of events) {
      this.#isNews = true;
      this.#take(event, at);
      isQuiet &&= !this.#isNews;
    }
    if (!isQuiet || !this.#settleQuietly(at)) {
      this.#settle(at);
      this.#othersDueMs = this.#othersDeadlineMs();
      this.#membership.takeStirred(at);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When to step again although nothing happened, or undefined. */
  deadlineMs(): number | undefined {
    return earliest([
      this.#membership.deadlineMs(),
      this.#proxy.deadlineMs(),
      this.#othersDueMs,
    ]);
  }

  /** When to look at everything again: it holds until that was done. */
  #othersDeadlineMs(): number | undefined {
    return earliest([
      this.#controls ? this.#controller?.deadlineMs() : undefined,
      this.#controls ? this.#bgp?.deadlineMs() : undefined,
      this.#admission?.deadlineMs(),
      this.#local.deadlineMs(),
      this.#news.deadlineMs(),
      this.#identity.deadlineMs(),
      this.#ports.deadlineMs(),
      this.#unheard.deadlineMs(),
      this.#upcoming.deadlineMs(),
      this.#owners.deadlineMs(),
      this.#announced.deadlineMs(),
      this.#speaker.deadlineMs(),
      this.#hold.deadlineMs(),
      this.#retireDueMs,
      "untilMs" in this.#phase ? this.#phase.untilMs : undefined,
    ]);
  }

  /** The read-only state, for health, metrics and status. */
  get view(): MainView {
    return {
      node: this.#config.node,
      role: this.#config.role ?? "both",
      isLeader: this.#controller !== undefined,
      watches: this.#watches,
      unreadable: this.#unreadable.objects,
      rights: this.#rights,
      membership: this.#membership,
      owners: this.#owners,
      local: this.#local,
      announcements: this.#announcements,
      speaker: this.#speaker,
      bgp: this.#bgpTables,
      cluster: this.#cluster,
      isSigned: this.#identity.isSigned,
      proxy: this.#proxy.state,
      controller: this.#controller,
      admission: this.#admission,
      review: (request) => this.#review(request),
      pools: () => poolsOf(this.#controller),
      servicesOf: (eip) => servicesOf(this.#controller, eip),
    };
  }

  #take(event: MainEvent, at: Instant): void {
    switch (event.kind) {
      case "watch":
        this.#takeNews(event, at);
        break;
      case "named":
        this.#takeNamed(event, at);
        break;
      case "links":
        this.#local.setLinks(event.links);
        break;
      case "routes":
        this.#local.setRoutes(event.routes);
        break;
      case "arp-ignore":
        this.#local.setArpIgnore(event.values);
        break;
      case "wire":
        this.#owners.take(event.report, at);
        this.#announced.take(event.report, at);
        // They are for metrics.
        this.#isNews = event.report.kind !== "counters";
        if (event.report.kind === "left") {
          this.#hasWireLeft = true;
          this.#isLeft(at);
        }
        if (event.report.kind === "paused") {
          this.#rights.notePause(event.report.gapMs, at);
          this.#tellPause(event.report);
        } else if (event.report.kind === "ping-failed") {
          this.#tellPingFailed(event.report);
        }
        break;
      case "bgp":
        this.#takeSpeaker(event.report, at);
        break;
      case "proxy":
        this.#isNews = this.#takeProxy(event.status);
        break;
      case "host":
        this.#ports.take(event.look, this.#hostFacts(), at);
        break;
      case "written":
        this.#takeAnswer(event, at);
        break;
      case "certificate":
        this.#takeCertificate(event.failure, at);
        break;
      case "shutdown":
        this.#shutDown(at);
        break;
      case "deadline":
        break;
    }
  }

  #takeNews(event: WatchNews, at: Instant): void {
    const { watched, news } = event;
    this.#watches.take(watched, news, at);
    this.#unreadable.take(event);
    this.#tellMissing(this.#rights.takeNews(watched, news, at));
    if (news.kind === "lost" && news.isAgain !== true) {
      this.#log("warning", "Watch lost", { watched, reason: news.reason });
    }
    if (news.kind === "unprojectable") {
      this.#log("warning", "Object cannot be read", {
        watched,
        key: news.key,
        reason: news.reason,
      });
    }
    switch (event.watched) {
      case "secret":
        this.#tellKey(this.#identity.take(event.news));
        return;
      case "certificate":
        this.#admission?.take(event.news);
        return;
      case "bgpconf":
        if (takeNews(this.#bgpTables.bgpconf, event.news)) this.#noteBgp();
        return;
      case "bgppeer":
        if (takeNews(this.#bgpTables.bgppeer, event.news)) this.#noteBgp();
        return;
      case "lease":
        this.#membership.news(event.news, at);
        if (news.kind === "changed") {
          this.#isNews = this.#membership.takeStirred(at);
        }
        break;
      default:
        if (this.#news.take(event, at) !== "behind") break;
        this.#log("warning", "List is older than what is known, asking again", {
          watched,
        });
        return;
    }
    if (news.kind === "listed") this.#relisted(event.watched);
  }

  /** Takes what is told of an object that a BgpConf or a BgpPeer names. */
  #takeNamed(event: NamedNews, at: Instant): void {
    const { watched, name, news } = event;
    this.#tellMissing(this.#rights.takeNews(`${watched}/${name}`, news, at));
    const isLost = news.kind === "lost" && news.isAgain !== true;
    if (isLost || news.kind === "unprojectable") {
      const message = isLost ? "Watch lost" : "Object cannot be read";
      const { reason } = news;
      this.#log("warning", message, { watched, key: name, reason });
    }
    const resource = watched === "policy" ? "configmaps" : "secrets";
    const isRefused = this.#rights.missing(at).some((right) =>
      right.resource === resource
    );
    if (this.#named.take(event, isRefused)) this.#noteBgp();
  }

  /** What the webhook answers; undefined: too little is known yet. */
  #review(request: AdmissionRequest): AdmissionVerdict | undefined {
    if (!this.#watches.allListed()) return undefined;
    const { eips, services, nodes } = this.#cluster;
    const { bgppeer: bgpPeers, bgpconf: bgpConfs } = this.#bgpTables;
    const bgp = { bgpPeers, bgpConfs };
    return reviewAdmission(request, { eips, services, nodes, ...bgp });
  }

  #takeCertificate(
    failure: { readonly reason: string; readonly message: string } | undefined,
    at: Instant,
  ): void {
    this.#admission?.ordered(at);
    const refused = this.#rights.takeAnswer(
      CERTIFICATE_ATTEMPT,
      failure?.message,
      at,
    );
    if (refused !== undefined) this.#tellMissing(refused.fresh);
    else if (failure !== undefined) {
      this.#log("warning", "The webhook's certificate could not be stored", {
        reason: failure.reason,
        error: failure.message,
      });
    }
  }

  /** Takes an answer of the health port; whether the judgement changed. */
  #takeProxy(status: number | undefined): boolean {
    if (!this.#proxy.take(status)) return false;
    const isUnfit = this.#proxy.state === "unhealthy";
    this.#local.setUnfit(isUnfit ? this.#proxy.answer : undefined);
    if (isUnfit) {
      this.#log(
        "warning",
        "kube-proxy is not healthy: other nodes are to answer instead of this one",
        { healthPort: this.#proxy.answer },
      );
    } else {
      this.#log("info", "kube-proxy is healthy", {});
    }
    return true;
  }

  /** What is known of this host beside what is looked for on it. */
  #hostFacts(): HostFacts {
    const node = this.#cluster.nodes.get(this.#config.node);
    return {
      addresses: new Set(
        (node?.addresses ?? []).flatMap(({ address }) =>
          parseIpAddr(address) ?? []
        ),
      ),
      hasIpvsLink: IPVS_LINKS.some((name) =>
        this.#local.link(name) !== undefined
      ),
    };
  }

  #relisted(watched: WatchedKind): void {
    if (this.#relisting === undefined) return;
    this.#relisting.delete(watched);
  }

  #takeAnswer(
    event: MainEvent & { readonly kind: "written" },
    at: Instant,
  ): void {
    const { write, outcome } = event;
    if (isOfController(write)) this.#unanswered--;
    this.#outbox.answered(write);
    this.#sayings.answered(write);
    const failure = outcome.kind === "failed" && !isRace(outcome.reason)
      ? outcome
      : undefined;
    const refused = this.#rights.takeAnswer(
      attemptOf(write),
      // What is looked for and not found was let through.
      failure?.reason === "not-found" ? undefined : failure?.message,
      at,
    );
    const isUnwanted = write.method === "GET" &&
      failure?.reason === "not-found";
    // One line for the right, not one for each write that wants it.
    if (refused !== undefined) this.#tellMissing(refused.fresh);
    // Whoever runs without that binding finds none.
    else if (
      failure !== undefined && !isUnwanted && !isAbsentInstall(write, failure)
    ) {
      this.#log("warning", "Write failed", {
        write: write.id,
        reason: failure.reason,
        error: failure.message,
      });
    }
    if (write.id.startsWith("lease")) {
      this.#membership.written(write, outcome, at);
      this.#isNews = outcome.kind === "failed" ||
        this.#membership.takeStirred(at);
    } else if (isOfAnnounced(write)) {
      const service = outcome.kind === "written"
        ? projectService(outcome.object)
        : undefined;
      if (service?.ok === true) this.#cluster.putServiceReply(service.value);
      this.#announced.written(write, outcome, at);
    } else if (write.id.startsWith("install")) {
      this.#hold.written(write, outcome, at);
    } else if (isAdmissionWrite(write)) {
      this.#admission?.written(write, outcome, at);
    } else if (isOfSpeaker(write)) this.#speaker.written(write, outcome, at);
    else if (isBgpWrite(write)) this.#bgp?.written(write, outcome, at);
    else this.#controller?.written(write, outcome, at);
  }

  /**
   * Does what an agent at rest does every other second: renews its Lease, asks
   * the health port.
   *
   * @param at The time.
   * @returns False when Leases have brought something that more may follow from.
   */
  #settleQuietly(at: Instant): boolean {
    const dueMs = this.#membership.deadlineMs() ?? Infinity;
    if (dueMs <= at.nowMs) {
      this.#membership.settle(at);
      if (this.#membership.takeStirred(at)) return false;
    }
    for (const write of this.#membership.takeWrites()) this.#write(write);
    this.#askProxy(at);
    return true;
  }

  #askProxy(at: Instant): void {
    if (this.#proxy.takeAsk(at)) this.#effects.push({ kind: "ask-proxy" });
  }

  #settle(at: Instant): void {
    if (this.#phase.kind === "gone") return;
    this.#resignIfDone();
    this.#membership.setNodeUid(
      this.#cluster.nodes.get(this.#config.node)?.meta.uid,
    );
    this.#membership.settle(at);
    if (this.#membership.takeSetBack()) this.#startOver();
    this.#takeRole();
    for (const agent of this.#membership.takeChangedAgents()) {
      if (agent.record === undefined) this.#cluster.removeAgent(agent.node);
      else this.#cluster.putAgent(agent.record);
    }
    for (const watched of this.#news.takeRelists(at)) {
      this.#effects.push({ kind: "relist", watched });
    }
    const changes = this.#cluster.takeChanges();
    if (changes.some(({ kind }) => kind === "eip")) {
      this.#local.setEips(this.#cluster.eips.values());
      this.#speaker.setEips(this.#cluster.eips.values());
    }
    this.#local.setNodeAddress(
      nodeAddressOf(this.#cluster.nodes.get(this.#config.node)),
    );
    this.#announcements.note(this.#cluster, changes);
    this.#upcoming.note(this.#cluster, changes);
    this.#demand.note(this.#cluster, changes);
    this.#controller?.note(changes, at);
    if (changes.some(({ kind }) => kind === "node")) this.#noteBgp();
    if (changes.some(({ kind }) => kind === "eip" || kind === "service")) {
      this.#bgp?.noteCluster();
    }
    this.#lookAtNamed();
    const isListed = this.#watches.allListed();
    const change = isListed ? this.#announce(at) : undefined;
    if (isListed) this.#publish(at);
    const routes = isListed ? this.#speaker.plan(this.#cluster) : undefined;
    if (routes !== undefined) this.#speak(routes, at);
    this.#controls = false;
    const isStaying = this.#hold.state === "stays";
    if (this.#phase.kind === "running" && isStaying) this.#control(at);
    this.#tendInstallation(at);
    if (change !== undefined && routes !== undefined && isStaying) {
      this.#tellAnnounced({ changes, change, routes }, at);
    }
    for (const write of this.#speaker.writes(at)) this.#write(write);
    this.#keepCertificate(at);
    this.#membership.settle(at);
    for (const write of this.#membership.takeWrites()) this.#write(write);
    this.#tellDuplicate();
    this.#askProxy(at);
    this.#advanceShutdown(at);
  }

  /** Begins or ends to be the controller. */
  #takeRole(): void {
    const role = this.#membership.takeRole();
    if (role === undefined) return;
    this.#log("info", "Controller role changed", { leader: role === "leader" });
    this.#controller = undefined;
    this.#bgp = undefined;
    this.#isNamedDirty = true;
    this.#outbox.clear();
    this.#relisting = undefined;
    // What the leader before us wrote last may not have reached our watch yet:
    // nothing is decided before fresh lists.
    if (role !== "leader") return;
    this.#relisting = new Set(RELISTED_BY_LEADER);
    this.#relist(RELISTED_BY_LEADER);
  }

  /** Begins again from what there is: what was seen belongs to a history that is no more. */
  #startOver(): void {
    this.#log(
      "warning",
      "The cluster was set back to an earlier state, listing all again",
      {},
    );
    const leads = this.#controller !== undefined ||
      this.#relisting !== undefined;
    this.#controller = undefined;
    this.#bgp = undefined;
    this.#isNamedDirty = true;
    this.#outbox.clear();
    this.#relisting = leads ? new Set(WATCHED_KINDS) : undefined;
    this.#news.believeNextLists();
    this.#relist(NEWS_KINDS);
    this.#effects.push(...this.#named.again());
  }

  #relist(kinds: readonly NewsKind[]): void {
    for (const watched of kinds) {
      this.#effects.push({ kind: "relist", watched });
    }
  }

  #control(at: Instant): void {
    if (
      this.#controller === undefined && this.#relisting?.size === 0 &&
      this.#watches.allListed() && this.#unanswered === 0
    ) {
      this.#relisting = undefined;
      this.#controller = new Controller(this.#cluster, {
        claim: this.#config.claim,
        node: this.#config.node,
        seed: this.#config.seed,
      });
      this.#bgp = new BgpPlanner(
        this.#bgpTables,
        this.#cluster.nodes,
        this.#config.seed,
        this.#named,
        this.#cluster,
      );
      this.#isNamedDirty = true;
      this.#lookAtNamed();
    }
    this.#controls = this.#controller !== undefined &&
      this.#membership.mayLead(at);
    if (!this.#controls || this.#controller === undefined) return;
    // None may take effect when another one could decide already.
    const timeoutMs = Math.min(
      WRITE_TIMEOUT_MAX_MS,
      this.#membership.leadsForMs(at),
    );
    if (
      this.#controller.wantsPresence || this.#bgpTables.bgppeer.size > 0
    ) {
      const presence = presenceOf(this.#membership.nodeViews(at));
      if (this.#controller.wantsPresence) {
        this.#controller.setPresence(presence);
      }
      if (this.#membership.isFresh(at)) this.#bgp?.setPresence(presence);
    }
    this.#outbox.put(this.#controller.plan(at));
    this.#outbox.put(this.#bgp?.plan(at) ?? []);
    for (const write of this.#outbox.take()) {
      if (isOfController(write)) this.#unanswered++;
      this.#write({ ...write, timeoutMs });
    }
    for (const watched of this.#controller.takeDoubts()) {
      this.#log("warning", "A write was answered but is not to be seen", {
        watched,
      });
      this.#effects.push({ kind: "relist", watched });
    }
  }

  /** Holds the installation while something would be left behind, and takes our marks off when it goes. */
  #tendInstallation(at: Instant): void {
    const allocator = this.#controller?.allocator;
    const needs = {
      leads: this.#controls || this.#ledAtTheEnd,
      // Who does not give addresses out any more does not know.
      hasMarks: allocator &&
        (isBgpMarked(this.#bgpTables) ||
          allocator.pools().some(({ name }) =>
            (allocator.usage(name)?.used ?? 0) > 0
          )),
    };
    for (const write of this.#hold.plan(needs, at)) this.#write(write);
    if (this.#hold.state === "goes" && this.#watches.allListed()) {
      this.#retire(at);
    }
  }

  #retire(at: Instant): void {
    if (this.#retirement === undefined) {
      this.#log(
        "warning",
        "This installation is being deleted: finalizers and labels are taken off, addresses stay in the statuses",
        { clusterRoleBinding: this.#config.installation },
      );
      this.#retirement = new Retirement();
      this.#controller = undefined;
      this.#outbox.clear();
    }
    if ((this.#retireDueMs ?? 0) <= at.nowMs) {
      this.#retireDueMs = at.nowMs + RETIRE_INTERVAL_MS;
      this.#outbox.put(
        this.#retirement.plan(this.#cluster, this.#bgpTables, at),
      );
    }
    for (const write of this.#outbox.take()) {
      if (isOfController(write)) this.#unanswered++;
      this.#write(write);
    }
    if (this.#unanswered > 0) return;
    if (!this.#retirement.isDone(this.#cluster, this.#bgpTables)) return;
    const writes = this.#hold.release();
    for (const write of writes) this.#write(write);
    if (writes.length > 0) this.#retireDueMs = undefined;
  }

  /** Writes who answers for Services, where that is another one than before. */
  #tellAnnounced(
    changed: Pick<AnnouncedInput, "changes" | "change" | "routes">,
    at: Instant,
  ): void {
    const writes = this.#announced.plan({
      cluster: this.#cluster,
      announcements: this.#announcements,
      ...changed,
      leads: this.#controls,
    }, at);
    for (const write of writes) this.#write(write);
  }

  /** Keeps the webhook's certificate, where this agent is the controller. */
  #keepCertificate(at: Instant): void {
    const orders = this.#admission?.look(this.#controls, at);
    if (orders === undefined) return;
    for (const write of orders.writes) this.#write(write);
    if (orders.order === undefined) return;
    this.#log("info", "Making a certificate for the webhook", {
      why: orders.why,
    });
    this.#effects.push({ kind: "make-certificate", order: orders.order });
  }

  #announce(at: Instant): AnnouncementChange {
    const change = this.#announcements.plan(this.#cluster);
    this.#upcoming.noteVips(change);
    // Without a link nothing is answered.
    const links = this.#membership.isAdmitted
      ? this.#local.links(this.#announcements)
      : [];
    this.#owners.keepLinks(links);
    this.#identity.setUid(
      this.#cluster.namespaces.get(CLUSTER_NAMESPACE)?.meta.uid,
      at,
    );
    const nodes = this.#membership.nodeViews(at);
    const commands = this.#feed.commands({
      cluster: this.#identity.cluster(at),
      frozen: !this.#membership.hasLease(at),
      change,
      links,
      nodes,
      pings: this.#pings.look(this.#announcements, this.#local.addresses),
      targets: this.#upcoming.look({
        cluster: this.#cluster,
        announcements: this.#announcements,
        nodes,
        foreign: this.#owners.foreign,
        foreignVersion: this.#owners.conflictsVersion,
      }, at),
    });
    for (const command of commands) {
      this.#effects.push({ kind: "wire", command });
    }
    this.#sayings.put(
      this.#owners.events(this.#announcements, this.#cluster, at),
    );
    for (const write of this.#sayings.take()) this.#write(write);
    return change;
  }

  #noteBgp(): void {
    this.#isNamedDirty = true;
    this.#bgp?.note();
    this.#speaker.note();
  }

  /** Watches what BgpConf and BgpPeers name, and tells of a policy that is wrong. */
  #lookAtNamed(): void {
    if (!this.#isNamedDirty) return;
    this.#isNamedDirty = false;
    const { effects, ended } = this.#named.look({
      tables: this.#bgpTables,
      node: this.#config.role === "controller"
        ? undefined
        : this.#cluster.nodes.get(this.#config.node),
      isController: this.#bgp !== undefined,
    });
    this.#effects.push(...effects);
    for (const one of ended) this.#rights.forget(one);
    const problem = this.#named.confProblem()?.message;
    if (problem === this.#policyProblem) return;
    this.#policyProblem = problem;
    if (problem === undefined) this.#log("info", "BGP policy is in force", {});
    else {
      this.#log("warning", "BGP policy cannot be used", { remedy: problem });
    }
  }

  /** Tells the BGP speaker what it has to do. */
  #speak(routes: RouteChange, at: Instant): void {
    const isSilent = this.#config.role === "controller" ||
      this.#phase.kind !== "running";
    if (isSilent) return;
    const { isAdmitted } = this.#membership;
    const commands = this.#speaker.commands(this.#cluster, routes, {
      isAdmitted,
      views: this.#membership.nodeViews(at),
    });
    for (const command of commands) {
      this.#effects.push({ kind: "bgp", command });
    }
    for (const { peer, message } of this.#speaker.takeRefusals()) {
      this.#log("warning", "BGP cannot be spoken as it is configured", {
        ...(peer === undefined ? {} : { peer }),
        remedy: message,
      });
    }
  }

  #takeSpeaker(report: BgpReport, at: Instant): void {
    const news = this.#speaker.take(report, at);
    if (news !== undefined) this.#log(news.level, news.message, news.fields);
    if (news?.event !== undefined) this.#sayings.put([news.event]);
    if (report.kind === "left") this.#isLeft(at);
  }

  /** Finds out what others must know of this node, and puts it into its Lease. */
  #publish(at: Instant): void {
    const { eips } = this.#cluster;
    const asked = this.#local.questions(eips.values(), this.#announcements, at);
    if (asked.targets !== undefined) {
      this.#effects.push({ kind: "resolve-routes", targets: asked.targets });
    }
    if (asked.arpIgnoreLinks !== undefined) {
      this.#effects.push({
        kind: "read-arp-ignore",
        links: asked.arpIgnoreLinks,
      });
    }
    this.#listen(at);
    // One that has no Lease could not tell.
    if (this.#config.role !== "controller") {
      this.#ports.want(this.#demand.ports, at);
    }
    this.#local.setNodeProxy(this.#ports.told);
    this.#local.setBgpRouters(this.#speaker.routers);
    const ports = this.#ports.takeAsk(at);
    if (ports !== undefined) {
      this.#effects.push({ kind: "look-at-host", ports });
    }
    this.#membership.publish(
      this.#local.published(this.#announcements, this.#owners),
    );
  }

  /** Finds out who should be heard on the links and is not. */
  #listen(at: Instant): void {
    if (!this.#unheard.isDue(at)) return;
    const { heard } = this.#owners;
    const views = new Map(
      this.#membership.nodeViews(at).map((view) => [view.node, view]),
    );
    this.#local.setUnheard(this.#unheard.look({
      node: this.#config.node,
      links: [...heard.keys()].flatMap((name) => {
        const link = this.#local.link(name);
        return link?.running === true ? [link] : [];
      }),
      pools: this.#local.pools(this.#announcements),
      agents: this.#cluster.agents.values(),
      nodeAddressOf: (node) => nodeAddressOf(this.#cluster.nodes.get(node)),
      isLive: (node) => {
        const view = views.get(node);
        return view !== undefined && view.live && !view.leaving;
      },
      fellows: new Map(
        [...heard].map(([link, { fellows }]) => [link, fellows]),
      ),
    }, at));
  }

  #tellPause({ gapMs }: Extract<WireReport, { kind: "paused" }>): void {
    this.#log(
      "info",
      "Did not run for a while: what was asked meanwhile is not answered",
      { gapMs: Math.round(gapMs) },
    );
  }

  #tellPingFailed(
    { link, message }: Extract<WireReport, { kind: "ping-failed" }>,
  ): void {
    this.#log("warning", "Ping is not answered on a link", { link, message });
  }

  #tellKey(news: KeyNews | undefined): void {
    if (news?.kind === "unusable") {
      this.#log(
        "error",
        "The key of the agents' frames cannot be used, the last good one stays",
        { secret: WIRE_KEY_SECRET_NAME, remedy: news.problem },
      );
    } else if (news?.kind === "changed") {
      this.#log("info", "The key of the agents' frames changed", {
        signed: news.signed,
      });
    }
  }

  #tellMissing(right: MissingRight | undefined): void {
    if (right === undefined) return;
    this.#log("error", "A right in Kubernetes is missing", {
      verb: right.verb,
      resource: right.resource,
      remedy: missingRightSentence(right),
    });
  }

  #tellDuplicate(): void {
    const { duplicate } = this.#membership;
    if (duplicate === this.#duplicate) return;
    this.#duplicate = duplicate;
    if (duplicate === undefined) {
      this.#log("info", "No other agent runs under this node's name", {});
    } else {
      this.#log(
        "warning",
        "Another agent runs under this node's name: this one answers for nothing until it ends",
        { node: this.#config.node, holderIdentity: duplicate },
      );
    }
  }

  #write(write: PlannedWrite): void {
    this.#effects.push({ kind: "write", write });
  }

  #shutDown(at: Instant): void {
    if (this.#phase.kind !== "running") return;
    this.#log("info", "Shutting down", {});
    this.#ledAtTheEnd = this.#controls;
    this.#tidyUntilMs = at.nowMs + TIDYING_MAX_MS;
    this.#hold.askSoon(at);
    this.#phase = { kind: "leaving", untilMs: at.nowMs + LEAVING_MAX_MS };
    this.#membership.leave();
    this.#effects.push({ kind: "wire", command: { kind: "leave" } });
    const command = this.#speaker.leave();
    if (command !== undefined) this.#effects.push({ kind: "bgp", command });
  }

  /**
   * Lets another one be the controller, once what this one has sent is answered:
   * the next knows nothing of an address that is on its way.
   */
  #resignIfDone(): void {
    if (this.#phase.kind === "running" || this.#hasResigned) return;
    if (this.#unanswered > 0) return;
    this.#hasResigned = true;
    this.#membership.resign();
  }

  /** Goes on once others have taken over, on the links and at the routers. */
  #isLeft(at: Instant): void {
    if (this.#hasWireLeft && this.#speaker.isLeft) this.#release(at);
  }

  #release(at: Instant): void {
    if (this.#phase.kind !== "leaving") return;
    this.#phase = { kind: "releasing", untilMs: at.nowMs + RELEASING_MAX_MS };
    this.#membership.release();
  }

  #advanceShutdown(at: Instant): void {
    const phase = this.#phase;
    if (phase.kind === "leaving" && phase.untilMs <= at.nowMs) {
      this.#effects.push({ kind: "wire", command: { kind: "stop" } });
      this.#release(at);
      this.#membership.settle(at);
      for (const write of this.#membership.takeWrites()) this.#write(write);
    } else if (
      phase.kind === "releasing" &&
      (phase.untilMs <= at.nowMs || this.#membership.isReleased())
    ) {
      this.#phase = { kind: "tidying", untilMs: this.#tidyUntilMs };
    }
    if (
      this.#phase.kind === "tidying" &&
      (this.#phase.untilMs <= at.nowMs || !this.#hold.isBusy)
    ) {
      this.#phase = { kind: "gone" };
      this.#effects.push({ kind: "exit", code: 0 });
    }
  }

  #log(
    level: "info" | "warning" | "error",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    this.#effects.push({ kind: "log", level, message, fields });
  }
}

/** How agents do by their Leases. */
export function presenceOf(
  agents: Iterable<{
    readonly node: string;
    readonly live: boolean;
    readonly leaving: boolean;
  }>,
): ReadonlyMap<string, AgentPresence> {
  const presence = new Map<string, AgentPresence>();
  for (const { node, live, leaving } of agents) {
    presence.set(node, leaving ? "leaving" : live ? "live" : "silent");
  }
  return presence;
}

/** Whether a write is about an object that the controller decides on. */
function isOfController({ id }: PlannedWrite): boolean {
  return id.startsWith("service/") || id.startsWith("eip");
}

function isAbsentInstall(
  { id }: PlannedWrite,
  { reason }: { readonly reason: string },
): boolean {
  return id.startsWith("install") && reason === "not-found";
}

/** What a write tries: those with the same text need the same right. */
function attemptOf({ id, method }: PlannedWrite): string {
  return `${method} ${id.split("/", 1)}`;
}

/** Whether a write failed because another was first: it is planned again on newer data. */
function isRace(reason: string): boolean {
  return reason === "conflict" || reason === "already-exists";
}

/** The read-only state of a main core. */
export interface MainView {
  /** Name of the Node. */
  readonly node: string;
  /** What it does. */
  readonly role: AgentRole;
  /** Whether this agent gives out addresses. */
  readonly isLeader: boolean;
  /** The watches. */
  readonly watches: Watches;
  /** Objects that are there and are passed over. */
  readonly unreadable: readonly UnreadableObject[];
  /** Rights that the API server refused. */
  readonly rights: MissingRights;
  /** Leases. */
  readonly membership: Membership;
  /** What this node answers for. */
  readonly owners: OwnerLedger;
  /** This node's interfaces. */
  readonly local: LocalView;
  /** What is announced by whom. */
  readonly announcements: Announcements;
  /** What is announced to routers. */
  readonly speaker: SpeakerKeeper;
  /** BgpConfs and BgpPeers. */
  readonly bgp: BgpTables;
  /** What is known of the cluster. */
  readonly cluster: ClusterState;
  /** Whether frames between agents carry an HMAC. */
  readonly isSigned: boolean;
  /** How kube-proxy of this node is judged. */
  readonly proxy: ProxyState;
  /** The webhook's certificate; undefined where no webhook is served. */
  readonly admission: AdmissionKeeper | undefined;
  /** What the webhook answers; undefined: too little is known yet. */
  review(request: AdmissionRequest): AdmissionVerdict | undefined;
  /** The controller, on the leader. */
  readonly controller: Controller | undefined;
  /** The pools as the controller has them; empty elsewhere. */
  pools(): readonly PoolView[];
  /** How many Services have addresses of an Eip, as the controller has it; 0 elsewhere. */
  servicesOf(eip: string): number;
}

/** A pool in numbers. */
export interface PoolView {
  /** Name of the Eip. */
  readonly eip: string;
  /** Addresses that can be handed out, used or not; capped at 2⁵³ − 1. */
  readonly size: number;
  /** Addresses in use. */
  readonly used: number;
}

function poolsOf(controller: Controller | undefined): readonly PoolView[] {
  if (controller === undefined) return [];
  const { allocator } = controller;
  return allocator.pools().map((pool) => ({
    eip: pool.name,
    size: statusCount(poolUsableSize(pool)),
    used: allocator.usage(pool.name)?.used ?? 0,
  }));
}

function servicesOf(controller: Controller | undefined, eip: string): number {
  const used = controller?.allocator.usedOf(eip) ?? [];
  return new Set(used.flatMap(({ services }) => services.filter(isServiceKey)))
    .size;
}

/** What a new leader lists afresh. */
const RELISTED_BY_LEADER: readonly WatchedKind[] = [
  "service",
  "eip",
  "namespace",
];
/** How long others have to take over after SIGTERM; a bit more than the wire core's own limit. */
const LEAVING_MAX_MS = 3_300;
/** The API client's own limit for a request. */
const WRITE_TIMEOUT_MAX_MS = 10_000;
/** How long taking our marks off may take after SIGTERM: less than the grace period of the manifests. */
const TIDYING_MAX_MS = 25_000;
/** How often all objects are looked through for marks of ours, while they are taken off. */
const RETIRE_INTERVAL_MS = 200;
/** How long giving the Leases back may take. */
const RELEASING_MAX_MS = 1_000;
