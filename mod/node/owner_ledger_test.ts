import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import type { PresenceVerdict } from "@/layer2/presence_check.ts";
import { Announced } from "./_announced_test.ts";
import { OwnerLedger } from "./owner_ledger.ts";

const at = (nowMs: number) => ({ nowMs, nowIso: "2026-01-01T00:00:00.000Z" });

Deno.test("OwnerLedger keeps what is owned, by address and link", () => {
  const ledger = new OwnerLedger("n1");
  ledger.take(owned(VIP, "eth0", true), at(5));
  ledger.take(owned(VIP, "eth1", true), at(6));
  deepStrictEqual([...ledger.owned], [
    { vip: VIP, link: "eth0", sinceMs: 5 },
    { vip: VIP, link: "eth1", sinceMs: 6 },
  ]);
  ledger.take(owned(VIP, "eth0", false), at(7));
  deepStrictEqual([...ledger.owned].map(({ link }) => link), ["eth1"]);
});

Deno.test("OwnerLedger tells each Service of an address once who answers now", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91").service("more", "192.0.2.91");
  const ledger = new OwnerLedger("n1");
  ledger.take(owned(VIP, "eth0", true), at(0));
  ledger.take(owned(VIP, "eth1", true), at(0));
  deepStrictEqual(said(ledger, world, 0), [
    "more Normal SetBalancer: success to add nexthops [n1]",
    "web Normal SetBalancer: success to add nexthops [n1]",
  ]);
  deepStrictEqual(said(ledger, world, 1), []);
  // It moved away, and comes back much later.
  ledger.take(owned(VIP, "eth0", false), at(2_000));
  deepStrictEqual(said(ledger, world, 2_000), []);
  ledger.take(owned(VIP, "eth0", true), at(9_000));
  strictEqual(said(ledger, world, 9_000).length, 2);
});

Deno.test("OwnerLedger counts from when an address was first owned, whatever keeps it owned", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const ledger = new OwnerLedger("n1");
  ledger.take(owned(VIP, "eth0", true), at(5));
  said(ledger, world, 5);
  ledger.take({ ...owned(VIP, "eth0", true), reason: "leaving" }, at(9_000));
  deepStrictEqual([...ledger.owned], [{ vip: VIP, link: "eth0", sinceMs: 5 }]);
  deepStrictEqual(said(ledger, world, 9_000), []);
});

Deno.test("OwnerLedger tells nothing of an address that nobody else took while this node was stopped", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const ledger = new OwnerLedger("n1");
  const taken = { ...owned(VIP, "eth0", true), reason: "took-over" };
  const stopped = { ...owned(VIP, "eth0", false), reason: "suspended" };
  ledger.take(taken, at(0));
  strictEqual(said(ledger, world, 2_000).length, 2);
  ledger.take(stopped, at(10_000));
  ledger.take(taken, at(10_200));
  deepStrictEqual(said(ledger, world, 20_000), []);
  // So long that another one may have had it.
  ledger.take(stopped, at(21_000));
  ledger.take(taken, at(23_000));
  strictEqual(said(ledger, world, 25_000).length, 2);
  // Another one took it, and this node gets it back.
  ledger.take(stopped, at(30_000));
  ledger.take({ ...stopped, reason: "yielded" }, at(30_100));
  ledger.take(taken, at(40_000));
  strictEqual(said(ledger, world, 50_000).length, 2);
});

Deno.test("OwnerLedger tells an Eip once of all its addresses that came from another node", () => {
  const world = new Announced().eip("pool", "192.0.2.91-192.0.2.93", "eth0")
    .service("web", "192.0.2.91").service("more", "192.0.2.92")
    .service("new", "192.0.2.93");
  const ledger = new OwnerLedger("n1");
  for (const [i, vip] of ["192.0.2.91", "192.0.2.92"].entries()) {
    const report = owned(ip(vip), "eth0", true);
    ledger.take({ ...report, reason: "took-over" }, at(100 * i));
  }
  const first = owned(ip("192.0.2.93"), "eth0", true);
  ledger.take({ ...first, reason: "claimed" }, at(200));
  const ofPool = (nowMs: number) =>
    said(ledger, world, nowMs).filter((line) => line.startsWith("pool "));
  deepStrictEqual(ofPool(200), []);
  strictEqual(ledger.deadlineMs(), 1_000);
  deepStrictEqual(ofPool(1_000), [
    "pool Normal OwnerChanged: n1 answers for 192.0.2.91 and 1 more now, in place of another node",
  ]);
  strictEqual(ledger.deadlineMs(), undefined);
  deepStrictEqual(ofPool(5_000), []);
});

Deno.test("OwnerLedger tells an Eip nothing of an address that went on at once", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const ledger = new OwnerLedger("n1");
  const report = owned(VIP, "eth0", true);
  ledger.take({ ...report, reason: "took-over" }, at(0));
  ledger.take(owned(VIP, "eth0", false), at(10));
  const lines = said(ledger, world, 1_000);
  deepStrictEqual(lines.filter((line) => line.startsWith("pool ")), []);
});

Deno.test("OwnerLedger tells that nobody is left who may answer", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const ledger = new OwnerLedger("n1");
  const nobody = { ...owned(VIP, "eth0", false), reason: "no-candidate" };
  ledger.take(nobody, at(0));
  deepStrictEqual(said(ledger, world, 0), [], "it never answered");
  ledger.take(owned(VIP, "eth0", true), at(1));
  said(ledger, world, 1);
  ledger.take(nobody, at(2));
  match(
    said(ledger, world, 2)[0] ?? "",
    /^web Normal DelBalancer: success to withdraw/,
  );
});

Deno.test("OwnerLedger warns of a stranger's claim until it ends, and not every time", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const ledger = new OwnerLedger("n1");
  const claim = { vip: VIP, link: "eth0", mac: STRANGER } as const;
  ledger.take({ kind: "conflict", ...claim, count: 1 }, at(0));
  ledger.take({ kind: "conflict", ...claim, count: 2 }, at(10));
  deepStrictEqual([...ledger.conflicts], [
    { ...claim, seenMs: 10, held: false },
  ]);
  const version = ledger.conflictsVersion;
  deepStrictEqual(said(ledger, world, 10), [
    `web Warning AddressConflict: Another host claims ${VIP}: its MAC address is ${STRANGER}, find it and take the address from it`,
  ]);
  ledger.take({ kind: "conflict-ended", ...claim }, at(20));
  deepStrictEqual([...ledger.conflicts], []);
  strictEqual(ledger.conflictsVersion > version, true);
});

Deno.test("OwnerLedger warns of a stranger that holds an address, until it does not or the link is closed", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const ledger = new OwnerLedger("n1");
  const claim = { vip: VIP, link: "eth0", mac: STRANGER } as const;
  ledger.take({ kind: "held", ...claim, held: true }, at(0));
  deepStrictEqual([...ledger.conflicts], [{ ...claim, seenMs: 0, held: true }]);
  deepStrictEqual(said(ledger, world, 0), [
    `web Warning AddressConflict: Another host answers for ${VIP}, so no node takes it: its MAC address is ${STRANGER}, find it and take the address from it`,
  ]);
  const version = ledger.conflictsVersion;
  ledger.take({ kind: "held", ...claim, held: false }, at(1));
  deepStrictEqual([...ledger.conflicts], []);
  strictEqual(ledger.conflictsVersion > version, true);
  deepStrictEqual(said(ledger, world, 1), []);
  ledger.take({ kind: "held", ...claim, held: true }, at(2));
  ledger.keepLinks([{ name: "eth0" }]);
  strictEqual([...ledger.conflicts].length, 1);
  ledger.keepLinks([{ name: "eth1" }]);
  deepStrictEqual([...ledger.conflicts], []);
});

Deno.test("OwnerLedger knows who is heard on each link, until it is closed", () => {
  const ledger = new OwnerLedger("n1");
  const fellows = [{ node: "n2", presence: "up", vips: 3 }] as const;
  const standing = "good";
  ledger.take({ kind: "fellows", link: "eth0", standing, fellows }, at(0));
  deepStrictEqual([...ledger.heard], [["eth0", { standing, fellows }]]);
  ledger.keepLinks([]);
  deepStrictEqual([...ledger.heard], []);
});

Deno.test("OwnerLedger keeps foreign hosts on addresses of nobody, the one found last last", () => {
  const ledger = new OwnerLedger("n1");
  const found = { link: "eth0", mac: STRANGER, held: true } as const;
  const next = ip("192.0.2.92");
  ledger.take({ kind: "foreign", ip: next, ...found }, at(0));
  ledger.take({ kind: "foreign", ip: VIP, ...found }, at(1));
  ledger.take({ kind: "foreign", ip: next, ...found }, at(2));
  deepStrictEqual([...ledger.foreign].map((one) => one.ip), [VIP, next]);
  const version = ledger.conflictsVersion;
  const gone = { ...found, held: false };
  ledger.take({ kind: "foreign", ip: VIP, ...gone }, at(3));
  deepStrictEqual([...ledger.foreign].map((one) => one.ip), [next]);
  strictEqual(ledger.conflictsVersion, version + 1);
  ledger.keepLinks([]);
  deepStrictEqual([...ledger.foreign], []);
});

Deno.test("OwnerLedger warns of an address of another node that does not answer, until it does", () => {
  const world = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const ledger = new OwnerLedger("n1");
  const seen = { vip: VIP, link: "eth0", owner: "n2" } as const;
  const tell = (verdict: PresenceVerdict): readonly string[] => {
    ledger.take({ kind: "presence", ...seen, verdict }, at(0));
    return said(ledger, world, 0);
  };
  deepStrictEqual(tell({ kind: "nobody" }), [
    "web Warning AddressUnanswered: 192.0.2.91 does not answer on eth0 although n2 owns it: look at what filters ARP and Neighbor Discovery there, as n1 sees it",
  ]);
  match(
    tell({ kind: "stranger", mac: STRANGER })[0] ?? "",
    /^web Warning AddressConflict: The host with the MAC address 02:00:00:00:00:66/,
  );
  match(
    tell({ kind: "other-agent", mac: STRANGER, node: "n3" })[0] ?? "",
    /^web Warning AddressUnanswered: n3 answers for 192\.0\.2\.91/,
  );
  strictEqual([...ledger.absences].length, 1);
  deepStrictEqual(tell({ kind: "right" }), []);
  deepStrictEqual([...ledger.absences], []);
});

Deno.test("OwnerLedger says nothing of an address no Service has any more", () => {
  const ledger = new OwnerLedger("n1");
  ledger.take(owned(VIP, "eth0", true), at(0));
  deepStrictEqual(said(ledger, new Announced(), 0), []);
});

Deno.test("OwnerLedger knows which links are served, until they are not wanted any more", () => {
  const ledger = new OwnerLedger("n1");
  ledger.take({ kind: "link-failed", link: "eth0", message: "EPERM" }, at(0));
  ledger.take({ kind: "link-failed", link: "eth1", message: "ENODEV" }, at(0));
  deepStrictEqual([...ledger.failures.keys()], ["eth0", "eth1"]);
  ledger.take({ kind: "link-ready", link: "eth0", filter: "plain" }, at(1));
  deepStrictEqual([...ledger.failures], [["eth1", "ENODEV"]]);
  deepStrictEqual([...ledger.links], [["eth0", "plain"]]);
  ledger.keepLinks([{ name: "eth0" }]);
  deepStrictEqual([...ledger.failures], []);
  deepStrictEqual([...ledger.links], [["eth0", "plain"]]);
  ledger.keepLinks([]);
  deepStrictEqual([...ledger.links], []);
});

Deno.test("OwnerLedger notices a wire isolate that says nothing", () => {
  const ledger = new OwnerLedger("n1");
  strictEqual(ledger.wireReady, false);
  ledger.take({ kind: "ready" }, at(0));
  strictEqual(ledger.wireReady, true);
  strictEqual(ledger.silentMs(at(90_000)), 0);
  ledger.take({ kind: "counters", links: [] }, at(90_000));
  strictEqual(ledger.silentMs(at(91_500)), 1_500);
  ledger.take({ kind: "paused", gapMs: 300 }, at(92_000));
  strictEqual(ledger.pauses, 1);
});

function owned(vip: IpAddr, link: string, owned: boolean) {
  const reason = owned ? "claimed" : "better-candidate";
  return { kind: "owned", vip, link, owned, reason } as const;
}

/** The Events that are owed, as `service type reason: message`. */
function said(
  ledger: OwnerLedger,
  { announcements, cluster }: Announced,
  nowMs: number,
): readonly string[] {
  return ledger.events(announcements, cluster, at(nowMs)).map(({ body }) => {
    const event = body as Record<string, unknown>;
    const about = event["involvedObject"] as Record<string, unknown>;
    return `${about["name"]} ${event["type"]} ${event["reason"]}: ${
      event["message"]
    }`;
  });
}

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, `An address is expected: ${text}`);
  return addr;
}

const VIP = ip("192.0.2.91");
const STRANGER = parseMacAddr("02:00:00:00:00:66") ??
  (() => {
    throw new Error("A MAC address is expected");
  })();
