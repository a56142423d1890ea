import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import {
  type HostLook,
  type Listener,
  PORT_LOOK_INTERVAL_MS,
  PortLook,
} from "./port_look.ts";

const OWN: ReadonlySet<IpAddr> = new Set([ip("192.0.2.11")]);
const FACTS = { addresses: OWN, hasIpvsLink: false };
const WANTED = ["22/TCP", "5353/UDP", "80/TCP"];

Deno.test("PortLook asks nothing and tells nothing while nothing is wanted", () => {
  const look = new PortLook();
  strictEqual(look.takeAsk(at(0)), undefined);
  strictEqual(look.deadlineMs(), undefined);
  look.want(WANTED, at(5));
  strictEqual(look.deadlineMs(), 5);
  strictEqual(look.takeAsk(at(5)), WANTED);
  strictEqual(look.deadlineMs(), undefined, "not twice at once");
  strictEqual(look.takeAsk(at(9)), undefined);
  take(look, { mode: "iptables" }, 10);
  strictEqual(look.deadlineMs(), 10 + PORT_LOOK_INTERVAL_MS);
  look.want([], at(20));
  strictEqual(look.told, undefined);
  strictEqual(look.deadlineMs(), undefined);
});

Deno.test.each([
  { name: "all addresses", address: "0.0.0.0", taken: ["22/TCP"] },
  { name: "all addresses of both families", address: "::", taken: ["22/TCP"] },
  { name: "the Node's own address", address: "192.0.2.11", taken: ["22/TCP"] },
  { name: "loopback alone", address: "127.0.0.1", taken: [] },
  { name: "an address that is not the Node's", address: "10.0.0.1", taken: [] },
])("PortLook judges who listens on $name", ({ address, taken }) => {
  const look = wanting();
  take(look, { listeners: [listener("TCP", 22, address)] }, 0);
  deepStrictEqual(look.told?.taken, taken);
  deepStrictEqual(
    look.told?.free,
    WANTED.filter((port) => !taken.some((one) => one === port)),
  );
});

Deno.test("PortLook tells the same value while nothing changed", () => {
  const look = wanting();
  take(look, { mode: "nftables" }, 0);
  const { told } = look;
  take(look, { mode: "nftables" }, PORT_LOOK_INTERVAL_MS);
  strictEqual(look.told, told);
});

Deno.test("PortLook believes that a UDP port that was free is taken when it is seen twice", () => {
  const look = wanting();
  const listeners = [listener("UDP", 5353, "0.0.0.0")];
  take(look, {}, 0);
  take(look, { listeners }, 1);
  deepStrictEqual(look.told?.taken, []);
  take(look, {}, 2);
  take(look, { listeners }, 3);
  deepStrictEqual(look.told?.taken, []);
  take(look, { listeners }, 4);
  deepStrictEqual(look.told?.taken, ["5353/UDP"]);
  take(look, {}, 5);
  deepStrictEqual(look.told?.taken, []);
});

Deno.test("PortLook believes at once that a UDP port is taken that was never free", () => {
  const look = wanting();
  take(look, { listeners: [listener("UDP", 5353, "::")] }, 0);
  deepStrictEqual(look.told?.taken, ["5353/UDP"]);
});

Deno.test("PortLook tells of the ports it was asked for, and looks again where others are wanted since", () => {
  const look = wanting();
  look.takeAsk(at(0));
  look.want(["443/TCP"], at(1));
  look.take({ ports: WANTED, listeners: [] }, FACTS, at(2));
  strictEqual(look.deadlineMs(), 2);
  deepStrictEqual(look.takeAsk(at(2)), ["443/TCP"]);
  look.take({ ports: ["443/TCP"], listeners: [] }, FACTS, at(3));
  deepStrictEqual(look.told?.free, ["443/TCP"]);
});

Deno.test("PortLook keeps what it knew where sockets cannot be listed", () => {
  const look = wanting();
  look.take({ ports: WANTED, mode: "iptables" }, FACTS, at(0));
  deepStrictEqual(look.told, { mode: "iptables", free: [], taken: [] });
  take(look, { listeners: [listener("TCP", 22, "::")] }, 1);
  look.take({ ports: WANTED, mode: "iptables" }, FACTS, at(2));
  deepStrictEqual(look.told?.taken, ["22/TCP"]);
});

Deno.test("PortLook knows IPVS by its interface where kube-proxy does not say", () => {
  const look = wanting();
  const ipvs = { ...FACTS, hasIpvsLink: true };
  take(look, {}, 0);
  strictEqual(look.told?.mode, "");
  take(look, {}, 1, ipvs);
  strictEqual(look.told?.mode, "ipvs");
  take(look, { mode: "iptables" }, 2, ipvs);
  strictEqual(look.told?.mode, "iptables");
  // An interface that was left over stays so while kube-proxy restarts.
  take(look, {}, 3, ipvs);
  strictEqual(look.told?.mode, "iptables");
  take(look, {}, 4);
  take(look, {}, 5, ipvs);
  strictEqual(look.told?.mode, "ipvs");
});

function wanting(): PortLook {
  const look = new PortLook();
  look.want(WANTED, at(0));
  return look;
}

function take(
  look: PortLook,
  found: Partial<HostLook>,
  nowMs: number,
  facts: Parameters<PortLook["take"]>[1] = FACTS,
): void {
  look.take({ ports: WANTED, listeners: [], ...found }, facts, at(nowMs));
}

function listener(protocol: string, port: number, address: string): Listener {
  return { protocol, port, address: ip(address) };
}

function ip(text: string): IpAddr {
  const address = parseIpAddr(text);
  if (address === undefined) throw new Error(text);
  return address;
}

function at(nowMs: number): { nowMs: number; nowIso: string } {
  return { nowMs, nowIso: "2026-01-01T00:00:00.000Z" };
}
