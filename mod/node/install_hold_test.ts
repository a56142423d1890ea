import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { projectBgpPeer } from "@/api/mod.ts";
import { BGP_FINALIZER, CLEANUP_FINALIZER } from "@/api/names.ts";
import type { PlannedWrite } from "@/reconcile/mod.ts";
import { MainStage, type Raw } from "./_main_stage_test.ts";

const DELETE = "$deleteFromPrimitiveList/finalizers";

Deno.test("the rights of an installation are held while a Service has an address, and only then", () => {
  const install = new Install();
  install.stage.lead();
  install.pass(5_000);
  deepStrictEqual(install.patches, []);
  install.stage.serve();
  install.pass(5_000);
  deepStrictEqual(install.patches, [
    ...PATHS.map((path) => `finalizers ${path}`),
  ]);
  const service = install.stage.objects.get("service/default/web") ?? {};
  install.stage.put("service/default/web", {
    ...service,
    metadata: {
      ...service["metadata"] as Raw,
      deletionTimestamp: "2026-01-01T00:00:10Z",
    },
  });
  install.pass(5_000);
  deepStrictEqual(install.patches.slice(3), [
    ...PATHS.map((path) => `${DELETE} ${path}`),
  ]);
});

Deno.test("when the installation goes, marks are taken off, addresses stay, and the rights are let go last", () => {
  const install = new Install();
  install.stage.lead();
  install.stage.serve();
  install.pass(5_000);
  install.patches.length = 0;
  ok(marks(install.stage, "service/default/web").includes("finalizer."));
  ok(marks(install.stage, "eip/pool").includes("finalizer."));
  install.isGoing = true;
  install.onPatch = () => {
    strictEqual(marks(install.stage, "service/default/web"), "[]");
    strictEqual(marks(install.stage, "eip/pool"), "[]");
  };
  install.pass(10_000);
  deepStrictEqual(install.patches, PATHS.map((path) => `${DELETE} ${path}`));
  const service = JSON.stringify(
    install.stage.objects.get("service/default/web"),
  );
  ok(service.includes('"ingress":[{"ip":"192.0.2.91"'), service);
  ok(!service.includes("eip.openelb.kubesphere.io/v1alpha2"), service);
  ok(service.includes('"conditions":[]'), service);
  // Nothing is given out, and nothing is marked again.
  install.pass(60_000);
  strictEqual(marks(install.stage, "service/default/web"), "[]");
  strictEqual(install.patches.length, 3);
});

Deno.test("OpenELB's finalizer on a BgpPeer holds the rights, and is taken off when the installation goes", () => {
  const install = new Install();
  install.stage.lead();
  install.showPeer([BGP_FINALIZER, "example.org/other"]);
  install.pass(5_000);
  deepStrictEqual(install.patches, PATHS.map((path) => `finalizers ${path}`));
  deepStrictEqual(install.peer, [BGP_FINALIZER, "example.org/other"]);
  install.patches.length = 0;
  install.isGoing = true;
  install.onPatch = () => deepStrictEqual(install.peer, ["example.org/other"]);
  install.pass(10_000);
  deepStrictEqual(install.patches, PATHS.map((path) => `${DELETE} ${path}`));
});

Deno.test("an agent that is told to end with its installation takes the marks off first", () => {
  const install = new Install();
  install.stage.lead();
  install.stage.serve();
  install.pass(5_000);
  install.isGoing = true;
  install.onPatch = () => {
    strictEqual(marks(install.stage, "service/default/web"), "[]");
    strictEqual(marks(install.stage, "eip/pool"), "[]");
  };
  // What the binding reads is not answered before the Leases are given back.
  install.isSilent = true;
  install.stage.step({ kind: "shutdown" });
  install.stage.step({ kind: "wire", report: { kind: "left" } });
  install.answer();
  ok(!hasExited(install.stage));
  install.isSilent = false;
  install.pass(5_000);
  strictEqual(marks(install.stage, "service/default/web"), "[]");
  strictEqual(marks(install.stage, "eip/pool"), "[]");
  ok(hasExited(install.stage));
});

Deno.test("an agent that is told to end for another reason does not wait", () => {
  const install = new Install();
  install.stage.lead();
  install.stage.serve();
  install.pass(5_000);
  install.stage.step({ kind: "shutdown" });
  install.stage.step({ kind: "wire", report: { kind: "left" } });
  install.answer();
  ok(hasExited(install.stage));
  ok(marks(install.stage, "service/default/web").includes("finalizer."));
});

Deno.test("where nobody gives addresses out, another agent takes the marks off after some seconds", () => {
  const install = new Install();
  install.stage.links();
  install.stage.put("eip/pool", POOL);
  install.stage.put("service/default/web", MARKED);
  install.stage.put("lease/openelb-system/openelb-controller", OTHERS_LEASE);
  install.stage.listAll();
  install.isGoing = true;
  install.pass(4_000);
  ok(marks(install.stage, "service/default/web").includes("finalizer."));
  install.pass(10_000);
  strictEqual(marks(install.stage, "service/default/web"), "[]");
  deepStrictEqual(install.patches, PATHS.map((path) => `${DELETE} ${path}`));
  // Also when it comes to lead, nothing is marked again.
  install.pass(60_000);
  ok(install.stage.core.view.membership.mayLead({
    nowMs: install.stage.nowMs,
    nowIso: "",
  }));
  strictEqual(marks(install.stage, "service/default/web"), "[]");
});

Deno.test("an agent that starts while the installation goes puts no finalizer on what is being deleted", () => {
  const install = new Install();
  install.isHeld = true;
  install.isGoing = true;
  install.stage.put("eip/pool", POOL);
  install.stage.put("service/default/web", MARKED);
  install.stage.links();
  install.stage.listAll();
  install.pass(10_000);
  deepStrictEqual(install.patches, PATHS.map((path) => `${DELETE} ${path}`));
});

Deno.test("an agent that was not installed asks for no binding", () => {
  const stage = new MainStage();
  stage.lead();
  stage.serve();
  deepStrictEqual(
    stage.lines.filter((line) => line.includes("install")),
    [],
  );
});

/** An agent that was installed, and the objects it was installed with. */
class Install {
  readonly stage = new MainStage("n1", { installation: "foghorn" });
  /** What was asked of finalizers, and where. */
  readonly patches: string[] = [];
  isGoing = false;
  /** Whether requests about the installation wait. */
  isSilent = false;
  onPatch: () => void = () => {};
  readonly #waiting: PlannedWrite[] = [];
  isHeld = false;
  /** Finalizers of the BgpPeer. */
  peer: readonly string[] = [];
  #peerVersion = 10_000;

  constructor() {
    const { stage } = this;
    const answer = stage.answer.bind(stage);
    stage.answer = (write) => {
      if (write.id.startsWith("install")) this.#install(write);
      else if (write.id === "bgppeer/peer") this.#patchPeer(write);
      else answer(write);
    };
  }

  /** There is a BgpPeer with these finalizers. */
  showPeer(finalizers: readonly string[]): void {
    this.peer = finalizers;
    const peer = projectBgpPeer({
      metadata: {
        name: "peer",
        uid: "peer",
        creationTimestamp: "2026-01-01T00:00:00Z",
        resourceVersion: `${++this.#peerVersion}`,
        finalizers,
      },
      spec: { conf: { neighborAddress: "192.0.2.1", peerAs: 64_512 } },
    });
    if (!peer.ok) throw new Error(peer.error);
    const news = { kind: "changed", object: peer.value } as const;
    this.stage.step({ kind: "watch", watched: "bgppeer", news });
  }

  /** Answers everything that is open. */
  answer(): void {
    if (!this.isSilent) this.stage.open.push(...this.#waiting.splice(0));
    this.stage.answerAll();
    for (const effect of this.stage.effects.splice(0)) {
      if (effect.kind === "relist") this.stage.relist(effect.watched);
      if (effect.kind === "exit") this.stage.effects.push(effect);
    }
  }

  /** Lets time pass. */
  pass(durationMs: number): void {
    const untilMs = this.stage.nowMs + durationMs;
    this.answer();
    for (;;) {
      const dueMs = this.stage.core.deadlineMs();
      if (hasExited(this.stage) || dueMs === undefined || dueMs > untilMs) {
        break;
      }
      this.stage.deadline();
      this.answer();
    }
    this.stage.nowMs = untilMs;
  }

  #patchPeer(write: PlannedWrite): void {
    const { metadata } = write.body as {
      readonly metadata: { readonly finalizers: readonly string[] };
    };
    const outcome = { kind: "written", object: {} } as const;
    this.stage.step({ kind: "written", write, outcome });
    this.showPeer(metadata.finalizers);
  }

  #install(write: PlannedWrite): void {
    if (this.isSilent) {
      this.#waiting.push(write);
      return;
    }
    if (write.method === "PATCH") {
      const { metadata } = write.body as { readonly metadata: Raw };
      const [how = ""] = Object.keys(metadata);
      deepStrictEqual(metadata[how], [CLEANUP_FINALIZER]);
      this.patches.push(`${how} ${write.path}`);
      this.onPatch();
      this.isHeld = how === "finalizers";
    }
    const object = {
      metadata: {
        finalizers: this.isHeld ? [CLEANUP_FINALIZER] : [],
        ...(this.isGoing ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
      },
      roleRef: { name: "foghorn" },
      subjects: [{
        kind: "ServiceAccount",
        name: "foghorn",
        namespace: "openelb-system",
      }],
    };
    this.stage.step({
      kind: "written",
      write,
      outcome: { kind: "written", object },
    });
  }
}

function marks({ objects }: MainStage, path: string): string {
  const metadata = objects.get(path)?.["metadata"] as Raw | undefined;
  return JSON.stringify(metadata?.["finalizers"] ?? []);
}

function hasExited({ effects }: MainStage): boolean {
  return effects.some(({ kind }) => kind === "exit");
}

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const PATHS = [
  "/api/v1/namespaces/openelb-system/serviceaccounts/foghorn",
  `${RBAC}/clusterroles/foghorn`,
  `${RBAC}/clusterrolebindings/foghorn`,
];
const MARKED: Raw = {
  metadata: {
    name: "web",
    namespace: "default",
    labels: { "eip.openelb.kubesphere.io/v1alpha2": "pool" },
    finalizers: ["finalizer.lb.kubesphere.io/v1alpha1"],
  },
  spec: { type: "LoadBalancer", loadBalancerClass: "openelb.io/openelb" },
  status: { loadBalancer: { ingress: [{ ip: "192.0.2.91" }] } },
};
const POOL: Raw = {
  metadata: { name: "pool" },
  spec: { address: "192.0.2.91", protocol: "layer2", interface: "eth0" },
};
// Held by one that is gone, until it runs out.
const OTHERS_LEASE: Raw = {
  metadata: { name: "openelb-controller", namespace: "openelb-system" },
  spec: {
    holderIdentity: "n2_elsewhere_1",
    leaseDurationSeconds: 30,
    renewTime: "2026-01-01T00:00:00.000000Z",
  },
};
