import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import { ip, NOW, type Raw, ReportStage } from "./_report_stage_test.ts";
import type { WhyReport } from "./report.ts";
import { whyService } from "./why.ts";

const OFFICE = { address: "192.0.2.91-192.0.2.93" };
const DEFAULT: Raw = { "eip.openelb.kubesphere.io/is-default-eip": "true" };
const ASSIGNED: Raw = {
  type: "AddressAssigned",
  status: "True",
  reason: "Assigned",
  message: "",
  lastTransitionTime: "2026-01-01T10:00:00Z",
};

function stage(): ReportStage {
  return new ReportStage().eip("office", OFFICE, DEFAULT)
    .service("web", { vips: ["192.0.2.91"], conditions: [ASSIGNED] })
    .endpoints("web", "n1", "n2", "n3");
}

Deno.test("whyService() tells the chain of a Service that is answered for", () => {
  const report = why(
    stage().eip("other", { address: "192.0.2.99", namespaces: ["else"] }),
  );
  strictEqual(report.verdict, "ok");
  deepStrictEqual(storyOf(report), [
    "ok Opted in: by spec.loadBalancerClass openelb.io/openelb",
    "ok Pool: office, which it keeps: an address moves only when another one is asked for",
    "  ok office: 192.0.2.91-192.0.2.93",
    "  note other: is neither bound to the namespace shop nor the default",
    "ok Address: 192.0.2.91, assigned 2026-01-01T10:00:00Z",
    "ok Candidates: n3 first, then n1, then n2",
    "  ok n3: may answer on eth0",
    "  ok n1: may answer on eth0",
    "  ok n2: may answer on eth0",
    "ok Owner: n3, being first in line: nothing tells of another one",
    "ok On the wire: no agent reports anything amiss; n3 tells what it does when foghorn why is run there without a kubeconfig",
  ]);
  match(report.sentence, /^192\.0\.2\.91 is answered for by n3, /);
});

const ENDS: readonly {
  readonly name: string;
  readonly change: (stage: ReportStage) => unknown;
  readonly verdict: string;
  /** The last step, with its reason. */
  readonly last: RegExp;
}[] = [
  {
    name: "is of another class",
    change: (stage) =>
      stage.service("web", { spec: { loadBalancerClass: "example.com/lb" } }),
    verdict: "note",
    last:
      /^note Opted in NotOurs: It is of the class example\.com\/lb, which another/,
  },
  {
    name: "did not opt in",
    change: (stage) =>
      stage.service("web", { spec: { loadBalancerClass: undefined } }),
    verdict: "note",
    last:
      /^note Opted in NotOurs: It does not ask for us: add the annotation lb\.kubesphere\.io\/v1alpha1: openelb/,
  },
  {
    name: "is no load balancer",
    change: (stage) => stage.service("web", { spec: { type: "ClusterIP" } }),
    verdict: "note",
    last: /: It is of type ClusterIP: set spec\.type to LoadBalancer$/,
  },
  {
    name: "names an Eip that is not there",
    change: (stage) =>
      stage.service("web", {
        annotations: { "eip.openelb.kubesphere.io/v1alpha2": "nix" },
      }),
    verdict: "problem",
    last:
      /^problem Pool PoolNotFound: Eip\.network\.kubesphere\.io "nix" not found: create an Eip/,
  },
  {
    name: "names what is no address",
    change: (stage) =>
      stage.service("web", {
        annotations: { "eip.openelb.kubesphere.io/v1alpha1": "nix" },
      }),
    verdict: "problem",
    last:
      /^problem Pool AddressInvalid: Cannot allocate "nix": it is not an IP address/,
  },
  {
    name: "finds its pool full",
    change: (stage) =>
      stage.eip("office", { address: "192.0.2.91" }, DEFAULT).service("web")
        .service("first", { vips: ["192.0.2.91"] }),
    verdict: "problem",
    last:
      /^problem Pool PoolExhausted: No suitable ip to allocate: release an address of the Eip office/,
  },
  {
    name: "is about to get its address",
    change: (stage) => stage.service("web"),
    verdict: "note",
    last:
      /^note Address BeingAssigned: 192\.0\.2\.91 is chosen for it and not written yet$/,
  },
  {
    name: "waits since nobody gives out addresses",
    change: (stage) => {
      stage.service("web").holder = { node: "n2", live: false };
    },
    verdict: "problem",
    last:
      /^problem Address NoController: .* Nobody gives out addresses, n2 did last: another agent takes over/,
  },
  {
    name: "has no endpoint",
    change: (stage) => stage.endpoints("web"),
    verdict: "problem",
    last:
      /^problem Candidates NoReadyEndpoint: No endpoint of shop\/web is ready: make a Pod/,
  },
  {
    name: "has an address that a foreign host has, as an agent says",
    change: (stage) =>
      stage.agent("n2", {
        problems: [{
          eip: "office",
          reason: "AddressConflict",
          message:
            "The host with the MAC address 02:00:00:00:00:66 on eth0 claims 192.0.2.91 too: find it",
        }],
      }),
    verdict: "problem",
    last:
      /^problem On the wire AddressConflict: The host .* claims 192\.0\.2\.91 too: find it \(said by n2\)$/,
  },
  {
    name: "is not what an agent says of an address that begins alike",
    change: (stage) =>
      stage.agent("n2", {
        problems: [{
          eip: "office",
          reason: "AddressConflict",
          message: "The host claims 192.0.2.911 too: find it",
        }],
      }),
    verdict: "ok",
    last: /^ok On the wire: no agent reports anything amiss/,
  },
];

Deno.test.each(ENDS)(
  "whyService() tells of a Service that $name",
  ({ change, verdict, last }) => {
    const world = stage();
    change(world);
    const report = why(world);
    strictEqual(report.verdict, verdict);
    const step = report.steps.at(-1);
    match(
      `${step?.verdict} ${step?.step}${
        step?.reason === undefined ? "" : ` ${step.reason}`
      }: ${step?.sentence}`,
      last,
    );
    if (verdict !== "ok") strictEqual(report.sentence, step?.sentence);
  },
);

Deno.test("whyService() tells of each family of a dual-stack Service", () => {
  const world = stage().eip("six", { address: "2001:db8::91" }, DEFAULT)
    .service("web", {
      vips: ["192.0.2.91"],
      spec: { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "PreferDualStack" },
    });
  deepStrictEqual(
    why(world).steps.filter(({ step }) => step === "Pool" || step === "Address")
      .map(({ step, verdict, sentence }) => `${verdict} ${step}: ${sentence}`),
    [
      "ok Pool: office, which it keeps: an address moves only when another one is asked for",
      "ok Address: 192.0.2.91",
      "ok Pool: six",
      "note Address: 2001:db8::91 is chosen for it and not written yet",
    ],
  );
});

Deno.test("whyService() says of an owner how it is known", () => {
  const announced = (node: string): Raw => ({
    type: "Announced",
    status: "True",
    reason: "Announced",
    message: `owner ${node} of 192.0.2.91 since 2026-01-01T11:00:00Z`,
    lastTransitionTime: "2026-01-01T11:00:00Z",
  });
  const told = (world: ReportStage) => {
    world.told.set("shop/web", { node: "n1", at: "2026-01-01T11:30:00Z" });
    return world;
  };
  strictEqual(
    ownerIn(stage()),
    "n3, being first in line: nothing tells of another one",
  );
  strictEqual(
    ownerIn(told(stage())),
    "n1 since 2026-01-01T11:30:00Z, by the Event SetBalancer",
  );
  const moved = () =>
    told(stage()).service("web", {
      vips: ["192.0.2.91"],
      conditions: [announced("n2")],
    });
  strictEqual(
    ownerIn(moved()),
    "n2 since 2026-01-01T11:00:00Z, by the condition Announced",
  );
  // Whoever cannot answer any more has been followed.
  strictEqual(
    ownerIn(moved().node("n2", { ready: "False" })),
    "n1 since 2026-01-01T11:30:00Z, by the Event SetBalancer",
  );
  strictEqual(
    ownerIn(moved().asks("n3", { "192.0.2.91": 60_000 })),
    "n3 since 2026-01-01T11:59:00Z",
  );
  // Who is asked and does not answer knows better than what was written of it.
  strictEqual(
    ownerIn(moved().asks("n2")),
    "n1 since 2026-01-01T11:30:00Z, by the Event SetBalancer",
  );
});

Deno.test("whyService() does not take an Event for more than it says", () => {
  const world = stage().service("web", { vips: ["192.0.2.91", "192.0.2.92"] });
  world.told.set("shop/web", { node: "n1", at: "2026-01-01T11:30:00Z" });
  match(ownerIn(world), /^n3, being first in line/);
});

Deno.test("whyService() tells what the agent that is asked does and hears", () => {
  const world = stage().asks("n3", { "192.0.2.91": 5_000 });
  const [wire] = why(world).steps.filter(({ step }) => step === "On the wire");
  strictEqual(wire?.sentence, "n3 answers for 192.0.2.91");
  deepStrictEqual(
    wire?.rows.map(({ name, sentence }) => `${name}: ${sentence}`),
    ["n3 eth0: answers since 2026-01-01T11:59:55Z"],
  );
});

Deno.test("whyService() tells that a link cannot be served", () => {
  const world = stage().asks("n1");
  world.own?.owners.take({
    kind: "link-failed",
    link: "eth0",
    message: "Cannot open packet socket",
  }, { nowMs: 0, nowIso: NOW });
  const step = why(world).steps.at(-1);
  strictEqual(step?.verdict, "problem");
  strictEqual(step?.sentence, "eth0 is not served: Cannot open packet socket");
});

Deno.test("whyService() tells that the owner is not heard", () => {
  const world = stage().asks("n1");
  world.own?.owners.take({
    kind: "presence",
    vip: ip("192.0.2.91"),
    link: "eth0",
    owner: "n3",
    verdict: { kind: "nobody" },
  }, { nowMs: 0, nowIso: NOW });
  const step = why(world).steps.at(-1);
  match(
    step?.sentence ?? "",
    /^192\.0\.2\.91 does not answer on eth0 although n3 owns it: look at/,
  );
});

Deno.test("whyService() says that a Service cannot be read", () => {
  const world = stage();
  world.unreadable = [
    { watched: "eip", key: "shop/odd", reason: "another one" },
    { watched: "service", key: "shop/odd", reason: "spec.ports is no list" },
  ];
  const report = whyService(world.source(), "shop/odd");
  strictEqual(report?.verdict, "problem");
  strictEqual(
    report?.sentence,
    "It cannot be read, and is passed over: spec.ports is no list",
  );
});

Deno.test("whyService() knows nothing of a Service that is not there", () => {
  strictEqual(whyService(stage().source(), "shop/nix"), undefined);
});

function why(world: ReportStage): WhyReport {
  const report = whyService(world.source(), "shop/web");
  assert(report !== undefined, "shop/web is there");
  return report;
}

function ownerIn(world: ReportStage): string {
  return why(world).steps.find(({ step }) => step === "Owner")?.sentence ?? "";
}

function storyOf({ steps }: WhyReport): readonly string[] {
  return steps.flatMap(({ step, verdict, sentence, rows }) => [
    `${verdict} ${step}: ${sentence}`,
    ...rows.map((row) => `  ${row.verdict} ${row.name}: ${row.sentence}`),
  ]);
}
