import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import {
  initialVetting,
  stepVetting,
  VETTING_TARGETS_MAX,
  vettingDeadlineMs,
  type VettingEffect,
  type VettingEvent,
} from "./vetting.ts";

const A = ip("192.0.2.1");
const B = ip("2001:db8::2");
const MAC = "02:00:00:00:00:63" as MacAddr;
const OTHER = "02:00:00:00:00:64" as MacAddr;

type Told<T = VettingEvent> = T extends unknown ? Omit<T, "nowMs"> : never;

/** A core with a clock; effects are read as lines. */
class Link {
  nowMs = 0;
  lines: string[] = [];
  readonly #state = initialVetting();
  /** Hosts that answer at once, by address. */
  readonly hosts = new Map<IpAddr, MacAddr>();

  constructor(...ips: readonly IpAddr[]) {
    this.tell({ kind: "link", isUp: true });
    this.tell({ kind: "targets", ips });
  }

  tell(event: Told): void {
    this.#heed(
      stepVetting(this.#state, { ...event, nowMs: this.nowMs } as VettingEvent),
    );
  }

  run(untilMs: number): this {
    for (;;) {
      const dueMs = vettingDeadlineMs(this.#state);
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

  #heed(effects: readonly VettingEffect[]): void {
    for (const effect of effects) {
      const more = effect.kind === "foreign"
        ? ` ${effect.mac} ${effect.held}`
        : "";
      this.lines.push(`${this.nowMs} ${effect.kind} ${effect.ip}${more}`);
    }
    for (const effect of effects) {
      const mac = effect.kind === "ask" ? this.hosts.get(effect.ip) : undefined;
      if (mac === undefined) continue;
      this.tell({ kind: "answer", ip: effect.ip, mac });
    }
  }
}

Deno.test("an address is vetted when two probes were answered by nobody, and again every 30 s", () => {
  const link = new Link(A).run(31_000);
  deepStrictEqual(link.read(), [
    "0 ask 192.0.2.1",
    "100 ask 192.0.2.1",
    "200 vetted 192.0.2.1",
    "30200 ask 192.0.2.1",
    "30300 ask 192.0.2.1",
    "30400 vetted 192.0.2.1",
  ]);
});

Deno.test("addresses are probed for one after the other, the one named first first", () => {
  const link = new Link(A, B).run(2_000);
  deepStrictEqual(link.read(), [
    "0 ask 192.0.2.1",
    "100 ask 192.0.2.1",
    "200 vetted 192.0.2.1",
    "1500 ask 2001:db8::2",
    "1600 ask 2001:db8::2",
    "1700 vetted 2001:db8::2",
  ]);
});

Deno.test("an answer tells the foreign host, and its silence twice in a row that it is gone", () => {
  const link = new Link(A);
  link.hosts.set(A, MAC);
  link.tell({ kind: "answer", ip: A, mac: MAC });
  link.run(15_000);
  deepStrictEqual(link.read(), [
    "0 ask 192.0.2.1",
    "0 foreign 192.0.2.1 02:00:00:00:00:63 true",
    "10000 ask 192.0.2.1",
  ]);
  link.hosts.clear();
  link.run(35_000);
  deepStrictEqual(link.read(), [
    "20000 ask 192.0.2.1",
    "20100 ask 192.0.2.1",
    "30200 ask 192.0.2.1",
    "30300 ask 192.0.2.1",
    "30400 foreign 192.0.2.1 02:00:00:00:00:63 false",
    "30400 vetted 192.0.2.1",
  ]);
});

Deno.test("a host that answers again after one silence stays told", () => {
  const link = new Link(A);
  link.tell({ kind: "answer", ip: A, mac: MAC });
  link.run(15_000);
  link.hosts.set(A, MAC);
  link.run(25_000);
  link.hosts.clear();
  link.run(35_000);
  ok(!link.read().some((line) => line.includes("false")));
});

Deno.test("an address that passes from one host to another is told of both", () => {
  const link = new Link(A);
  link.tell({ kind: "answer", ip: A, mac: MAC });
  link.read();
  link.tell({ kind: "answer", ip: A, mac: OTHER });
  deepStrictEqual(link.read(), [
    "0 foreign 192.0.2.1 02:00:00:00:00:63 false",
    "0 foreign 192.0.2.1 02:00:00:00:00:64 true",
  ]);
});

Deno.test("an address that is not to be vetted any more is not held any more", () => {
  const link = new Link(A, B);
  link.tell({ kind: "answer", ip: A, mac: MAC });
  link.read();
  link.tell({ kind: "targets", ips: [B] });
  deepStrictEqual(link.read(), ["0 foreign 192.0.2.1 02:00:00:00:00:63 false"]);
  link.tell({ kind: "answer", ip: A, mac: MAC });
  deepStrictEqual(link.read(), []);
});

Deno.test("the same targets again begin nothing anew", () => {
  const link = new Link(A).run(500);
  link.read();
  link.tell({ kind: "targets", ips: [A] });
  link.run(20_000);
  deepStrictEqual(link.read(), []);
});

Deno.test("nothing is asked on a link that is down, and what was half asked is asked again", () => {
  const link = new Link(A);
  link.run(50);
  link.tell({ kind: "link", isUp: false });
  link.run(5_000);
  deepStrictEqual(link.read(), ["0 ask 192.0.2.1"]);
  link.tell({ kind: "link", isUp: true });
  link.run(6_000);
  deepStrictEqual(link.read(), [
    "5000 ask 192.0.2.1",
    "5100 ask 192.0.2.1",
    "5200 vetted 192.0.2.1",
  ]);
});

Deno.test("a link sees two probes a second at most, however many addresses there are", () => {
  const many = Array.from(
    { length: VETTING_TARGETS_MAX + 9 },
    (_, i) => ip(`198.51.100.${i}`),
  );
  const link = new Link(...many);
  link.hosts.set(many[3] as IpAddr, MAC);
  link.run(120_000);
  const asked = link.read().filter((line) => line.includes("ask"));
  const seconds = Map.groupBy(
    asked,
    (line) => Math.floor(Number.parseInt(line) / 1_000),
  );
  ok([...seconds.values()].every(({ length }) => length <= 2));
  strictEqual(
    new Set(asked.map((line) => line.split(" ")[2])).size,
    VETTING_TARGETS_MAX,
  );
});

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  ok(addr !== undefined);
  return addr;
}
