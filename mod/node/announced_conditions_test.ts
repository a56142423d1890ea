import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { projectEndpointSlice, projectService } from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import { type Change, type PlannedWrite, Routes } from "@/reconcile/mod.ts";
import { Announced } from "./_announced_test.ts";
import {
  AnnouncedConditions,
  UNANSWERED_AFTER_MS,
} from "./announced_conditions.ts";

Deno.test("AnnouncedConditions writes nothing when an address is claimed that nobody had", () => {
  const stage = new Stage().service("web", VIP);
  stage.owned(VIP, "claimed");
  deepStrictEqual(stage.settle(), []);
});

Deno.test("AnnouncedConditions writes who took an address over, once", () => {
  const stage = new Stage().service("web", VIP);
  stage.owned(VIP, "took-over");
  deepStrictEqual(stage.settle(), [
    "d/web True Announced owner n1 of 192.0.2.91 since 2026-01-01T00:00:00Z",
  ]);
  deepStrictEqual(stage.settle(), []);
  // Why it is owned changes, the owner does not.
  stage.owned(VIP, "leaving");
  deepStrictEqual(stage.settle(), []);
});

Deno.test("AnnouncedConditions writes nothing of an address that is gone again", () => {
  const stage = new Stage().service("web", VIP);
  stage.owned(VIP, "took-over");
  stage.lost(VIP);
  deepStrictEqual(stage.settle(), []);
});

Deno.test("AnnouncedConditions names the new owner beside those of other addresses", () => {
  const stage = new Stage().service("web", VIP, SIX);
  stage.owned(SIX, "took-over");
  stage.settle();
  stage.announce(
    "web",
    `owner n2 of ${VIP} since 2025-01-01T00:00:00Z, owner n1 of ${SIX} since 2026-01-01T00:00:00Z`,
  );
  stage.nowMs = 5_000;
  stage.owned(VIP, "relieved");
  deepStrictEqual(stage.settle(), [
    `d/web True Announced owner n1 of ${VIP} since 2026-01-01T00:00:05Z, owner n1 of ${SIX} since 2026-01-01T00:00:00Z`,
  ]);
});

Deno.test("AnnouncedConditions tells each Service that shares an address", () => {
  const stage = new Stage().service("web", VIP).service("more", VIP);
  stage.owned(VIP, "took-over");
  deepStrictEqual(stage.settle().map((line) => line.split(" ")[0]).sort(), [
    "d/more",
    "d/web",
  ]);
});

Deno.test("AnnouncedConditions writes why no node may answer, once that has lasted", () => {
  const stage = new Stage().service("web", VIP).endpoints("web");
  deepStrictEqual(stage.settle(true), []);
  strictEqual(stage.conditions.deadlineMs(), UNANSWERED_AFTER_MS);
  stage.nowMs = UNANSWERED_AFTER_MS - 1;
  deepStrictEqual(stage.settle(true), []);
  stage.nowMs = UNANSWERED_AFTER_MS;
  const [line = "", ...more] = stage.settle(true);
  match(
    line,
    /^d\/web False NoReadyEndpoint No endpoint of d\/web is ready: make a Pod/,
  );
  deepStrictEqual(more, []);
  stage.nowMs *= 3;
  deepStrictEqual(stage.settle(true), []);
  strictEqual(stage.conditions.deadlineMs(), undefined);
});

Deno.test("AnnouncedConditions writes nothing when that has passed meanwhile", () => {
  const stage = new Stage().service("web", VIP).endpoints("web");
  stage.settle(true);
  stage.nowMs = UNANSWERED_AFTER_MS - 1;
  stage.endpoints("web", "n1");
  stage.settle(true);
  stage.nowMs = UNANSWERED_AFTER_MS * 2;
  deepStrictEqual(stage.settle(true), []);
});

Deno.test("AnnouncedConditions writes nothing while Kubernetes has not looked for endpoints", () => {
  const stage = new Stage({ app: "web" }).service("web", VIP);
  stage.world.cluster.remove("endpointslice", "d/web-1");
  stage.settle(true);
  stage.nowMs = UNANSWERED_AFTER_MS * 2;
  deepStrictEqual(stage.settle(true), []);
  stage.endpoints("web");
  stage.settle(true);
  stage.nowMs += UNANSWERED_AFTER_MS;
  match(stage.settle(true)[0] ?? "", /^d\/web False NoReadyEndpoint /);
});

Deno.test("AnnouncedConditions leaves that to the elected agent", () => {
  const stage = new Stage().service("web", VIP).endpoints("web");
  stage.settle(false);
  stage.nowMs = UNANSWERED_AFTER_MS * 2;
  deepStrictEqual(stage.settle(false), []);
  // One that is elected now has not seen for how long.
  deepStrictEqual(stage.settle(true), []);
  stage.nowMs += UNANSWERED_AFTER_MS;
  strictEqual(stage.settle(true).length, 1);
});

Deno.test("AnnouncedConditions writes who answers again after nobody did", () => {
  const stage = new Stage().service("web", VIP).endpoints("web");
  stage.settle(true);
  stage.nowMs = UNANSWERED_AFTER_MS;
  stage.settle(true);
  stage.endpoints("web", "n1");
  stage.settle(true);
  stage.owned(VIP, "claimed");
  deepStrictEqual(stage.settle(true), [
    "d/web True Announced owner n1 of 192.0.2.91 since 2026-01-01T00:00:30Z",
  ]);
});

Deno.test("AnnouncedConditions mends a False that was written too late", () => {
  const stage = new Stage().service("web", VIP);
  stage.owned(VIP, "claimed");
  stage.settle();
  stage.announce("web", "No endpoint of d/web is ready", "False");
  match(stage.settle()[0] ?? "", /^d\/web True Announced owner n1 of /);
});

Deno.test("AnnouncedConditions does not say True while another address cannot be answered for", () => {
  const stage = new Stage().service("web", VIP, OTHER);
  stage.announce("web", "No Eip has it any more", "False");
  stage.owned(VIP, "took-over");
  deepStrictEqual(stage.settle(), []);
});

Deno.test("AnnouncedConditions tries again with what the Service is by then", () => {
  const stage = new Stage().service("web", VIP);
  stage.owned(VIP, "took-over");
  const [write] = stage.plan();
  assert(write !== undefined, "It writes");
  deepStrictEqual(stage.plan(), []);
  stage.service("web", VIP);
  const conflict = { kind: "failed", reason: "conflict", message: "" } as const;
  stage.conditions.written(write, conflict, stage.at);
  deepStrictEqual(stage.plan(), []);
  stage.nowMs = stage.conditions.deadlineMs() ?? -1;
  const [again] = stage.plan();
  const version = (of: PlannedWrite | undefined) =>
    (of?.body as { metadata: { resourceVersion: string } }).metadata
      .resourceVersion;
  strictEqual(Number(version(again)) > Number(version(write)), true);
});

Deno.test("AnnouncedConditions gives up on a Service that is gone", () => {
  const stage = new Stage().service("web", VIP);
  stage.owned(VIP, "took-over");
  const [write] = stage.plan();
  assert(write !== undefined, "It writes");
  stage.world.cluster.remove("service", "d/web");
  stage.conditions.written(write, {
    kind: "failed",
    reason: "not-found",
    message: "",
  }, stage.at);
  deepStrictEqual(stage.plan(), []);
  strictEqual(stage.conditions.deadlineMs(), undefined);
});

Deno.test("AnnouncedConditions does not write again to a Service whose deletion its watch has not told of", () => {
  const stage = new Stage().service("web", VIP);
  stage.owned(VIP, "took-over");
  const [write] = stage.plan();
  assert(write !== undefined, "It writes");
  stage.conditions.written(write, {
    kind: "failed",
    reason: "not-found",
    message: "",
  }, stage.at);
  deepStrictEqual(stage.plan(), []);
  strictEqual(stage.conditions.deadlineMs(), undefined);
});

Deno.test("AnnouncedConditions writes a few at a time, and all in the end", () => {
  const stage = new Stage();
  for (let i = 0; i < 40; i++) {
    const vip = ip(`192.0.2.${100 + i}`);
    stage.service(`s${i}`, vip);
    stage.owned(vip, "took-over");
  }
  strictEqual(stage.plan().length, 16);
  strictEqual(stage.settle().length, 40);
});

Deno.test("AnnouncedConditions writes the next hops again after a route had none", () => {
  const stage = new Stage().service("web", ROUTED).endpoints("web");
  stage.settle(true);
  stage.nowMs = UNANSWERED_AFTER_MS;
  match(stage.settle(true)[0] ?? "", /^d\/web False NoReadyEndpoint /);
  stage.endpoints("web", "n1");
  deepStrictEqual(stage.settle(true), [
    "d/web True Announced next hops n1, where they have a session",
  ]);
  deepStrictEqual(stage.settle(true), []);
});

Deno.test("AnnouncedConditions says nothing of a route that has always had next hops", () => {
  const stage = new Stage().service("web", ROUTED);
  stage.settle(true);
  stage.nowMs = UNANSWERED_AFTER_MS * 2;
  deepStrictEqual(stage.settle(true), []);
});

/** A node with its conditions, and an API server of a few lines. */
class Stage {
  readonly world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .eip("rest", "192.0.2.100-192.0.2.199", "eth0").eip("six", SIX, "eth0")
    .eip("routed", ROUTED, "", { protocol: "bgp" });
  readonly conditions = new AnnouncedConditions("n1", 1);
  readonly routes = new Routes(this.world.announcements.index);
  nowMs = 0;
  #version = 1;
  #open: PlannedWrite[] = [];
  readonly #ingress = new Map<string, readonly string[]>();
  readonly #selector: Readonly<Record<string, string>>;

  constructor(selector: Readonly<Record<string, string>> = {}) {
    this.#selector = selector;
  }

  get at() {
    const nowIso = new Date(Date.UTC(2026, 0, 1) + this.nowMs).toISOString();
    return { nowMs: this.nowMs, nowIso };
  }

  service(name: string, ...vips: readonly IpAddr[]): this {
    this.#ingress.set(name, vips);
    this.#put(name, []);
    return this.endpoints(name, "n1");
  }

  /** Somebody writes the condition. */
  announce(name: string, message: string, status = "True"): void {
    this.#put(name, [{
      type: "Announced",
      status,
      reason: status === "True" ? "Announced" : "NoReadyEndpoint",
      message,
      lastTransitionTime: "2025-01-01T00:00:00Z",
    }]);
  }

  endpoints(name: string, ...nodes: readonly string[]): this {
    const slice = projectEndpointSlice({
      metadata: {
        name: `${name}-1`,
        namespace: "d",
        labels: { "kubernetes.io/service-name": name },
      },
      addressType: "IPv4",
      endpoints: nodes.map((nodeName) => ({
        addresses: ["10.0.0.1"],
        nodeName,
      })),
    });
    assert(slice.ok, "A slice");
    this.world.cluster.putEndpointSlice(slice.value);
    return this;
  }

  owned(vip: IpAddr, reason: string): void {
    this.conditions.take({
      kind: "owned",
      vip,
      link: "eth0",
      owned: true,
      reason,
    }, this.at);
  }

  lost(vip: IpAddr): void {
    this.conditions.take({
      kind: "owned",
      vip,
      link: "eth0",
      owned: false,
      reason: "yielded",
    }, this.at);
  }

  plan(leads = false): readonly PlannedWrite[] {
    const { cluster, announcements } = this.world;
    const changes: readonly Change[] = cluster.takeChanges();
    announcements.note(cluster, changes);
    const change = announcements.plan(cluster);
    const routes = this.routes.plan(cluster);
    const input = { cluster, announcements, changes, change, routes, leads };
    const writes = this.conditions.plan(input, this.at);
    this.#open.push(...writes);
    return writes;
  }

  /** Plans and answers until nothing is left to do now; what was written. */
  settle(leads = false): readonly string[] {
    const lines: string[] = [];
    for (this.plan(leads); this.#open.length > 0; this.plan(leads)) {
      for (const write of this.#open.splice(0)) {
        const { conditions } =
          (write.body as { status: { conditions: Written[] } }).status;
        const name = write.id.slice("announced/d/".length);
        const found = conditions.find(({ type }) => type === "Announced");
        const isNew = lines.push(
          `d/${name} ${found?.status} ${found?.reason} ${found?.message}`,
        );
        assert(isNew < 100, "It comes to rest");
        this.#put(name, conditions);
        this.conditions.written(
          write,
          { kind: "written", object: {} },
          this.at,
        );
      }
    }
    return lines;
  }

  #put(name: string, conditions: readonly unknown[]): void {
    const service = projectService({
      metadata: {
        name,
        namespace: "d",
        uid: `uid-${name}`,
        resourceVersion: `${++this.#version}`,
      },
      spec: {
        type: "LoadBalancer",
        loadBalancerClass: "openelb.io/openelb",
        selector: this.#selector,
      },
      status: {
        loadBalancer: {
          ingress: (this.#ingress.get(name) ?? []).map((ip) => ({ ip })),
        },
        conditions,
      },
    });
    assert(service.ok, "A Service");
    this.world.cluster.putService(service.value);
  }
}

interface Written {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, text);
  return addr;
}

const VIP = ip("192.0.2.91");
const SIX = ip("2001:db8::91");
const ROUTED = ip("198.51.100.9");
/** In no Eip. */
const OTHER = ip("198.51.100.1");
