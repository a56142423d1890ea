import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import type { WakeCause } from "./refusal.ts";
import { Waiters } from "./waiters.ts";

const FREED_A: WakeCause = { kind: "address-freed", pool: "a" };
const FREED_B: WakeCause = { kind: "address-freed", pool: "b" };
const POOLS: WakeCause = { kind: "pools-changed" };
const LABELS: WakeCause = { kind: "namespace-changed", namespace: "shop" };

Deno.test("Waiters.wake() wakes whom the change helps, oldest first, then by name", () => {
  const waiters = new Waiters();
  waiters.wait({ service: "n/c", createdAt: day(2) }, [FREED_A, POOLS]);
  waiters.wait({ service: "n/b", createdAt: day(2) }, [FREED_A]);
  waiters.wait({ service: "n/z", createdAt: day(1) }, [FREED_A, LABELS]);
  waiters.wait({ service: "n/a", createdAt: day(3) }, [FREED_B]);
  deepStrictEqual(waiters.wake([FREED_A]), ["n/z", "n/b", "n/c"]);
  deepStrictEqual(waiters.wake([FREED_B, POOLS]), ["n/c", "n/a"]);
  deepStrictEqual(waiters.wake([LABELS]), ["n/z"]);
  deepStrictEqual(
    waiters.wake([{ kind: "namespace-changed", namespace: "x" }]),
    [],
  );
  deepStrictEqual(
    waiters.wake([{ kind: "everything-changed" }]),
    ["n/z", "n/b", "n/c", "n/a"],
  );
  deepStrictEqual(waiters.wake([]), []);
});

Deno.test("Waiters.wake() tells addresses apart", () => {
  const waiters = new Waiters();
  const [one, two] = [parseIpAddr("10.0.0.1"), parseIpAddr("10.0.0.2")];
  if (one === undefined || two === undefined) throw new TypeError("address");
  waiters.wait({ service: "n/a", createdAt: day(1) }, [
    { kind: "sharers-changed", address: one },
  ]);
  deepStrictEqual(
    waiters.wake([{ kind: "sharers-changed", address: two }]),
    [],
  );
  deepStrictEqual(waiters.wake([{ kind: "sharers-changed", address: one }]), [
    "n/a",
  ]);
});

Deno.test("Waiters.wait() again replaces what a Service waits for", () => {
  const waiters = new Waiters();
  waiters.wait({ service: "n/a", createdAt: day(1) }, [FREED_A]);
  waiters.wait({ service: "n/a", createdAt: day(1) }, [FREED_B]);
  strictEqual(waiters.size, 1);
  deepStrictEqual(waiters.wake([FREED_A]), []);
  deepStrictEqual(waiters.wake([FREED_B]), ["n/a"]);
  strictEqual(waiters.has("n/a"), true);
});

Deno.test("Waiters.stop() ends the waiting, and a wake does not", () => {
  const waiters = new Waiters();
  waiters.wait({ service: "n/a", createdAt: day(1) }, [FREED_A]);
  deepStrictEqual(waiters.wake([FREED_A]), ["n/a"]);
  deepStrictEqual(waiters.wake([FREED_A]), ["n/a"]);
  waiters.stop("n/a");
  waiters.stop("n/unknown");
  strictEqual(waiters.has("n/a"), false);
  deepStrictEqual(waiters.wake([FREED_A, { kind: "everything-changed" }]), []);
});

function day(n: number): string {
  return `2025-01-0${n}T00:00:00Z`;
}
