import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import {
  initialPresence,
  presenceDeadlineMs,
  type PresenceEffect,
  type PresenceEvent,
  stepPresence,
} from "./presence_check.ts";

const VIP = ip("192.0.2.1");
const OTHER_VIP = ip("192.0.2.2");
const OWNER = "02:00:00:00:00:01" as MacAddr;
const FELLOW = "02:00:00:00:00:02" as MacAddr;
const STRANGER = "02:00:00:00:00:63" as MacAddr;
const NODES: ReadonlyMap<MacAddr, string> = new Map([
  [OWNER, "owner"],
  [FELLOW, "fellow"],
]);

type Told<T = PresenceEvent> = T extends unknown ? Omit<T, "nowMs"> : never;

/** A core with a clock; effects are read as lines. */
class Link {
  nowMs = 0;
  lines: string[] = [];
  /** Who owns what, as far as this node checks it. */
  readonly owners = new Map<IpAddr, string>();
  /** Who answers, by VIP. */
  readonly answers = new Map<IpAddr, readonly MacAddr[]>();
  readonly state = initialPresence({ ownerOf: (vip) => this.owners.get(vip) });

  constructor(...vips: readonly IpAddr[]) {
    for (const vip of vips) {
      this.owners.set(vip, "owner");
      this.answers.set(vip, [OWNER]);
    }
    this.tell({ kind: "vips", added: vips, removed: [] });
  }

  tell(event: Told): void {
    const at = { ...event, nowMs: this.nowMs } as PresenceEvent;
    const effects = stepPresence(this.state, at);
    for (const effect of effects) this.lines.push(this.#lineOf(effect));
    for (const { kind, vip } of effects) {
      if (kind !== "ask") continue;
      for (const mac of this.answers.get(vip) ?? []) this.claim(vip, mac);
    }
  }

  claim(vip: IpAddr, mac: MacAddr): void {
    const node = NODES.get(mac);
    this.tell({
      kind: "claim",
      vip,
      mac,
      ...(node === undefined ? {} : { node }),
    });
  }

  run(forMs: number): this {
    const untilMs = this.nowMs + forMs;
    for (;;) {
      const dueMs = presenceDeadlineMs(this.state);
      if (dueMs === undefined || dueMs > untilMs) break;
      ok(dueMs >= this.nowMs, "a deadline is not in the past");
      this.nowMs = dueMs;
      this.tell({ kind: "deadline" });
    }
    this.nowMs = untilMs;
    return this;
  }

  read(): readonly string[] {
    return this.lines.splice(0);
  }

  reports(): readonly string[] {
    return this.read().filter((line) => !line.includes("ask"));
  }

  #lineOf(effect: PresenceEffect): string {
    if (effect.kind === "ask") return `${this.nowMs} ask ${effect.vip}`;
    const { verdict } = effect;
    const mac = "mac" in verdict ? ` ${verdict.mac}` : "";
    return `${this.nowMs} ${effect.vip} of ${effect.owner}: ${verdict.kind}${mac}`;
  }
}

Deno.test("a VIP that its owner answers for is asked for soon, and then once a minute, and nothing is told", () => {
  const link = new Link(VIP).run(190_000);
  deepStrictEqual(link.read(), [
    "10000 ask 192.0.2.1",
    "70000 ask 192.0.2.1",
    "130000 ask 192.0.2.1",
    "190000 ask 192.0.2.1",
  ]);
  strictEqual(link.state.counts.right, 3);
});

Deno.test("a VIP that nobody answers for is told after eight questions, and when it is over", () => {
  const link = new Link(VIP);
  link.answers.clear();
  link.run(25_000);
  const asked = Array.from({ length: 8 }, (_, i) => 10_000 + 500 * i);
  deepStrictEqual(link.read(), [
    ...asked.map((atMs) => `${atMs} ask 192.0.2.1`),
    "14000 192.0.2.1 of owner: nobody",
    "24000 ask 192.0.2.1",
  ]);
  link.answers.set(VIP, [OWNER]);
  link.run(20_000);
  deepStrictEqual(link.reports(), ["35000 192.0.2.1 of owner: right"]);
});

Deno.test("seven lost answers are nothing", () => {
  const link = new Link(VIP);
  link.answers.clear();
  link.run(13_500 - 1);
  link.answers.set(VIP, [OWNER]);
  link.run(5_000);
  deepStrictEqual(link.reports(), []);
});

Deno.test("another node that answers is told, also when the owner does too", () => {
  const link = new Link(VIP);
  link.answers.set(VIP, [FELLOW, OWNER]);
  link.run(14_500);
  deepStrictEqual(link.reports(), [
    "14000 192.0.2.1 of owner: other-agent 02:00:00:00:00:02",
  ]);
});

Deno.test("a stranger that answers is told, whoever else does and in whatever order", () => {
  for (const answers of [[STRANGER, OWNER], [OWNER, FELLOW, STRANGER]]) {
    const link = new Link(VIP);
    link.answers.set(VIP, answers);
    link.run(14_500);
    deepStrictEqual(link.reports(), [
      "14000 192.0.2.1 of owner: stranger 02:00:00:00:00:63",
    ]);
  }
});

Deno.test("what is wrong in another way is told again", () => {
  const link = new Link(VIP);
  link.answers.clear();
  link.run(14_500);
  link.answers.set(VIP, [STRANGER]);
  link.run(14_500);
  link.run(30_000);
  deepStrictEqual(link.reports(), [
    "14000 192.0.2.1 of owner: nobody",
    "24500 192.0.2.1 of owner: stranger 02:00:00:00:00:63",
  ]);
});

Deno.test("a VIP that moves while it is asked for is not judged", () => {
  const link = new Link(VIP);
  link.answers.clear();
  link.run(11_200);
  link.owners.set(VIP, "fellow");
  link.run(10_000);
  deepStrictEqual(link.reports(), []);
});

Deno.test("a VIP that is for another one to check is not asked for, and what was wrong is over", () => {
  const link = new Link(VIP, OTHER_VIP);
  link.answers.clear();
  link.owners.delete(OTHER_VIP);
  link.run(14_500);
  link.owners.delete(VIP);
  link.run(120_000);
  deepStrictEqual(link.reports(), [
    "14000 192.0.2.1 of owner: nobody",
    "24000 192.0.2.1 of owner: right",
  ]);
});

Deno.test("a VIP that leaves the link is forgotten, also in the middle of a question", () => {
  const link = new Link(VIP, OTHER_VIP);
  link.answers.clear();
  link.run(14_500);
  link.tell({ kind: "vips", added: [], removed: [VIP, OTHER_VIP] });
  strictEqual(presenceDeadlineMs(link.state), undefined);
  deepStrictEqual(link.reports(), [
    "14000 192.0.2.1 of owner: nobody",
    "14500 192.0.2.1 of owner: right",
  ]);
});

Deno.test("a link sees two questions a second at most, and a round goes on though much is wrong", () => {
  const vips = Array.from({ length: 250 }, (_, i) => ip(`198.51.100.${i}`));
  const link = new Link(...vips);
  for (const vip of vips.slice(0, 100)) link.answers.delete(vip);
  link.run(1_200_000);
  const asked = link.read().filter((line) => line.includes("ask"));
  const seconds = Map.groupBy(
    asked,
    (line) => Math.floor(Number.parseInt(line) / 1_000),
  );
  ok([...seconds.values()].every(({ length }) => length <= 2));
  strictEqual(new Set(asked.map((line) => line.split(" ")[2])).size, 250);
  ok(link.state.counts.right >= 150);
});

Deno.test("thousands of VIPs that are for others to check cost no frame and bounded looks", () => {
  const vips = Array.from(
    { length: 5_000 },
    (_, i) => ip(`10.0.${i >> 8}.${i & 255}`),
  );
  const link = new Link(...vips);
  link.owners.clear();
  let looks = 0;
  link.owners.get = () => {
    looks++;
    return undefined;
  };
  link.nowMs = 10_000;
  link.tell({ kind: "deadline" });
  ok(looks > 0 && looks <= 512, `${looks} looks`);
  link.run(120_000);
  deepStrictEqual(link.read(), []);
});

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  ok(addr !== undefined);
  return addr;
}
