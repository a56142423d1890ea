import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { AdmissionCertificate, AdmissionSecret } from "@/api/mod.ts";
import { webhookNames } from "@/api/mod.ts";
import {
  AdmissionKeeper,
  CONFIGURATION_INTERVAL_MS,
  type KeeperOrders,
} from "./admission_keeper.ts";
import type { Instant } from "./main_events.ts";

const NAMESPACE = "openelb-system";
const START_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const GOOD: AdmissionCertificate = {
  notBeforeMs: START_MS,
  notAfterMs: START_MS + 90 * DAY_MS,
  authorityNotAfterMs: START_MS + 3_650 * DAY_MS,
  names: webhookNames(NAMESPACE),
  caBundle: "Q0E=",
};

/** A keeper, with an API server that has a configuration or none. */
class Stage {
  readonly keeper = new AdmissionKeeper(NAMESPACE);
  nowMs = 0;
  /** The `caBundle` of each webhook; undefined: there is no configuration. */
  bundles: string[] | undefined = [""];
  version = 1;
  readonly orders: (readonly string[])[] = [];
  readonly reasons: string[] = [];

  get at(): Instant {
    return {
      nowMs: this.nowMs,
      nowIso: new Date(START_MS + this.nowMs).toISOString(),
    };
  }

  list(...certificates: readonly AdmissionSecret[]): void {
    this.keeper.take({
      kind: "listed",
      objects: certificates,
      resourceVersion: "1",
    });
  }

  look(leads = true): KeeperOrders {
    const orders = this.keeper.look(leads, this.at);
    if (orders.order !== undefined) this.orders.push(orders.order.names);
    if (orders.why !== undefined) this.reasons.push(orders.why);
    return orders;
  }

  /** Looks and answers until nothing is asked; the methods of what was asked. */
  settle(): readonly string[] {
    const asked: string[] = [];
    for (let round = 0; round < 10; round++) {
      const { writes } = this.look();
      if (writes.length === 0) {
        // Due in the past it would be woken for ever.
        ok((this.keeper.deadlineMs() ?? Infinity) > this.nowMs);
        return asked;
      }
      for (const write of writes) {
        asked.push(write.method);
        if (write.method === "PATCH") this.#apply(write.body);
        this.keeper.written(
          write,
          this.bundles === undefined
            ? { kind: "failed", reason: "not-found", message: "" }
            : { kind: "written", object: this.configuration() },
          this.at,
        );
      }
    }
    throw new Error("It does not come to rest");
  }

  configuration(): unknown {
    return {
      metadata: { resourceVersion: String(this.version) },
      webhooks: this.bundles?.map((caBundle) => ({
        clientConfig: caBundle === "" ? {} : { caBundle },
      })),
    };
  }

  #apply(body: unknown): void {
    const [test, ...rest] = body as {
      readonly path: string;
      readonly value: string;
    }[];
    strictEqual(test?.value, String(this.version));
    for (const { path, value } of rest) {
      const [, index = ""] = /^\/webhooks\/(\d+)\/clientConfig\/caBundle$/
        .exec(path) ?? [];
      (this.bundles ?? [])[Number(index)] = value;
    }
    this.version++;
  }
}

function secret(certificate?: Partial<AdmissionCertificate>): AdmissionSecret {
  const meta = {
    name: "foghorn-admission-certificate",
    namespace: NAMESPACE,
    uid: "u",
    resourceVersion: "1",
    labels: {},
    annotations: {},
    finalizers: [],
  };
  return certificate === undefined
    ? { meta, problem: "it has no certificate" }
    : { meta, certificate: { ...GOOD, ...certificate } };
}

Deno.test("AdmissionKeeper asks for nothing where it does not lead", () => {
  const stage = new Stage();
  stage.list();
  deepStrictEqual(stage.look(false).writes, []);
  strictEqual(stage.orders.length, 0);
  strictEqual(stage.keeper.deadlineMs(), undefined);
});

Deno.test("AdmissionKeeper makes no certificate while there is no configuration", () => {
  const stage = new Stage();
  stage.bundles = undefined;
  stage.list();
  deepStrictEqual(stage.settle(), ["GET"]);
  strictEqual(stage.orders.length, 0);
  // It is looked for again.
  strictEqual(stage.keeper.deadlineMs(), CONFIGURATION_INTERVAL_MS);
  stage.nowMs = CONFIGURATION_INTERVAL_MS;
  stage.bundles = [""];
  stage.settle();
  strictEqual(stage.orders.length, 1);
});

Deno.test("AdmissionKeeper makes no certificate before it knows the Secret", () => {
  const stage = new Stage();
  stage.settle();
  strictEqual(stage.orders.length, 0);
  stage.list();
  stage.look();
  strictEqual(stage.orders.length, 1);
});

Deno.test.each([
  { name: "there is no Secret", secrets: [], why: "there is none" },
  {
    name: "the Secret is empty",
    secrets: [secret()],
    why: "it has no certificate",
  },
  {
    name: "it is for another namespace",
    secrets: [secret({ names: webhookNames("elsewhere") })],
    why: "it is not for foghorn-admission.openelb-system.svc",
  },
  {
    name: "it is in its last third",
    secrets: [secret({ notAfterMs: START_MS + 3_600_000 })],
    nowMs: 2_400_000,
    why: "it is valid until 2026-01-01T01:00:00.000Z only",
  },
  {
    name: "its authority ends before it",
    secrets: [secret({ authorityNotAfterMs: START_MS + 3_600_000 })],
    nowMs: 2_400_000,
    why: "it is valid until 2026-01-01T01:00:00.000Z only",
  },
  {
    name: "it is of the future",
    secrets: [secret({ notBeforeMs: START_MS + 1 })],
    why: "it is not valid yet",
  },
])("AdmissionKeeper renews when $name", ({ secrets, nowMs, why }) => {
  const stage = new Stage();
  stage.nowMs = nowMs ?? 0;
  stage.list(...secrets);
  stage.settle();
  deepStrictEqual(stage.orders, [webhookNames(NAMESPACE)]);
  deepStrictEqual(stage.reasons, [why]);
  // Nothing is put into the configuration meanwhile.
  deepStrictEqual(stage.bundles, [""]);
});

Deno.test("AdmissionKeeper renews a certificate in its last third, and not before", () => {
  const stage = new Stage();
  stage.list(secret({}));
  stage.nowMs = 60 * DAY_MS - 1;
  stage.settle();
  strictEqual(stage.orders.length, 0);
  stage.nowMs += 1;
  stage.settle();
  strictEqual(stage.orders.length, 1);
});

Deno.test("AdmissionKeeper orders once until it is answered, and not at once after", () => {
  const stage = new Stage();
  stage.list();
  stage.settle();
  stage.settle();
  strictEqual(stage.orders.length, 1);
  stage.keeper.ordered(stage.at);
  stage.settle();
  strictEqual(stage.orders.length, 1);
  const dueMs = stage.keeper.deadlineMs();
  ok(dueMs !== undefined && dueMs > stage.nowMs);
  stage.nowMs = dueMs;
  stage.settle();
  strictEqual(stage.orders.length, 2);
});

Deno.test("AdmissionKeeper puts caBundle into every webhook that lacks it, and writes nothing that already reads so", () => {
  const stage = new Stage();
  stage.bundles = ["", GOOD.caBundle, "b2xk"];
  stage.list(secret({}));
  deepStrictEqual(stage.settle(), ["GET", "PATCH"]);
  deepStrictEqual(stage.bundles, Array(3).fill(GOOD.caBundle));
  stage.nowMs = CONFIGURATION_INTERVAL_MS;
  deepStrictEqual(stage.settle(), ["GET"]);
});

Deno.test("AdmissionKeeper puts it back after the configuration was replaced", () => {
  const stage = new Stage();
  stage.list(secret({}));
  stage.settle();
  stage.bundles = [""];
  stage.version = 9;
  stage.nowMs = CONFIGURATION_INTERVAL_MS;
  deepStrictEqual(stage.settle(), ["GET", "PATCH"]);
  deepStrictEqual(stage.bundles, [GOOD.caBundle]);
});

Deno.test("AdmissionKeeper reads the configuration again after a patch was refused", () => {
  const stage = new Stage();
  stage.list(secret({}));
  const [get] = stage.look().writes;
  ok(get !== undefined);
  stage.keeper.written(get, {
    kind: "written",
    object: stage.configuration(),
  }, stage.at);
  const [patch] = stage.look().writes;
  strictEqual(patch?.method, "PATCH");
  stage.keeper.written(patch, {
    kind: "failed",
    reason: "invalid",
    message: "testing value /metadata/resourceVersion failed",
  }, stage.at);
  deepStrictEqual(stage.look().writes, []);
  stage.nowMs = stage.keeper.deadlineMs() ?? 0;
  deepStrictEqual(stage.settle(), ["GET", "PATCH"]);
});

Deno.test("AdmissionKeeper keeps what it knows of the configuration during an outage", () => {
  const stage = new Stage();
  stage.list(secret({}));
  stage.settle();
  stage.nowMs = CONFIGURATION_INTERVAL_MS;
  const [get] = stage.look().writes;
  ok(get !== undefined);
  stage.keeper.written(get, {
    kind: "failed",
    reason: "unreachable",
    message: "",
  }, stage.at);
  // It asks again after a while, not at once, and makes nothing before it knows.
  stage.keeper.take({ kind: "deleted", key: "x" });
  deepStrictEqual(stage.look().writes, []);
  strictEqual(stage.orders.length, 0);
  stage.nowMs = stage.keeper.deadlineMs() ?? 0;
  deepStrictEqual(stage.settle(), ["GET"]);
  deepStrictEqual(stage.reasons, ["there is none"]);
});

Deno.test("AdmissionKeeper makes no new Secret for an installation that is taken away", () => {
  const stage = new Stage();
  stage.list(secret({}));
  stage.settle();
  // The Secret goes first, the configuration a moment later.
  stage.keeper.take({ kind: "deleted", key: "x" });
  stage.settle();
  strictEqual(stage.orders.length, 0);
  stage.nowMs += 100;
  stage.bundles = undefined;
  for (let i = 0; i < 5; i++) {
    stage.nowMs = stage.keeper.deadlineMs() ?? 0;
    stage.settle();
  }
  strictEqual(stage.orders.length, 0);
});

Deno.test("AdmissionKeeper wakes up in the future, whatever comes", () => {
  const stage = new Stage();
  stage.list();
  stage.settle();
  stage.keeper.ordered(stage.at);
  stage.list(secret({}));
  for (let i = 0; i < 20; i++) {
    stage.settle();
    stage.nowMs = stage.keeper.deadlineMs() ?? 0;
  }
  // Twenty readings apart by half a minute.
  ok(stage.nowMs >= 19 * CONFIGURATION_INTERVAL_MS);
});

Deno.test("AdmissionKeeper looks at once when it becomes the leader", () => {
  const stage = new Stage();
  stage.list(secret({}));
  stage.settle();
  stage.look(false);
  stage.nowMs += 1;
  deepStrictEqual(stage.settle(), ["GET"]);
});
