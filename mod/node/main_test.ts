import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import { ETH0, listed, MainStage, type Raw } from "./_main_stage_test.ts";
import { encodeLinks } from "@/api/mod.ts";
import { macAddr } from "@/addr/mac_addr.ts";
import type { FellowReport } from "@/layer2/failover/events.ts";
import { clusterIdOf } from "@/wire/fellow.ts";
import { REFUSAL_SETTLE_MS } from "./missing_rights.ts";
import { UNDER_WAY_MAX } from "./outbox.ts";
import { NEWS_KINDS, WATCHED_KINDS } from "./watches.ts";

Deno.test("main transcript: start, first list to last, Lease, leadership, fresh lists, first address", async (t) => {
  const stage = new MainStage();
  stage.put("eip/pool", EIP);
  stage.put("endpointslice/default/web-1", SLICE);
  stage.put("service/default/web", SERVICE);
  stage.lines.length = 0;
  stage.links();
  for (const watched of WATCHED_KINDS) stage.list(watched);
  stage.listSecret();
  stage.answerAll();
  for (const watched of ["eip", "namespace", "service"] as const) {
    stage.list(watched);
  }
  stage.answerAll();
  await t.assertSnapshot(stage.text);
});

Deno.test("main transcript: told to end, hands over, gives the Leases back, exits", async (t) => {
  const stage = new MainStage();
  stage.lead();
  stage.serve();
  stage.lines.length = 0;
  stage.step({ kind: "shutdown" });
  stage.answerAll();
  stage.step({ kind: "wire", report: { kind: "left" } });
  stage.answerAll();
  stage.step({ kind: "deadline" });
  await t.assertSnapshot(stage.text);
});

Deno.test("MainCore decides nothing before every kind was listed once", () => {
  for (const missing of WATCHED_KINDS) {
    const stage = new MainStage();
    stage.put("eip/pool", EIP);
    stage.put("service/default/web", ADDRESSED);
    stage.links();
    for (const watched of WATCHED_KINDS) {
      if (watched !== missing) stage.list(watched);
    }
    stage.nowMs = 60_000;
    stage.step({ kind: "deadline" });
    deepStrictEqual(stage.commands(), [], missing);
    const written = stage.open.map(({ id }) => id.replace(/@.*/, ""));
    // To lead is no decision: nothing follows from it yet.
    ok(
      written.every((id) => id === "lease/openelb-controller"),
      `${missing}: ${written}`,
    );
  }
});

Deno.test("MainCore tells the wire core which cluster it is, once the Secret was looked for", () => {
  const stage = new MainStage();
  stage.links();
  for (const watched of WATCHED_KINDS) stage.list(watched);
  const cluster = () =>
    stage.commands().filter(({ kind }) => kind === "cluster");
  deepStrictEqual(cluster(), []);
  stage.listSecret();
  const clusterId = clusterIdOf("uid-namespace/kube-system");
  deepStrictEqual(cluster(), [{ kind: "cluster", clusterId }]);
  const wireKey = "AAAAAAAAAAAAAAAAAAAAAA==";
  const metadata = { name: "foghorn-wire-key" };
  stage.listSecret({ metadata, data: { key: wireKey } });
  deepStrictEqual(cluster().at(-1), { kind: "cluster", clusterId, wireKey });
  stage.listSecret({ metadata, data: { key: "AAAA" } });
  strictEqual(cluster().length, 2);
  const said = stage.effects.filter(({ kind }) => kind === "log");
  ok(JSON.stringify(said).includes("at least 16 random bytes"));
  strictEqual(JSON.stringify(said).includes(wireKey), false);
});

Deno.test("MainCore decides without the Secret, and without a right to it", () => {
  const stage = new MainStage();
  stage.links();
  for (const watched of WATCHED_KINDS) stage.list(watched);
  const reason =
    'secrets is forbidden: User "u" cannot list resource "secrets" in API group "" in the namespace "openelb-system"';
  const before = stage.lines.length;
  for (const _ of [1, 2]) {
    stage.step({
      kind: "watch",
      watched: "secret",
      news: { kind: "lost", reason },
    });
  }
  const said = stage.lines.slice(before).join("\n");
  strictEqual(said.split("A right in Kubernetes is missing").length, 2);
  ok(said.includes("wire: cluster"));
  stage.answerAll();
  ok(stage.commands().some(({ kind }) => kind === "synced"));
});

Deno.test("MainCore adds up no refusals between which it stood still: the API server may be another", () => {
  const stage = new MainStage();
  const reason =
    'nodes is forbidden: User "u" cannot list resource "nodes" in API group "" at the cluster scope';
  const named = (): boolean =>
    stage.text.includes("A right in Kubernetes is missing");
  const refuse = (isAgain: boolean): void => {
    const news = { kind: "lost", reason } as const;
    stage.step({
      kind: "watch",
      watched: "node",
      news: isAgain ? { ...news, isAgain } : news,
    });
  };
  refuse(false);
  stage.step({ kind: "wire", report: { kind: "paused", gapMs: 30_000 } });
  stage.nowMs += REFUSAL_SETTLE_MS;
  refuse(true);
  strictEqual(named(), false);
  stage.nowMs += REFUSAL_SETTLE_MS;
  refuse(true);
  strictEqual(named(), true);
});

Deno.test("MainCore is frozen when its own Lease ran out, and an outage of the API expires nobody", () => {
  const stage = new MainStage();
  stage.lead();
  stage.put("lease/openelb-system/foghorn-node-n2", LEASE_OF_N2);
  const frozen = () =>
    stage.commands().flatMap((command) =>
      command.kind === "frozen" ? [command.frozen] : []
    );
  const isLive = () =>
    stage.commands().flatMap((command) =>
      command.kind === "nodes" ? [command.nodes] : []
    ).at(-1)?.find(({ node }) => node === "n2")?.live;
  strictEqual(isLive(), true);
  stage.effects.length = 0;
  const startMs = stage.core.view.membership.renewedMs ?? 0;
  while ((stage.core.deadlineMs() ?? 0) < startMs + 10_000) stage.deadline();
  deepStrictEqual(frozen(), []);
  while (stage.nowMs < startMs + 120_000) stage.deadline();
  deepStrictEqual(frozen(), [true]);
  // The wire core was told nothing else of the nodes.
  ok(isLive() !== false);
  stage.answerAll();
  strictEqual(frozen().at(-1), false);
  ok(isLive() !== false);
});

Deno.test("MainCore publishes that an agent with a live Lease is not heard on the link", () => {
  const stage = new MainStage();
  stage.lead();
  stage.serve();
  const links = encodeLinks([{ name: "eth0", up: true, mac: MAC2, prefixes }]);
  const annotations = { "foghorn.openelb.io/links": links };
  const n2 = () =>
    stage.put("lease/openelb-system/foghorn-node-n2", {
      metadata: { ...LEASE_OF_N2["metadata"] as Raw, annotations },
      spec: {
        ...LEASE_OF_N2["spec"] as Raw,
        renewTime: new Date(Date.UTC(2026, 0, 1) + stage.nowMs).toISOString(),
      },
    });
  const hears = (...fellows: readonly FellowReport[]) =>
    stage.step({
      kind: "wire",
      report: { kind: "fellows", link: "eth0", standing: "good", fellows },
    });
  const pass = (durationMs: number) => {
    const endMs = stage.nowMs + durationMs;
    while (stage.nowMs < endMs) {
      stage.deadline();
      stage.answerAll();
      n2();
    }
  };
  const problems = () => stage.published()["foghorn.openelb.io/problems"] ?? "";
  n2();
  hears();
  pass(25_000);
  strictEqual(problems(), "");
  pass(10_000);
  match(problems(), /"WireUnheard","eip":"pool".*n2 on eth0/);
  hears({ node: "n2", presence: "up", vips: 0 });
  pass(5_000);
  strictEqual(problems(), "");
});

Deno.test("MainCore that becomes the leader plans on fresh lists only", () => {
  const stage = new MainStage();
  stage.put("eip/pool", EIP);
  stage.links();
  stage.listAll();
  stage.answerAll();
  const relisted = stage.effects.flatMap((effect) =>
    effect.kind === "relist" ? [effect.watched] : []
  );
  deepStrictEqual(relisted.sort(), ["eip", "namespace", "service"]);
  stage.put("service/default/web", SERVICE);
  stage.list("eip");
  stage.list("namespace");
  strictEqual(stage.core.view.isLeader, false);
  ok(!stage.open.some(({ id }) => id.startsWith("service/")));
  stage.list("service");
  strictEqual(stage.core.view.isLeader, true);
  ok(stage.open.some(({ id }) => id === "service/default/web"));
});

Deno.test("MainCore names a missing right once, whatever wants it, and keeps what it has", () => {
  const stage = new MainStage();
  stage.lead();
  stage.serve();
  const refused = (name: string): string =>
    `Cannot PATCH /x/${name}: 403 services "${name}" is forbidden: User "u" cannot patch resource "services/status" in API group "" in the namespace "default"`;
  stage.effects.length = 0;
  for (const name of ["a", "b"]) {
    stage.put(`service/default/${name}`, {
      ...SERVICE,
      metadata: { name, namespace: "default" },
    });
    stage.refuseAll({ reason: "forbidden", message: refused(name) });
  }
  const logged = stage.effects.flatMap((effect) =>
    effect.kind === "log" ? [`${effect.level}: ${effect.message}`] : []
  );
  deepStrictEqual(logged, ["error: A right in Kubernetes is missing"]);
  const missing = () =>
    stage.core.view.rights.missing({ nowMs: stage.nowMs, nowIso: "" })
      .map(({ verb, resource }) => `${verb} ${resource}`);
  deepStrictEqual(missing(), ["patch services/status"]);
  strictEqual(stage.core.view.isLeader, true);
  deepStrictEqual(ingressOf(stage, "web"), ["192.0.2.91"]);
  while (ingressOf(stage, "b").length === 0) {
    stage.deadline();
    stage.answerAll();
  }
  deepStrictEqual(missing(), []);
});

Deno.test("MainCore does not take a stale list for the fresh one it waits for", () => {
  const stage = new MainStage();
  stage.put("eip/pool", EIP);
  stage.put("service/default/web", SERVICE);
  stage.links();
  stage.listAll();
  stage.answerAll();
  stage.list("eip");
  stage.list("namespace");
  stage.step({
    kind: "watch",
    watched: "service",
    news: { kind: "listed", objects: [], resourceVersion: "5" },
  });
  strictEqual(stage.core.view.isLeader, false);
  ok(stage.text.includes("List is older than what is known"));
  stage.nowMs += 5_000;
  stage.step({ kind: "deadline" });
  deepStrictEqual(
    stage.effects.filter(({ kind }) => kind === "relist").at(-1),
    {
      kind: "relist",
      watched: "service",
    },
  );
  stage.list("service");
  strictEqual(stage.core.view.isLeader, true);
});

Deno.test("MainCore begins again from what there is when the cluster was set back", () => {
  const stage = new MainStage();
  stage.lead();
  stage.serve();
  const kept = [...stage.objects].filter(([path]) =>
    !path.startsWith("service/")
  );
  const young = {
    ...SERVICE,
    metadata: { name: "young", namespace: "default" },
  };
  stage.put("service/default/young", young);
  stage.answerAll();
  stage.effects.length = 0;
  // A backup from before the Services, whose Leases are as old.
  stage.objects.clear();
  for (const [path, raw] of kept) {
    const metadata = raw["metadata"] as Raw;
    stage.objects.set(path, {
      ...raw,
      metadata: { ...metadata, resourceVersion: "50" },
    });
  }
  for (let i = 0; i < 100 && !relists(stage).includes("service"); i++) {
    stage.deadline();
    for (const write of stage.open.splice(0)) {
      if (write.method === "GET") stage.answer(write);
      else {
        stage.step({
          kind: "written",
          write,
          outcome: { kind: "failed", reason: "conflict", message: "old" },
        });
      }
    }
  }
  deepStrictEqual(relists(stage).toSorted(), [...NEWS_KINDS].toSorted());
  ok(stage.text.includes("The cluster was set back to an earlier state"));
  for (const watched of WATCHED_KINDS) {
    stage.step(listed(
      watched,
      [...stage.objects].filter(([path]) => path.startsWith(`${watched}/`))
        .map(([, raw]) => raw),
      "60",
    ));
  }
  const vips = stage.commands().findLast(({ kind }) => kind === "vips");
  deepStrictEqual(vips, {
    kind: "vips",
    upserts: [],
    removes: ["192.0.2.91", "192.0.2.92"],
  });
  // It renews its Leases, leads, and gives the address to whoever asks now.
  stage.answerAll();
  stage.put("service/default/again", {
    ...SERVICE,
    metadata: { name: "again", namespace: "default" },
  });
  stage.answerAll();
  deepStrictEqual(ingressOf(stage, "again"), ["192.0.2.91"]);
});

Deno.test("MainCore that loses the lead writes no object any more", () => {
  const stage = new MainStage();
  stage.lead();
  stage.serve();
  stage.put("lease/openelb-system/openelb-controller", {
    metadata: { name: "openelb-controller", namespace: "openelb-system" },
    spec: {
      holderIdentity: "n2_other",
      leaseDurationSeconds: 15,
      renewTime: "2026-01-01T00:00:30.000000Z",
    },
  });
  strictEqual(stage.core.view.isLeader, false);
  stage.open = [];
  stage.put("service/default/second", {
    ...SERVICE,
    metadata: { name: "second", namespace: "default" },
  });
  stage.nowMs += 1_000;
  stage.step({ kind: "deadline" });
  const written = stage.open.filter(({ id }) => !id.startsWith("lease"));
  deepStrictEqual(written, []);
});

Deno.test("MainCore publishes its links, its routes and what is wrong with its node", () => {
  const stage = new MainStage();
  stage.put("eip/pool", EIP);
  stage.put("eip/reach", {
    metadata: { name: "reach" },
    spec: {
      address: "198.51.100.1",
      protocol: "layer2",
      interface: "can_reach:203.0.113.1",
    },
  });
  stage.put("eip/lost", {
    metadata: { name: "lost" },
    spec: { address: "198.51.100.9", protocol: "layer2", interface: "eth9" },
  });
  stage.put("endpointslice/default/web-1", SLICE);
  stage.put("service/default/web", {
    ...ADDRESSED,
    status: {
      loadBalancer: { ingress: [{ ip: "198.51.100.9" }] },
    },
  });
  stage.links();
  stage.listAll();
  // Not before the routes are known: what others would take for "none" is not said.
  deepStrictEqual(stage.open.map(({ id }) => id.replace(/@.*/, "")), [
    "lease/openelb-controller",
  ]);
  const asked = stage.effects.find(({ kind }) => kind === "resolve-routes");
  deepStrictEqual(asked, {
    kind: "resolve-routes",
    targets: [parseIpAddr("203.0.113.1")],
  });
  const target = parseIpAddr("203.0.113.1");
  ok(target !== undefined);
  stage.step({ kind: "routes", routes: [[target, "eth0"]] });
  stage.answerAll();
  const published = stage.published();
  strictEqual(
    published["foghorn.openelb.io/can-reach"],
    '[{"target":"203.0.113.1","link":"eth0"}]',
  );
  match(
    published["foghorn.openelb.io/links"] ?? "",
    /"eth0".*192\.0\.2\.11\/24/,
  );
  stage.nowMs += 1_000;
  stage.step({ kind: "deadline" });
  stage.answerAll();
  match(
    stage.published()["foghorn.openelb.io/problems"] ?? "",
    /"lost".*InterfaceNotFound|InterfaceNotFound.*"lost"/,
  );
});

Deno.test("MainCore asks kube-proxy for its health, and says in its Lease that it is not well", () => {
  const stage = new MainStage("n1", { asksProxy: true });
  let answered = 0;
  const asks = () => stage.text.split("ask the health port").length - 1;
  const answer = (status?: number) => {
    for (let turn = 0; asks() === answered && turn < 100; turn++) {
      stage.deadline();
      stage.answerAll();
    }
    strictEqual(asks(), ++answered);
    stage.step({ kind: "proxy", ...(status === undefined ? {} : { status }) });
  };
  stage.step({ kind: "deadline" });
  answer();
  stage.lead();
  stage.serve();
  const published = () => {
    stage.nowMs += 1_000;
    stage.step({ kind: "deadline" });
    stage.answerAll();
    return stage.published();
  };
  answer(200);
  strictEqual(published()[UNFIT], undefined);
  answer(503);
  strictEqual(published()[UNFIT], "KubeProxyUnhealthy");
  strictEqual(stage.core.view.proxy, "unhealthy");
  match(
    published()["foghorn.openelb.io/problems"] ?? "",
    /KubeProxyUnhealthy.*answers 503.*answered here all the same/,
  );
  // This node is the only one: it stays eligible.
  deepStrictEqual(
    [...stage.core.view.announcements.plans.values()][0]?.eligible,
    ["n1"],
  );
  for (const status of [200, 200, 200]) answer(status);
  strictEqual(published()[UNFIT], undefined);
  strictEqual(published()["foghorn.openelb.io/problems"], undefined);
  const said = stage.lines.filter((line) => line.includes("kube-proxy is"));
  strictEqual(said.length, 3, said.join("\n"));
});

Deno.test("MainCore asks kube-proxy nothing unless it is told to", () => {
  const stage = new MainStage();
  stage.lead();
  strictEqual(stage.text.includes("ask the health port"), false);
});

Deno.test("MainCore publishes that its kernel would answer ARP itself", () => {
  const stage = new MainStage();
  stage.lead();
  stage.serve();
  const loopback = ["192.0.2.91/32"].flatMap((text) => parsePrefix(text) ?? []);
  stage.links(ETH0, {
    index: 1,
    name: "lo",
    mac: undefined,
    running: true,
    prefixes: loopback,
  });
  deepStrictEqual(stage.effects.at(-1), {
    kind: "read-arp-ignore",
    links: ["eth0"],
  });
  stage.step({ kind: "arp-ignore", values: [["eth0", 0]] });
  stage.nowMs += 1_000;
  stage.step({ kind: "deadline" });
  stage.answerAll();
  match(stage.published()["foghorn.openelb.io/problems"] ?? "", /StrictArpOff/);
  stage.nowMs += 10_000;
  stage.step({ kind: "deadline" });
  deepStrictEqual(
    stage.effects.findLast(({ kind }) => kind === "read-arp-ignore"),
    { kind: "read-arp-ignore", links: ["eth0"] },
  );
  stage.step({ kind: "arp-ignore", values: [["eth0", 1]] });
  stage.answerAll();
  stage.nowMs += 1_000;
  stage.step({ kind: "deadline" });
  stage.answerAll();
  strictEqual(stage.published()["foghorn.openelb.io/problems"], undefined);
});

Deno.test("MainCore names the links to answer on only once it stands for its node", () => {
  const stage = new MainStage();
  stage.put("eip/pool", EIP);
  stage.put("endpointslice/default/web-1", SLICE);
  stage.put("service/default/web", ADDRESSED);
  stage.put("lease/openelb-system/foghorn-node-n1", OTHERS_LEASE);
  stage.links();
  stage.listAll();
  deepStrictEqual(stage.commands().filter(({ kind }) => kind === "links"), [
    { kind: "links", links: [] },
  ]);
  // The other one renews: it lives.
  stage.nowMs = 3_000;
  stage.put("lease/openelb-system/foghorn-node-n1", {
    ...OTHERS_LEASE,
    spec: {
      ...OTHERS_LEASE["spec"] as Raw,
      renewTime: "2026-01-01T00:00:03.000000Z",
    },
  });
  strictEqual(stage.core.view.membership.duplicate, "elsewhere_1");
  ok(
    stage.text.includes(
      "log warning: Another agent runs under this node's name",
    ),
  );
  strictEqual(
    stage.commands().filter(({ kind }) => kind === "links").length,
    1,
  );
  // It goes, and its Lease runs out.
  stage.nowMs = 14_000;
  stage.step({ kind: "deadline" });
  stage.answerAll();
  strictEqual(stage.core.view.membership.duplicate, undefined);
  const links = stage.commands().findLast(({ kind }) => kind === "links");
  ok(links?.kind === "links" && links.links[0]?.name === "eth0");
});

Deno.test("MainCore that is told to end stays the controller until what it sent is answered", () => {
  const stage = new MainStage();
  stage.lead();
  stage.put("eip/pool", EIP);
  stage.put("service/default/web", SERVICE);
  const sent = stage.open.filter(({ id }) => id.startsWith("service/"));
  strictEqual(sent.length, 1);
  stage.open = stage.open.filter(({ id }) => !id.startsWith("service/"));
  stage.answerAll();
  stage.step({ kind: "shutdown" });
  const released = (): boolean =>
    stage.lines.some((line) => line.includes("openelb-controller released"));
  stage.answerAll();
  strictEqual(released(), false);
  stage.open.push(...sent);
  stage.answerAll();
  strictEqual(released(), true);
});

Deno.test("MainCore sends a bounded number of writes at once, and the others as these are answered", () => {
  const stage = new MainStage();
  stage.lead();
  for (let i = 0; i < 200; i++) {
    stage.put(`service/default/s${i}`, {
      ...SERVICE,
      metadata: { name: `s${i}`, namespace: "default" },
    });
  }
  stage.answerAll();
  // All get an address at once: a pool comes.
  stage.put("eip/pool", {
    ...EIP,
    spec: { ...EIP["spec"] as Raw, address: "192.0.2.0/24" },
  });
  const patches = () =>
    stage.open.filter(({ id }) => id.startsWith("service/"));
  ok(patches().length > 0 && patches().length <= UNDER_WAY_MAX);
  for (const write of stage.open.splice(0)) {
    stage.answer(write);
    ok(patches().length <= UNDER_WAY_MAX);
  }
  stage.answerAll();
  const got = Array.from({ length: 200 }, (_, i) => ingressOf(stage, `s${i}`));
  strictEqual(new Set(got.flat()).size, 200);
});

Deno.test("MainCore gives its writes no longer than nobody else can lead", () => {
  const stage = new MainStage();
  stage.lead();
  stage.put("eip/pool", EIP);
  const ledMs = stage.nowMs;
  stage.open = [];
  // No renewal is answered for eight seconds.
  stage.nowMs = ledMs + 8_000;
  stage.put("service/default/web", SERVICE);
  const write = stage.open.find(({ id }) => id.startsWith("service/"));
  const timeoutMs = write?.timeoutMs ?? Infinity;
  ok(timeoutMs > 3_000 && timeoutMs <= 6_000, `${timeoutMs}`);
});

Deno.test("MainCore that leads again plans only when its earlier writes are answered", () => {
  const stage = new MainStage();
  stage.lead();
  stage.put("eip/pool", EIP);
  stage.put("service/default/web", SERVICE);
  const sent = stage.open.filter(({ id }) => id.startsWith("service/"));
  stage.open = stage.open.filter(({ id }) => !id.startsWith("service/"));
  stage.answerAll();
  const controller = "lease/openelb-system/openelb-controller";
  const ours = stage.objects.get(controller);
  ok(ours !== undefined);
  // Another one leads for a moment, and gives the Lease back.
  for (const holderIdentity of ["n2_other", ""]) {
    stage.put(controller, {
      ...ours,
      spec: { ...ours["spec"] as Raw, holderIdentity },
    });
  }
  stage.effects.length = 0;
  for (
    let i = 0;
    i < 5 && !stage.core.view.membership.mayLead(now(stage));
    i++
  ) {
    stage.deadline();
    stage.answerAll();
  }
  for (const watched of ["eip", "namespace", "service"] as const) {
    stage.list(watched);
  }
  strictEqual(stage.core.view.isLeader, false);
  stage.open.push(...sent);
  stage.answerAll();
  strictEqual(stage.core.view.isLeader, true);
});

Deno.test("MainCore that is told to end twice ends once", () => {
  const stage = new MainStage();
  stage.lead();
  stage.step({ kind: "shutdown" });
  stage.step({ kind: "shutdown" });
  const leaves = stage.commands().filter(({ kind }) => kind === "leave");
  strictEqual(leaves.length, 1);
});

Deno.test("MainCore ends within five seconds although nobody answers it", () => {
  const stage = new MainStage();
  stage.lead();
  stage.serve();
  const startMs = stage.nowMs;
  stage.step({ kind: "shutdown" });
  while (!stage.effects.some(({ kind }) => kind === "exit")) stage.deadline();
  ok(stage.nowMs - startMs < 5_000, `${stage.nowMs - startMs} ms`);
  ok(stage.commands().some(({ kind }) => kind === "stop"));
  stage.open = [];
  deepStrictEqual(stage.step({ kind: "deadline" }), []);
});

Deno.test("MainCore that is told to end without ever having had its Lease ends at once", () => {
  const stage = new MainStage();
  stage.links();
  stage.step({ kind: "shutdown" });
  stage.step({ kind: "wire", report: { kind: "left" } });
  deepStrictEqual(stage.effects.at(-1), { kind: "exit", code: 0 });
});

Deno.test("MainCore says what it cannot read, which watch it lost and that it did not run", () => {
  const stage = new MainStage();
  stage.step({
    kind: "watch",
    watched: "eip",
    news: {
      kind: "unprojectable",
      key: "odd",
      reason: "spec.address is missing",
    },
  });
  stage.step({
    kind: "watch",
    watched: "node",
    news: { kind: "lost", reason: "connection refused" },
  });
  // Said already.
  stage.step({
    kind: "watch",
    watched: "node",
    news: { kind: "lost", reason: "forbidden", isAgain: true },
  });
  stage.step({ kind: "wire", report: { kind: "paused", gapMs: 250.4 } });
  deepStrictEqual(stage.effects, [
    {
      kind: "log",
      level: "warning",
      message: "Object cannot be read",
      fields: { watched: "eip", key: "odd", reason: "spec.address is missing" },
    },
    {
      kind: "log",
      level: "warning",
      message: "Watch lost",
      fields: { watched: "node", reason: "connection refused" },
    },
    {
      kind: "log",
      level: "info",
      message:
        "Did not run for a while: what was asked meanwhile is not answered",
      fields: { gapMs: 250 },
    },
  ]);
});

Deno.test("MainCore tells the same of the same events", () => {
  const stories = [1, 2].map(() => {
    const stage = new MainStage();
    stage.lead();
    stage.serve();
    stage.refuseAll({ reason: "throttled" });
    stage.deadline();
    return stage.text;
  });
  strictEqual(stories[0], stories[1]);
});

function now({ nowMs }: MainStage) {
  return { nowMs, nowIso: "" };
}

const EIP: Raw = {
  metadata: {
    name: "pool",
    annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
  },
  spec: {
    address: "192.0.2.91-192.0.2.95",
    protocol: "layer2",
    interface: "eth0",
  },
};
const SLICE: Raw = {
  metadata: {
    name: "web-1",
    namespace: "default",
    labels: { "kubernetes.io/service-name": "web" },
  },
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.0.0.1"], nodeName: "n1" }],
};
/** The addresses that the API server has for a Service. */
function relists(stage: MainStage): readonly string[] {
  return stage.effects.flatMap((effect) =>
    effect.kind === "relist" ? [effect.watched] : []
  );
}

function ingressOf(stage: MainStage, name: string): readonly unknown[] {
  const service = stage.objects.get(`service/default/${name}`);
  const { ingress } = ((service?.["status"] as Raw | undefined)
    ?.["loadBalancer"] ?? {}) as { readonly ingress?: readonly Raw[] };
  return (ingress ?? []).map(({ ip }) => ip);
}

const SERVICE: Raw = {
  metadata: { name: "web", namespace: "default" },
  spec: {
    type: "LoadBalancer",
    loadBalancerClass: "openelb.io/openelb",
    ipFamilies: ["IPv4"],
    selector: { app: "web" },
    ports: [{ protocol: "TCP", port: 80 }],
  },
};
const ADDRESSED: Raw = {
  ...SERVICE,
  status: { loadBalancer: { ingress: [{ ip: "192.0.2.91" }] } },
};
const OTHERS_LEASE: Raw = {
  metadata: {
    name: "foghorn-node-n1",
    namespace: "openelb-system",
    annotations: {
      "foghorn.openelb.io/links":
        '[{"name":"eth0","up":true,"mac":"02:00:00:00:00:09","prefixes":["192.0.2.19/24"]}]',
    },
  },
  spec: {
    holderIdentity: "elsewhere_1",
    leaseDurationSeconds: 10,
    renewTime: "2026-01-01T00:00:00.000000Z",
  },
};

const LEASE_OF_N2: Raw = {
  metadata: {
    name: "foghorn-node-n2",
    namespace: "openelb-system",
    annotations: { "foghorn.openelb.io/links": "[]" },
  },
  spec: {
    holderIdentity: "boot2_1",
    leaseDurationSeconds: 10,
    renewTime: "2026-01-01T00:00:00.000000Z",
  },
};
const UNFIT = "foghorn.openelb.io/unfit";
const MAC2 = macAddr(Uint8Array.of(2, 0, 0, 0, 0, 2));
const prefixes = [parsePrefix("192.0.2.12/24") ?? []].flat();
