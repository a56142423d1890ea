import { deepStrictEqual, ok as truthy, strictEqual } from "node:assert/strict";
import {
  allocatorOf,
  ask,
  ip,
  only,
  port,
  refused,
  type Request,
  take,
} from "./_ask_test.ts";
import type { RefusalReason } from "./refusal.ts";
import { SHARERS_MAX } from "./sharing.ts";

const WEB = {
  ports: [{ protocol: "TCP", port: 80 }],
  selector: { app: "web" },
};
const DNS_TCP = {
  ports: [{ protocol: "TCP", port: 53 }],
  selector: { app: "dns" },
};
const WEB_UDP = {
  ports: [{ protocol: "UDP", port: 80 }],
  selector: { app: "quic" },
};

const SHARING: readonly {
  readonly name: string;
  readonly first: Request;
  readonly second: Request;
  readonly reason: RefusalReason | undefined;
}[] = [
  { name: "other ports", first: WEB, second: DNS_TCP, reason: undefined },
  {
    name: "one port over other protocols",
    first: WEB,
    second: WEB_UDP,
    reason: undefined,
  },
  {
    name: "one port among several",
    first: { ...WEB, ports: [...WEB_UDP.ports, ...WEB.ports] },
    second: { ...DNS_TCP, ports: [...DNS_TCP.ports, ...WEB.ports] },
    reason: "PortConflict",
  },
  {
    name: "a new Local and other pods",
    first: WEB,
    second: { ...DNS_TCP, externalTrafficPolicy: "Local" },
    reason: "PolicyConflict",
  },
  {
    name: "an old Local and other pods",
    first: { ...WEB, externalTrafficPolicy: "Local" },
    second: DNS_TCP,
    reason: "PolicyConflict",
  },
  {
    name: "both Local and other pods",
    first: { ...WEB, externalTrafficPolicy: "Local" },
    second: { ...DNS_TCP, externalTrafficPolicy: "Local" },
    reason: "PolicyConflict",
  },
  {
    name: "both Local and more labels",
    first: { ...WEB, externalTrafficPolicy: "Local" },
    second: {
      ...DNS_TCP,
      externalTrafficPolicy: "Local",
      selector: { app: "web", tier: "1" },
    },
    reason: "PolicyConflict",
  },
  {
    name: "both Local and the same pods",
    first: { ...WEB, externalTrafficPolicy: "Local" },
    second: {
      ...DNS_TCP,
      externalTrafficPolicy: "Local",
      selector: { app: "web" },
    },
    reason: undefined,
  },
  {
    name: "one Local and the same pods",
    first: { ...WEB, externalTrafficPolicy: "Local" },
    second: { ...WEB_UDP, selector: { app: "web" } },
    reason: undefined,
  },
];

Deno.test.each(SHARING)(
  "allocate() shares a wanted address: $name: $reason",
  ({ first, second, reason }) => {
    const allocator = allocatorOf({ name: "a", address: "10.0.0.0/24" });
    const wantedIps = ["10.0.0.9"];
    take(allocator, ask("n/first", { ...first, wantedIps }));
    const request = ask("m/second", { ...second, wantedIps });
    if (reason === undefined) {
      deepStrictEqual(take(allocator, request).conflicts, []);
      deepStrictEqual(allocator.usedOf("a"), [
        { address: "10.0.0.9", services: ["m/second", "n/first"] },
      ]);
      strictEqual(allocator.usage("a")?.used, 1);
      return;
    }
    const refusal = refused(allocator, request);
    strictEqual(refusal.reason, reason);
    truthy(refusal.message.startsWith("no avliable eip, err:the ip:10.0.0.9 "));
    truthy(refusal.message.includes("n/first"));
    deepStrictEqual(refusal.retryOn, [
      { kind: "sharers-changed", address: "10.0.0.9" },
    ]);
    deepStrictEqual(allocator.holdersOf(ip("10.0.0.9")), ["n/first"]);
  },
);

Deno.test("allocate() refuses a wanted address that is shared by as many as can be", () => {
  const allocator = allocatorOf({ name: "a", address: "10.0.0.0/24" });
  for (let i = 0; i < SHARERS_MAX; i++) {
    allocator.adopt({ ...ask(`n/${i}`, port(i)), address: ip("10.0.0.1") });
  }
  const request = ask("n/last", { ...port(5000), wantedIps: ["10.0.0.1"] });
  const refusal = refused(allocator, request);
  strictEqual(refusal.reason, "AddressInUse");
  strictEqual(
    refusal.message,
    "no avliable eip, err:the ip:10.0.0.1 is shared by 1024 services",
  );
  allocator.release("n/7");
  take(allocator, request);
});

Deno.test("allocate() lets an automatic holder be joined, and never joins by itself", () => {
  const allocator = allocatorOf({
    name: "a",
    address: "10.0.0.1-10.0.0.2",
    isDefault: true,
  });
  strictEqual(only(take(allocator, ask("n/auto", port(1)))), "10.0.0.1");
  const joined = take(
    allocator,
    ask("n/joins", { ...port(2), wantedIps: ["10.0.0.1"] }),
  );
  strictEqual(only(joined), "10.0.0.1");
  strictEqual(only(take(allocator, ask("n/next", port(3)))), "10.0.0.2");
  strictEqual(
    refused(allocator, ask("n/more", port(4))).reason,
    "PoolExhausted",
  );
  allocator.release("n/auto");
  strictEqual(
    refused(allocator, ask("n/more", port(4))).reason,
    "PoolExhausted",
  );
  allocator.release("n/joins");
  strictEqual(only(take(allocator, ask("n/more", port(4)))), "10.0.0.1");
});

Deno.test("allocate() keeps sharing that came to collide, and reports it on both", () => {
  const allocator = allocatorOf({ name: "a", address: "10.0.0.0/24" });
  const wantedIps = ["10.0.0.1"];
  take(allocator, ask("n/a", { ...port(80), wantedIps }));
  take(allocator, ask("n/b", { ...port(81), wantedIps }));
  const edited = take(allocator, ask("n/b", { ...port(80), wantedIps }));
  strictEqual(edited.changed, false);
  deepStrictEqual(
    edited.conflicts.map(({ service, reason }) => [service, reason]),
    [["n/a", "PortConflict"]],
  );
  deepStrictEqual(allocator.conflictsOf("n/a").map(({ service }) => service), [
    "n/b",
  ]);
  take(allocator, ask("n/b", { ...port(81), wantedIps }));
  deepStrictEqual(allocator.conflictsOf("n/a"), []);
});
