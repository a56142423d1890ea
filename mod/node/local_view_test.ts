import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import { type Eip, projectEip } from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import type { PresenceVerdict } from "@/layer2/presence_check.ts";
import { Announced } from "./_announced_test.ts";
import { LocalView } from "./local_view.ts";
import { OwnerLedger } from "./owner_ledger.ts";
import type { LocalLink } from "./main_events.ts";

const at = (nowMs: number) => ({ nowMs, nowIso: "" });

Deno.test("LocalView names the links that are answered on, with what the wire core needs", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const view = new LocalView("n1");
  deepStrictEqual(view.links(world.announcements), []);
  view.setLinks([link("eth1", 3), link("eth0", 2), LOOPBACK]);
  deepStrictEqual(view.links(world.announcements), [
    { name: "eth0", index: 2, mac: MAC, running: true },
  ]);
  view.setLinks([link("eth0", 7), link("eth1", 3)]);
  strictEqual(view.links(world.announcements)[0]?.index, 7);
  const gateways = [ip("192.0.2.1"), ip("fe80::1")];
  const prefixes = ["2001:db8::1/64", "fe80::11/64", "fe80::12/64"].flatMap(
    (text) => parsePrefix(text) ?? [],
  );
  view.setLinks([{ ...link("eth0", 2), gateways, prefixes }]);
  deepStrictEqual(view.links(world.announcements), [
    {
      name: "eth0",
      index: 2,
      mac: MAC,
      running: true,
      gateways,
      linkLocal: ip("fe80::11"),
    },
  ]);
  deepStrictEqual(
    view.published(world.announcements, OWNERS)?.links[0]?.gateways,
    gateways,
  );
});

Deno.test("LocalView opens the link that the annotation of its Node names where an Eip names none", () => {
  const { announcements } = new Announced();
  const view = new LocalView("n1");
  const prefixes = ["198.51.100.7/24"].flatMap((text) =>
    parsePrefix(text) ?? []
  );
  view.setLinks([link("eth0", 2), { ...link("eth1", 3), prefixes }]);
  view.setEips([eip("pool", {})]);
  const opened = (): readonly string[] =>
    view.links(announcements).map(({ name }) => name);
  deepStrictEqual(opened(), ["eth0"]);
  view.setNodeAddress("198.51.100.0/24");
  deepStrictEqual(opened(), ["eth1"]);
  view.setNodeAddress("");
  deepStrictEqual(opened(), ["eth0"]);
});

Deno.test("LocalView opens the links of an active Eip before it has a VIP", () => {
  const world = new Announced();
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2), link("eth1", 3), LOOPBACK]);
  const opened = (...eips: readonly object[]) => {
    view.setEips(eips.map((spec, i) => eip(`pool-${i}`, spec)));
    return view.links(world.announcements).map(({ name }) => name);
  };
  deepStrictEqual(opened(), []);
  deepStrictEqual(opened({ interface: "eth1" }), ["eth1"]);
  deepStrictEqual(opened({ interface: "eth1" }, { interface: "eth*" }), [
    "eth0",
    "eth1",
  ]);
  deepStrictEqual(opened({}), ["eth0", "eth1"]);
  deepStrictEqual(opened({ address: "198.51.100.1" }), []);
  for (
    const idle of [
      { disable: true },
      { protocol: "bgp" },
      { protocol: "vip" },
      { protocol: "none of these" },
      { deleted: true },
    ]
  ) deepStrictEqual(opened({ interface: "eth0", ...idle }), []);
  const byRoute = { interface: "can_reach:192.0.2.1" };
  deepStrictEqual(opened(byRoute), []);
  view.setRoutes([[ip("192.0.2.1"), "eth1"]]);
  deepStrictEqual(opened(byRoute), ["eth1"]);
  view.setLinks([{ ...link("eth1", 3), running: false }]);
  strictEqual(view.links(world.announcements)[0]?.running, false);
});

Deno.test("LocalView keeps a link open while it looks up the route that selects it from now on", () => {
  const world = new Announced();
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2), link("eth1", 3)]);
  const opened = () => view.links(world.announcements).map(({ name }) => name);
  const edit = (text: string) => {
    const pool = eip("pool", { interface: text });
    view.setEips([pool]);
    const names = opened();
    view.questions([pool], world.announcements, at(0));
    return names;
  };
  deepStrictEqual(edit("eth0"), ["eth0"]);
  deepStrictEqual(edit("can_reach:192.0.2.1"), ["eth0"]);
  view.setRoutes([[ip("192.0.2.1"), "eth1"]]);
  deepStrictEqual(opened(), ["eth1"]);
  // No route at all is an answer, too.
  deepStrictEqual(edit("can_reach:192.0.2.2"), ["eth1"]);
  view.setRoutes([]);
  deepStrictEqual(opened(), []);
});

Deno.test("LocalView keeps the links of VIPs open whose Eip gives out no more", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2)]);
  view.setEips([eip("pool", { interface: "eth0", disable: true })]);
  strictEqual(view.links(world.announcements).length, 1);
});

Deno.test("LocalView computes nothing again when only the usage of an Eip changed", () => {
  const world = new Announced();
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2)]);
  view.setEips([eip("pool", { interface: "eth0" })]);
  const before = view.links(world.announcements);
  view.setEips([eip("pool", { interface: "eth0" }, { usage: 7 })]);
  strictEqual(view.links(world.announcements), before);
});

Deno.test("LocalView asks for routes when targets or links changed", () => {
  const world = new Announced().eip("a", "198.51.100.1", "can_reach:192.0.2.1");
  const view = new LocalView("n1");
  const ask = () =>
    view.questions(world.cluster.eips.values(), world.announcements, at(0))
      .targets;
  strictEqual(ask(), undefined);
  view.setLinks([link("eth0", 2)]);
  deepStrictEqual(ask(), [ip("192.0.2.1")]);
  strictEqual(ask(), undefined);
  world.eip("b", "198.51.100.2", "can_reach:192.0.2.2");
  deepStrictEqual(ask(), [ip("192.0.2.1"), ip("192.0.2.2")]);
  view.setLinks([link("eth0", 2)]);
  deepStrictEqual(ask(), [ip("192.0.2.1"), ip("192.0.2.2")]);
});

Deno.test("LocalView reads arp_ignore where it matters: at once, and every ten seconds", () => {
  const world = new Announced();
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2)]);
  const ask = (nowMs: number) =>
    view.questions(world.cluster.eips.values(), world.announcements, at(nowMs))
      .arpIgnoreLinks;
  strictEqual(ask(0), undefined);
  strictEqual(view.deadlineMs(), undefined);
  world.eip("pool", "192.0.2.91", "eth0").service("web", "192.0.2.91");
  deepStrictEqual(ask(5), ["eth0"]);
  strictEqual(ask(6), undefined);
  strictEqual(view.deadlineMs(), 10_005);
  strictEqual(ask(10_004), undefined);
  deepStrictEqual(ask(10_005), ["eth0"]);
  view.setLinks([link("eth0", 2)]);
  deepStrictEqual(ask(10_006), ["eth0"]);
});

Deno.test("LocalView publishes nothing before interfaces and routes are known", () => {
  const world = new Announced().eip("a", "198.51.100.1", "can_reach:192.0.2.1");
  const view = new LocalView("n1");
  const published = () => {
    view.questions(world.cluster.eips.values(), world.announcements, at(0));
    return view.published(world.announcements, OWNERS);
  };
  strictEqual(published(), undefined);
  strictEqual(view.isKnown, false);
  view.setLinks([link("eth0", 2), LOOPBACK]);
  strictEqual(view.isKnown, true);
  strictEqual(published(), undefined);
  view.setRoutes([[ip("192.0.2.1"), "eth0"]]);
  const known = published();
  deepStrictEqual(known?.links.map(({ name }) => name), ["eth0"]);
  deepStrictEqual([...known?.canReach ?? []], [[ip("192.0.2.1"), "eth0"]]);
  // The same value while nothing changed: nobody has to compare it.
  strictEqual(published(), known);
  view.setLinks([link("eth0", 2), LOOPBACK]);
  ok(published() !== known);
});

Deno.test("LocalView tells of a loose kernel only for addresses that the node holds", () => {
  const world = new Announced().eip("pool", "192.0.2.91-192.0.2.92", "eth0")
    .service("web", "192.0.2.91").service("other", "192.0.2.92");
  const view = new LocalView("n1");
  const problems = () =>
    view.published(world.announcements, OWNERS)?.problems ?? [];
  view.setLinks([link("eth0", 2)]);
  view.setArpIgnore([["eth0", 0]]);
  deepStrictEqual(problems(), []);
  view.setLinks([link("eth0", 2), LOOPBACK]);
  strictEqual(problems().length, 1);
  strictEqual(problems()[0]?.eip, "pool");
  strictEqual(problems()[0]?.reason, "StrictArpOff");
  match(problems()[0]?.message ?? "", /192\.0\.2\.91 .*arp_ignore=1/);
  view.setArpIgnore([["eth0", 1]]);
  deepStrictEqual(problems(), []);
});

Deno.test("LocalView tells why an address cannot be answered for here, once per Eip", () => {
  const world = new Announced().eip("pool", "192.0.2.91-192.0.2.92", "eth9")
    .service("web", "192.0.2.91").service("other", "192.0.2.92");
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2)]);
  const problems = view.published(world.announcements, OWNERS)?.problems;
  strictEqual(problems?.length, 1);
  strictEqual(problems?.[0]?.reason, "InterfaceNotFound");
});

Deno.test("LocalView names the agents that are not heard, the first few of them", () => {
  const world = new Announced();
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2)]);
  const told = () => view.published(world.announcements, OWNERS)?.problems;
  const silent = (node: string) => ({ node, link: "eth0", eip: "pool" });
  view.setUnheard(["n2", "n3", "n4", "n5"].map(silent));
  strictEqual(told()?.length, 1);
  deepStrictEqual([told()?.[0]?.eip, told()?.[0]?.reason], [
    "pool",
    "WireUnheard",
  ]);
  match(
    told()?.[0]?.message ?? "",
    /not heard: n2 on eth0, n3 on eth0, n4 on eth0 and 1 more; let EtherType 0x88B5 pass/,
  );
  view.setUnheard([]);
  deepStrictEqual(told(), []);
});

Deno.test("LocalView tells that kube-proxy is not healthy, and who answers meanwhile", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2)]);
  const told = () => view.published(world.announcements, OWNERS);
  strictEqual(told()?.unfit, undefined);
  view.setUnfit("answers 503");
  const [problem] = told()?.problems ?? [];
  strictEqual(told()?.unfit, "KubeProxyUnhealthy");
  strictEqual(problem?.eip, "pool");
  match(problem?.message ?? "", /answers 503.*answered here all the same/);
  world.other("n2").says("n1", "KubeProxyUnhealthy");
  match(told()?.problems[0]?.message ?? "", /other nodes answer/);
  view.setUnfit(undefined);
  deepStrictEqual([told()?.unfit, told()?.problems], [undefined, []]);
});

Deno.test("LocalView tells that a packet socket was refused, and that no other is left", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2), link("eth1", 3)]);
  view.setEips([
    eip("pool", { interface: "eth0" }),
    eip("other", { address: "192.0.2.92", interface: "eth1" }),
  ]);
  const owners = new OwnerLedger("n1");
  const told = () => {
    const { unfit, problems = [] } =
      view.published(world.announcements, owners) ?? {};
    return [unfit, ...problems.map(({ eip, reason }) => `${eip} ${reason}`)];
  };
  const refuse = (link: string) => {
    const message = `Cannot open packet socket on "${link}": EPERM`;
    owners.take({ kind: "link-failed", link, message }, at(0));
  };
  deepStrictEqual(told(), [undefined]);
  refuse("eth0");
  deepStrictEqual(told(), [undefined, "pool SocketRefused"]);
  const [problem] = view.published(world.announcements, owners)?.problems ?? [];
  match(problem?.message ?? "", /^Cannot open packet socket on "eth0": EPERM,/);
  view.setUnfit("answers 503");
  refuse("eth1");
  deepStrictEqual(told(), [
    "SocketRefused",
    "other SocketRefused",
    "pool KubeProxyUnhealthy",
    "pool SocketRefused",
  ]);
  view.setUnfit(undefined);
  owners.take({ kind: "link-ready", link: "eth1", filter: "exact" }, at(1));
  deepStrictEqual(told(), [undefined, "pool SocketRefused"]);
  owners.take({ kind: "link-ready", link: "eth0", filter: "exact" }, at(2));
  deepStrictEqual(told(), [undefined]);
});

Deno.test("LocalView tells of strangers that claim an address, until they stop", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2)]);
  const owners = new OwnerLedger("n1");
  assert(MAC !== undefined, "A MAC address is expected");
  const claim = { vip: ip("192.0.2.91"), link: "eth0", mac: MAC } as const;
  owners.take({ kind: "conflict", ...claim, count: 1 }, at(0));
  const problems = () => view.published(world.announcements, owners)?.problems;
  strictEqual(problems()?.[0]?.reason, "AddressConflict");
  owners.take({ kind: "conflict-ended", ...claim }, at(1));
  deepStrictEqual(problems(), []);
  owners.take({ kind: "held", ...claim, held: true }, at(2));
  strictEqual(problems()?.[0]?.reason, "AddressConflict");
  match(
    problems()?.[0]?.message ?? "",
    /answers for 192\.0\.2\.91, so no node/,
  );
});

Deno.test("LocalView publishes the addresses that strangers have, whether a Service has them too or not", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2)]);
  view.setEips([eip("pool", { address: "192.0.2.91-192.0.2.95" })]);
  const owners = new OwnerLedger("n1");
  assert(MAC !== undefined, "A MAC address is expected");
  const seen = { link: "eth0", mac: MAC } as const;
  const [vip, next] = [ip("192.0.2.91"), ip("192.0.2.92")];
  owners.take({ kind: "foreign", ip: next, ...seen, held: true }, at(2));
  owners.take({ kind: "held", vip, ...seen, held: true }, at(1));
  const published = () => view.published(world.announcements, owners);
  deepStrictEqual(published()?.held, [
    { ip: vip, ...seen },
    { ip: next, ...seen },
  ]);
  owners.take({ kind: "held", vip, ...seen, held: false }, at(3));
  deepStrictEqual(published()?.problems, [{
    eip: "pool",
    reason: "AddressConflict",
    message:
      `The host with the MAC address ${MAC} on eth0 has 192.0.2.92, so it is not handed out: find it and take the address from it, or exclude it in the Eip`,
  }]);
  owners.take({ kind: "foreign", ip: next, ...seen, held: false }, at(4));
  deepStrictEqual(published()?.held, []);
  deepStrictEqual(published()?.problems, []);
});

Deno.test("LocalView tells of addresses of other nodes that do not answer, until they do", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const view = new LocalView("n1");
  view.setLinks([link("eth0", 2)]);
  const owners = new OwnerLedger("n1");
  const seen = { vip: ip("192.0.2.91"), link: "eth0", owner: "n2" } as const;
  const tell = (verdict: PresenceVerdict) => {
    owners.take({ kind: "presence", ...seen, verdict }, at(0));
    return view.published(world.announcements, owners)?.problems;
  };
  assert(MAC !== undefined, "A MAC address is expected");
  strictEqual(tell({ kind: "nobody" })?.[0]?.reason, "AddressUnanswered");
  const stranger = tell({ kind: "stranger", mac: MAC });
  strictEqual(stranger?.[0]?.reason, "AddressConflict");
  deepStrictEqual(tell({ kind: "right" }), []);
});

function link(name: string, index: number): LocalLink {
  const prefix = parsePrefix("192.0.2.11/24");
  assert(prefix !== undefined, "A prefix is expected");
  return { name, index, mac: MAC, running: true, prefixes: [prefix] };
}

function eip(name: string, spec: object, status: object = {}): Eip {
  const { deleted, ...rest } = spec as { deleted?: boolean };
  const projected = projectEip({
    metadata: {
      name,
      ...(deleted ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: { address: "192.0.2.91-192.0.2.95", protocol: "layer2", ...rest },
    status,
  });
  assert(projected.ok, "An Eip is expected");
  return projected.value;
}

function ip(text: string) {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, `An address is expected: ${text}`);
  return addr;
}

const MAC = parseMacAddr("02:00:00:00:00:01");
const LOOPBACK: LocalLink = {
  name: "lo",
  index: 1,
  mac: undefined,
  running: true,
  prefixes: ["192.0.2.91/32"].flatMap((text) => parsePrefix(text) ?? []),
};
const OWNERS = new OwnerLedger("n1");
