/**
 * Which Service gets which address, from whom, and what is said of it.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import {
  DEFAULT_EIP_ANNOTATION,
  EIP_ADDRESS_ANNOTATION,
  EIP_FINALIZER,
  EIP_NAME_ANNOTATION,
  EIP_NAME_LABEL,
  OPENELB_ANNOTATION,
  SECOND_EIP_LABEL,
  SERVICE_FINALIZER,
} from "@/api/names.ts";
import type { JsonObject } from "@/lab/apiserver/mod.ts";
import type { LabApi, LabCluster } from "@/lab/mod.ts";
import {
  addressed,
  addressesOf,
  condition,
  conditionOf,
  createOpenElbService,
  eipPath,
  EIPS,
  eipStatus,
  event,
  gone,
  servicePath,
  used,
  WAIT_MS,
} from "../support/lab_services.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import { rankedNodes, type StepFunction, stepsOf } from "./_stage.ts";

testSandboxed("Services get addresses", async (t) => {
  await using lab = await buildLab({ nodes: 2, vips: [VIP4, VIP6] });
  const { api } = lab;
  for (const name of ["test", "both", "selected", "named", "neither"]) {
    const workspace = name === "both" || name === "selected";
    createNamespace(api, name, workspace ? { workspace: "w" } : {});
  }
  await lab.nobodyAnswers(VIP4);
  await lab.startAgents();
  const step = stepsOf(t);
  await naming(lab, step);
  await wanting(api, step);
  await opting(api, step);
  await selecting(api, step);
  await sharing(api, step);
  await families(api, step);
  await waiting(api, step);
  await releasing(api, step);
  await deletion(api, step);
  await rewriting(api, step);
  await recovery(lab, step);
});

async function naming(lab: LabCluster, step: StepFunction): Promise<void> {
  const { api } = lab;
  await step("from the Eip it names, and it answers", async () => {
    api.createEip({ name: "wire4", address: "192.168.0.91-192.168.0.93" });
    lab.createService({ name: "web", eip: "wire4" });
    deepStrictEqual(await addressed(api, "web"), [VIP4]);
    await used(api, "wire4", { [VIP4]: "default/web" });
    const { metadata } = api.read(servicePath("web"));
    deepStrictEqual(pick(metadata, "labels", "finalizers"), {
      labels: { [EIP_NAME_LABEL]: "wire4" },
      finalizers: [SERVICE_FINALIZER],
    });
    const { status } = api.read(servicePath("web"));
    deepStrictEqual(pick(status, "loadBalancer"), {
      loadBalancer: { ingress: [{ ip: VIP4, ipMode: "VIP" }] },
    });
    match(
      conditionOf(api, servicePath("web"), "AddressAssigned"),
      /^True Assigned$/,
    );
    await event(
      api,
      "web",
      /^Normal AssignIP: success to assign ip: 192\.168\.0\.91$/,
    );
    const [owner = ""] = rankedNodes(VIP4, ["n1", "n2"]);
    await event(
      api,
      "web",
      new RegExp(`^Normal SetBalancer: .* \\[${owner}\\]$`),
    );
    await lab.answeredBy(VIP4, owner);
  });
  await step("and its Eip says so", async () => {
    await api.until(EIPS, () => eipStatus(api, "wire4")["usage"] === 1, {
      timeoutMs: WAIT_MS,
      what: () => `${JSON.stringify(eipStatus(api, "wire4"))}`,
    });
    deepStrictEqual(
      pick(eipStatus(api, "wire4"), ...EIP_FIELDS),
      {
        poolSize: 3,
        usage: 1,
        firstIP: "192.168.0.91",
        lastIP: "192.168.0.93",
        v4: true,
      },
    );
    strictEqual(conditionOf(api, eipPath("wire4"), "Ready"), "True Ready");
    strictEqual(
      conditionOf(api, eipPath("wire4"), "Degraded"),
      "False AsExpected",
    );
    const { metadata } = api.read(eipPath("wire4"));
    deepStrictEqual(pick(metadata, "finalizers"), {
      finalizers: [EIP_FINALIZER],
    });
  });
}

async function wanting(api: LabApi, step: StepFunction): Promise<void> {
  const wanted:
    readonly (readonly [string, Record<string, string>, JsonObject])[] = [
      ["by annotation", { [EIP_ADDRESS_ANNOTATION]: "10.1.0.5" }, {}],
      ["by loadBalancerIP", {}, { loadBalancerIP: "10.1.0.6" }],
      [
        "by annotation, whatever loadBalancerIP says",
        { [EIP_ADDRESS_ANNOTATION]: "10.1.0.7" },
        { loadBalancerIP: "10.1.0.8" },
      ],
    ];
  await step("the one it asks for", async () => {
    api.createEip({ name: "wanted", address: "10.1.0.0/28" });
    for (const [i, [how, annotations, spec]] of wanted.entries()) {
      createOpenElbService(api, { key: `wanted-${i}`, annotations, spec });
      deepStrictEqual(
        await addressed(api, `wanted-${i}`),
        [`10.1.0.${5 + i}`],
        how,
      );
    }
  });
  await step("not one that no Eip has, and it is told why", async () => {
    createOpenElbService(api, {
      key: "outside",
      spec: { loadBalancerIP: "10.99.0.1" },
    });
    await condition(
      api,
      servicePath("outside"),
      "AddressAssigned",
      /^False AddressOutsidePool: no available eip was found containing the ip:\[10\.99\.0\.1\]/,
    );
    await event(api, "outside", /^Warning ConstructRequest: /);
    const patch = {
      metadata: { annotations: { [EIP_ADDRESS_ANNOTATION]: "no address" } },
    };
    api.patch(servicePath("outside"), patch);
    await condition(
      api,
      servicePath("outside"),
      "AddressAssigned",
      /^False AddressInvalid: Cannot allocate "no address"/,
    );
    api.deleteService("outside");
  });
}

async function opting(api: LabApi, step: StepFunction): Promise<void> {
  await step("by class or annotation only, from the default Eip", async () => {
    api.createService({ name: "by-class" }, []);
    createOpenElbService(api, { key: "by-annotation" });
    await condition(
      api,
      servicePath("by-class"),
      "AddressAssigned",
      /^False NoPool: no available default eip found/,
    );
    await event(
      api,
      "by-annotation",
      /^Warning ConstructRequest: no available/,
    );
    api.createEip({ name: "later-default", address: "10.2.0.0/29" });
    api.patch(eipPath("later-default"), {
      metadata: { annotations: { [DEFAULT_EIP_ANNOTATION]: "true" } },
    });
    const got = [
      ...await addressed(api, "by-class"),
      ...await addressed(api, "by-annotation"),
    ];
    deepStrictEqual(got.sort(), ["10.2.0.0", "10.2.0.1"]);
    api.deleteService("by-class");
    api.deleteService("by-annotation");
    api.deleteEip("later-default");
    await gone(api, eipPath("later-default"));
  });
  await step("never for a foreign class, nor for no class at all", async () => {
    api.createEip({ name: "open", address: "10.2.1.0/29", isDefault: true });
    api.createService({
      name: "foreign",
      spec: { loadBalancerClass: "example.com/lb" },
    }, []);
    createOpenElbService(api, {
      key: "foreign-annotated",
      spec: { loadBalancerClass: "example.com/lb" },
    });
    createOpenElbService(api, {
      key: "plain",
      annotations: { [OPENELB_ANNOTATION]: "another" },
    });
    createOpenElbService(api, { key: "ours" });
    await addressed(api, "ours");
    for (const name of ["foreign", "foreign-annotated", "plain"]) {
      deepStrictEqual(addressesOf(api, name), [], name);
      strictEqual(conditionOf(api, servicePath(name), "AddressAssigned"), "");
      api.deleteService(name);
    }
    api.deleteService("ours");
    api.deleteEip("open");
    await gone(api, eipPath("open"));
  });
}

async function selecting(api: LabApi, step: StepFunction): Promise<void> {
  for (const hasDefault of [true, false]) {
    await step(
      `from the Eips of its namespace, ${
        hasDefault ? "else from" : "without"
      } the default one (J10 c-g)`,
      () => boundPools(api, hasDefault),
    );
  }
  await step(
    "from an Eip it names, also when that is bound elsewhere (J10 a, b)",
    async () => {
      api.createEip({
        name: "elsewhere",
        address: "10.2.3.1-10.2.3.9",
        spec: { namespaces: ["named"] },
      });
      const annotations = { [EIP_NAME_ANNOTATION]: "elsewhere" };
      createOpenElbService(api, { key: "neither/by-name", annotations });
      deepStrictEqual(await addressed(api, "neither/by-name"), ["10.2.3.1"]);
      const spec = { loadBalancerIP: "10.2.3.5" };
      createOpenElbService(api, { key: "neither/by-ip", spec });
      deepStrictEqual(await addressed(api, "neither/by-ip"), ["10.2.3.5"]);
      createOpenElbService(api, {
        key: "neither/sharing",
        spec: { ...spec, ports: [{ port: 443, protocol: "TCP" }] },
      });
      deepStrictEqual(await addressed(api, "neither/sharing"), ["10.2.3.5"]);
      await used(api, "elsewhere", {
        "10.2.3.1": "neither/by-name",
        "10.2.3.5": "neither/by-ip;neither/sharing",
      });
      await removeAll(api, [
        "neither/by-name",
        "neither/by-ip",
        "neither/sharing",
      ], ["elsewhere"]);
    },
  );
  await step(
    "from the Eip of the lower priority number first (J10 e)",
    async () => {
      for (const [name, priority] of [["p20", 20], ["p10", 10]] as const) {
        api.createEip({
          name,
          address: `10.2.4.${priority}`,
          spec: { priority, namespaces: ["test"] },
        });
      }
      createOpenElbService(api, { key: "test/first" });
      deepStrictEqual(await addressed(api, "test/first"), ["10.2.4.10"]);
      createOpenElbService(api, { key: "test/second" });
      deepStrictEqual(await addressed(api, "test/second"), ["10.2.4.20"]);
      await removeAll(api, ["test/first", "test/second"], ["p10", "p20"]);
    },
  );
}

/**
 * With Eips of one address each, a Service per Eip bound to its namespace gets
 * one, or where there is none from the default Eip; one more waits.
 */
async function boundPools(api: LabApi, hasDefault: boolean): Promise<void> {
  api.createEip({
    name: "by-name",
    address: "10.2.2.1",
    spec: { namespaces: ["both", "named"], priority: 1 },
  });
  api.createEip({
    name: "by-label",
    address: "10.2.2.2",
    spec: { namespaceSelector: { workspace: "w" }, priority: 2 },
  });
  const eips = ["by-name", "by-label"];
  if (hasDefault) {
    api.createEip({ name: "fallback", address: "10.2.2.3", isDefault: true });
    eips.push("fallback");
  }
  const fallback = hasDefault ? ["10.2.2.3"] : [];
  for (
    const [namespace, expected] of [
      ["both", ["10.2.2.1", "10.2.2.2"]],
      ["selected", ["10.2.2.2"]],
      ["named", ["10.2.2.1"]],
      ["neither", fallback],
    ] as const
  ) {
    const services = expected.map((_, i) => `${namespace}/s${i}`);
    for (const [i, key] of services.entries()) {
      createOpenElbService(api, { key });
      deepStrictEqual(await addressed(api, key), [expected[i]], key);
    }
    const late = `${namespace}/late`;
    createOpenElbService(api, { key: late });
    await condition(
      api,
      servicePath(late),
      "AddressAssigned",
      expected.length === 0
        ? /^False NoPool: no available default eip found/
        : /^False PoolExhausted: no avliable eip, err:no suitable ip to allocate/,
    );
    const [first] = services;
    if (first !== undefined) {
      // (g): pending until one is released; (f) is the step about the default.
      api.delete(servicePath(first));
      deepStrictEqual(await addressed(api, late), [expected[0]]);
    }
    await removeAll(api, [late, ...services.slice(1)], []);
  }
  await removeAll(api, [], eips);
}

async function sharing(api: LabApi, step: StepFunction): Promise<void> {
  await step(
    "shared when ports differ, refused with a reason when not",
    async () => {
      api.createEip({ name: "share", address: "10.3.0.0/28" });
      const spec = { loadBalancerIP: "10.3.0.1" };
      createOpenElbService(api, { key: "share-a", spec });
      await addressed(api, "share-a");
      createOpenElbService(api, { key: "share-b", spec });
      await condition(
        api,
        servicePath("share-b"),
        "AddressAssigned",
        /^False PortConflict: .*: Give the Services different ports/,
      );
      await event(api, "share-b", /^Warning AssignIPFailed: /);
      api.patch(servicePath("share-b"), {
        spec: { ports: [{ port: 443, protocol: "TCP" }] },
      });
      deepStrictEqual(await addressed(api, "share-b"), ["10.3.0.1"]);
    },
  );
  await step("refused when one is Local and the selectors differ", async () => {
    const spec = { loadBalancerIP: "10.3.0.1", externalTrafficPolicy: "Local" };
    createOpenElbService(api, {
      key: "share-local",
      spec: { ...spec, ports: [{ port: 8080, protocol: "TCP" }] },
    });
    const text = await condition(
      api,
      servicePath("share-local"),
      "AddressAssigned",
      /^False /,
    );
    match(text, /externalTrafficPolicy/);
    deepStrictEqual(addressesOf(api, "share-local"), []);
  });
  await step("kept when it becomes wrong later, with a condition", async () => {
    api.patch(servicePath("share-b"), {
      spec: { ports: [{ port: 80, protocol: "TCP" }] },
    });
    await condition(
      api,
      servicePath("share-b"),
      "Degraded",
      /^True SharingConflict/,
    );
    deepStrictEqual(addressesOf(api, "share-a"), ["10.3.0.1"]);
    deepStrictEqual(addressesOf(api, "share-b"), ["10.3.0.1"]);
    await removeAll(api, ["share-local", "share-b", "share-a"], ["share"]);
  });
}

async function families(api: LabApi, step: StepFunction): Promise<void> {
  const both = { ipFamilies: ["IPv4", "IPv6"] };
  await step("one per family, from two Eips", async () => {
    api.createEip({ name: "four", address: "10.4.0.0/29" });
    api.createEip({ name: "six", address: "2001:db8:4::/64" });
    createOpenElbService(api, {
      key: "dual",
      annotations: { [EIP_NAME_ANNOTATION]: "four,six" },
      spec: { ...both, ipFamilyPolicy: "RequireDualStack" },
    });
    deepStrictEqual(await addressed(api, "dual", 2), [
      "10.4.0.0",
      "2001:db8:4::",
    ]);
    await used(api, "six", { "2001:db8:4::": "default/dual" });
    const { metadata } = api.read(servicePath("dual"));
    deepStrictEqual(pick(metadata, "labels"), {
      labels: { [EIP_NAME_LABEL]: "four", [SECOND_EIP_LABEL]: "six" },
    });
  });
  await step("Prefer takes what there is, Require waits for both", async () => {
    const annotations = { [EIP_NAME_ANNOTATION]: "four" };
    createOpenElbService(api, {
      key: "prefer",
      annotations,
      spec: { ...both, ipFamilyPolicy: "PreferDualStack" },
    });
    createOpenElbService(api, {
      key: "require",
      annotations,
      spec: { ...both, ipFamilyPolicy: "RequireDualStack" },
    });
    deepStrictEqual(await addressed(api, "prefer"), ["10.4.0.1"]);
    await condition(api, servicePath("require"), "AddressAssigned", /^False /);
    for (const name of ["prefer", "require"]) {
      api.patch(servicePath(name), {
        metadata: { annotations: { [EIP_NAME_ANNOTATION]: "four,six" } },
      });
    }
    deepStrictEqual(await addressed(api, "prefer", 2), [
      "10.4.0.1",
      "2001:db8:4::1",
    ]);
    deepStrictEqual(await addressed(api, "require", 2), [
      "10.4.0.2",
      "2001:db8:4::2",
    ]);
    await removeAll(api, ["dual", "prefer", "require"], ["four", "six"]);
  });
  await step("an Eip of the other family is refused", async () => {
    api.createEip({ name: "only6", address: "2001:db8:5::1-2001:db8:5::9" });
    createOpenElbService(api, {
      key: "mismatch",
      annotations: { [EIP_NAME_ANNOTATION]: "only6" },
      spec: { ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" },
    });
    await condition(
      api,
      servicePath("mismatch"),
      "AddressAssigned",
      /^False FamilyMismatch: service can't use different family eip/,
    );
    await removeAll(api, ["mismatch"], ["only6"]);
  });
}

async function waiting(api: LabApi, step: StepFunction): Promise<void> {
  await step(
    "a freed address goes to who waits, in the very next write",
    async () => {
      api.createEip({ name: "one", address: "10.5.0.1" });
      const annotations = { [EIP_NAME_ANNOTATION]: "one" };
      createOpenElbService(api, { key: "holder", annotations });
      await addressed(api, "holder");
      await condition(api, eipPath("one"), "Ready", /^True Ready$/);
      await api.until(EIPS, () => eipStatus(api, "one")["occupied"] === true, {
        timeoutMs: WAIT_MS,
        what: () => "The Eip is not occupied",
      });
      createOpenElbService(api, { key: "waiter", annotations });
      await condition(
        api,
        servicePath("waiter"),
        "AddressAssigned",
        /^False PoolExhausted/,
      );
      const changes: string[] = [];
      const listen = (change: { readonly key: string }): void => {
        const [, name = ""] = change.key.split("/");
        changes.push(`${name} ${addressesOf(api, name).join()}`.trim());
      };
      const { listeners } = api.server.store.collection("services");
      listeners.add(listen);
      api.delete(servicePath("holder"));
      await addressed(api, "waiter");
      listeners.delete(listen);
      // Whatever becomes of the one that is deleted, the waiter comes right after it.
      const others = changes.slice(0, -1).filter((change) =>
        !change.startsWith("holder")
      );
      deepStrictEqual(others, []);
      strictEqual(changes.at(-1), "waiter 10.5.0.1");
    },
  );
  await step(
    "a disabled Eip keeps who has an address, and gives no new one",
    async () => {
      api.patch(eipPath("one"), { spec: { disable: true } });
      await condition(api, eipPath("one"), "Ready", /^True Disabled/);
      api.createService({ name: "toolate", eip: "one" }, []);
      await condition(
        api,
        servicePath("toolate"),
        "AddressAssigned",
        /^False PoolDisabled: no avliable eip, err:eip:one is disabled/,
      );
      api.patch(servicePath("waiter"), {
        metadata: { labels: { touched: "yes" } },
      });
      api.delete(servicePath("toolate"));
      await gone(api, servicePath("toolate"));
      deepStrictEqual(addressesOf(api, "waiter"), ["10.5.0.1"]);
      await removeAll(api, ["waiter"], ["one"]);
    },
  );
}

async function releasing(api: LabApi, step: StepFunction): Promise<void> {
  const ways: readonly (readonly [string, () => void])[] = [
    [
      "the last annotation is removed",
      () =>
        api.patch(servicePath("leaver"), { metadata: { annotations: null } }),
    ],
    [
      "the type changes",
      () =>
        api.patch(servicePath("leaver"), {
          spec: { type: "ClusterIP", externalTrafficPolicy: null },
        }),
    ],
    ["it is deleted", () => api.delete(servicePath("leaver"))],
  ];
  api.createEip({ name: "returns", address: "10.6.0.1", isDefault: true });
  for (const [how, release] of ways) {
    await step(`the address is free again when ${how}`, async () => {
      createOpenElbService(api, { key: "leaver" });
      await addressed(api, "leaver");
      await used(api, "returns", { "10.6.0.1": "default/leaver" });
      release();
      await used(api, "returns", {});
      const { code, body } = api.server.request("GET", servicePath("leaver"));
      if (code === 200) {
        deepStrictEqual(addressesOf(api, "leaver"), []);
        deepStrictEqual(pick(body["metadata"], "labels", "finalizers"), {});
        strictEqual(
          conditionOf(api, servicePath("leaver"), "AddressAssigned"),
          "",
        );
        api.delete(servicePath("leaver"));
      }
      await gone(api, servicePath("leaver"));
      await event(
        api,
        "leaver",
        /^Normal ReleaseIP: success to release ip: 10\.6\.0\.1$/,
      );
    });
  }
  await removeAll(api, [], ["returns"]);
}

async function deletion(api: LabApi, step: StepFunction): Promise<void> {
  await step(
    "the deletion of an Eip in use waits for its Services, and says so",
    async () => {
      api.createEip({ name: "doomed", address: "10.7.0.0/29" });
      const annotations = { [EIP_NAME_ANNOTATION]: "doomed" };
      createOpenElbService(api, { key: "tenant", annotations });
      await addressed(api, "tenant");
      await used(api, "doomed", { "10.7.0.0": "default/tenant" });
      api.deleteEip("doomed");
      await condition(
        api,
        eipPath("doomed"),
        "Ready",
        /^False InUse: Deletion waits for 1 Services .* default\/tenant/,
      );
      await event(api, "doomed", /^Warning EipInUse: /);
      createOpenElbService(api, { key: "newcomer", annotations });
      await condition(
        api,
        servicePath("newcomer"),
        "AddressAssigned",
        /^False PoolDeleting/,
      );
      deepStrictEqual(addressesOf(api, "tenant"), ["10.7.0.0"]);
      api.delete(servicePath("tenant"));
      await gone(api, eipPath("doomed"));
      api.delete(servicePath("newcomer"));
    },
  );
}

async function rewriting(api: LabApi, step: StepFunction): Promise<void> {
  await step(
    "a server that drops ipMode is not written to for ever",
    async () => {
      api.createEip({ name: "old", address: "10.8.0.0/29", isDefault: true });
      const path = servicePath("modeless");
      const { listeners } = api.server.store.collection("services");
      const strip = ({ object }: { readonly object: JsonObject }): void => {
        if (!JSON.stringify(object).includes('"ipMode"')) return;
        // Once the change is whole: the store tells of it in the midst of it.
        queueMicrotask(() =>
          api.patch(`${path}/status`, {
            status: { loadBalancer: { ingress: [{ ip: "10.8.0.0" }] } },
          })
        );
      };
      listeners.add(strip);
      createOpenElbService(api, { key: "modeless" });
      await addressed(api, "modeless");
      await used(api, "old", { "10.8.0.0": "default/modeless" });
      // What is written after this Service was looked at again.
      createOpenElbService(api, { key: "marker" });
      await addressed(api, "marker");
      listeners.delete(strip);
      const writes = api.server.log.recent().filter((
        { verb, name, resource },
      ) =>
        verb === "patch" && resource === "services/status" &&
        name === "modeless"
      );
      strictEqual(writes.length, 1);
      await removeAll(api, ["modeless", "marker"], []);
    },
  );
  await step(
    "another controller is named after three rewrites, and left alone",
    async () => {
      createOpenElbService(api, { key: "fought" });
      const [ours = ""] = await addressed(api, "fought");
      const theirs = {
        status: { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } },
      };
      for (let rewrite = 0; rewrite < 3; rewrite++) {
        api.patch(`${servicePath("fought")}/status`, theirs);
        await api.until(
          "services",
          () => addressesOf(api, "fought")[0] === ours,
          { timeoutMs: WAIT_MS, what: () => `Rewrite ${rewrite} stands` },
        );
      }
      api.patch(`${servicePath("fought")}/status`, theirs);
      await condition(
        api,
        servicePath("fought"),
        "Degraded",
        /^True StatusFight: .* keeps writing other addresses/,
      );
      deepStrictEqual(addressesOf(api, "fought"), ["203.0.113.1"]);
      await removeAll(api, ["fought"], ["old"]);
    },
  );
}

async function recovery(lab: LabCluster, step: StepFunction): Promise<void> {
  const { api } = lab;
  const keys = ["r0", "r1", "r2"];
  const before = new Map<string, readonly string[]>();
  await step(
    "from Eip.status.used when the statuses of Services are lost",
    async () => {
      api.createEip({ name: "kept", address: "10.9.0.0/28" });
      for (const key of ["gap", ...keys]) {
        createOpenElbService(api, {
          key,
          annotations: { [EIP_NAME_ANNOTATION]: "kept" },
        });
        before.set(key, await addressed(api, key));
      }
      api.delete(servicePath("gap"));
      before.delete("gap");
      await used(api, "kept", usedBy(before));
      await restarted(lab, () => {
        for (const key of keys) {
          api.patch(`${servicePath(key)}/status`, {
            metadata: { labels: null, finalizers: null },
            status: { loadBalancer: null, conditions: null },
          });
        }
      });
      await asBefore(api, before);
    },
  );
  await step("from Services when Eip.status is lost", async () => {
    await restarted(lab, () => {
      api.patch(`${eipPath("kept")}/status`, { status: null });
    });
    await used(api, "kept", usedBy(before));
    await asBefore(api, before);
  });
  await step("the Service wins where the two disagree", async () => {
    await restarted(lab, () => {
      api.patch(`${eipPath("kept")}/status`, {
        status: {
          used: Object.fromEntries(
            keys.map((key, i) => [`10.9.0.${i + 5}`, `default/${key}`]),
          ),
        },
      });
    });
    await used(api, "kept", usedBy(before));
    await asBefore(api, before);
  });
}

/** Every agent dies, something happens, and all come back. */
async function restarted(lab: LabCluster, act: () => void): Promise<void> {
  await Promise.all(lab.nodes.map((node) => node.killAgent()));
  act();
  // It would run out by itself, only later.
  lab.api.delete(
    "/apis/coordination.k8s.io/v1/namespaces/openelb-system/leases/openelb-controller",
  );
  await lab.startAgents();
}

async function asBefore(
  api: LabApi,
  before: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  for (const [key, addresses] of before) {
    deepStrictEqual(await addressed(api, key), addresses, key);
  }
}

function usedBy(
  addresses: ReadonlyMap<string, readonly string[]>,
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [key, list] of addresses) {
    for (const address of list) found[address] = `default/${key}`;
  }
  return found;
}

/** Deletes Services, then Eips, and waits until they are gone. */
async function removeAll(
  api: LabApi,
  services: readonly string[],
  eips: readonly string[],
): Promise<void> {
  for (const key of services) api.delete(servicePath(key));
  for (const key of services) await gone(api, servicePath(key));
  for (const name of eips) api.deleteEip(name);
  for (const name of eips) await gone(api, eipPath(name));
}

function createNamespace(
  api: LabApi,
  name: string,
  labels: Readonly<Record<string, string>>,
): void {
  api.create("/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { ...labels } },
  });
}

/** Some members of an object, those that are there. */
function pick(
  object: unknown,
  ...names: readonly string[]
): Readonly<Record<string, unknown>> {
  const entries = typeof object === "object" && object !== null
    ? Object.entries(object)
    : [];
  return Object.fromEntries(entries.filter(([name]) => names.includes(name)));
}

const VIP4 = "192.168.0.91";
const VIP6 = "2001:db8::91";
const EIP_FIELDS = [
  "poolSize",
  "usage",
  "occupied",
  "firstIP",
  "lastIP",
  "v4",
] as const;
