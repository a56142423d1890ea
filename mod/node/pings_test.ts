import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { Announced } from "./_announced_test.ts";
import { ip } from "./_wire_stage_test.ts";
import { Pings } from "./pings.ts";

const NONE: ReadonlySet<IpAddr> = new Set();

Deno.test("Pings lists the VIPs of the pools that ask for it, but those this node holds", () => {
  const announced = new Announced()
    .eip("quiet", "192.0.2.90", "eth0")
    .eip("loud", "192.0.2.91-192.0.2.92", "eth0", { answerPing: true })
    .service("a", "192.0.2.90")
    .service("b", "192.0.2.91")
    .service("c", "192.0.2.92");
  const pings = new Pings();
  const all = pings.look(announced.announcements, NONE);
  deepStrictEqual(all, [ip("192.0.2.91"), ip("192.0.2.92")]);
  strictEqual(pings.look(announced.announcements, NONE), all);
  const held = new Set([ip("192.0.2.92")]);
  deepStrictEqual(pings.look(announced.announcements, held), [
    ip("192.0.2.91"),
  ]);
  deepStrictEqual(pings.look(announced.announcements, NONE), all);
  announced.eip("loud", "192.0.2.91-192.0.2.92", "eth0");
  deepStrictEqual(pings.look(announced.announcements, NONE), []);
});
