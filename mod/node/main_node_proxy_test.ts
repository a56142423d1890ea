/**
 * NodeProxy in the main core: what is looked for on the host and told in the
 * Lease, and what the elected agent writes.
 *
 * @module
 */

import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { ETH0, MainStage, type Raw } from "./_main_stage_test.ts";
import { type HostLook, PORT_LOOK_INTERVAL_MS } from "./port_look.ts";

const TOLD = "foghorn.openelb.io/node-proxy";
const WEB = "service/default/web";
const FREE = { mode: "iptables", listeners: [] };

Deno.test("MainCore looks at the host and tells of it in its Lease while a Service wants NodeProxy", () => {
  const stage = leading();
  strictEqual(asked(stage).length, 0);
  stage.put(WEB, service());
  deepStrictEqual(asked(stage), [["80/TCP"]]);
  strictEqual(stage.published()[TOLD], undefined);
  look(stage, FREE);
  const told = '{"mode":"iptables","free":["80/TCP"],"taken":[]}';
  strictEqual(stage.published()[TOLD], told);
  deepStrictEqual(addresses(stage), ["192.0.2.11"]);
  // What is the same is not written again.
  const writes = leaseWrites(stage);
  stage.nowMs += PORT_LOOK_INTERVAL_MS - 5_000;
  stage.step({ kind: "deadline" });
  strictEqual(asked(stage).length, 1);
  stage.nowMs += 5_000;
  stage.step({ kind: "deadline" });
  strictEqual(asked(stage).length, 2);
  stage.step({ kind: "host", look: { ports: ["80/TCP"], ...FREE } });
  strictEqual(leaseWrites(stage) - writes <= 3, true, "renewals only");
  const { annotations: _, ...metadata } = stage.objects.get(WEB)
    ?.["metadata"] as Raw;
  stage.put(WEB, { ...stage.objects.get(WEB), metadata });
  stage.nowMs += 1_000;
  stage.step({ kind: "deadline" });
  stage.answerAll();
  strictEqual(stage.published()[TOLD], undefined);
});

Deno.test("MainCore takes the node out once the host listens on the port, or IPVS is there", () => {
  for (
    const [end, found] of [
      ["PortInUse", {
        mode: "iptables",
        listeners: [{ protocol: "TCP", port: 80, address: ip("0.0.0.0") }],
      }],
      ["IpvsUnsupported", { mode: "ipvs", listeners: [] }],
      ["IpvsUnsupported", { listeners: [] }],
    ] as const
  ) {
    const stage = leading();
    stage.put(WEB, service());
    look(stage, { listeners: [] });
    deepStrictEqual(addresses(stage), ["192.0.2.11"]);
    if (!("mode" in found)) {
      stage.links(ETH0, { ...ETH0, index: 9, name: "kube-ipvs0" });
    }
    for (let turn = 0; asked(stage).length < 2 && turn < 50; turn++) {
      stage.deadline();
      stage.answerAll();
    }
    look(stage, found);
    deepStrictEqual(addresses(stage), []);
    const status = stage.objects.get(WEB)?.["status"] as Raw;
    match(JSON.stringify(status["conditions"]), new RegExp(`"${end}"`));
  }
});

Deno.test("MainCore takes a node out whose agent is silent, before its Node is not Ready", () => {
  const stage = leading();
  stage.put(WEB, service());
  look(stage, FREE);
  stage.put("node/n2", NODE("n2", "192.0.2.12"));
  stage.put("lease/openelb-system/foghorn-node-n2", LEASE);
  stage.answerAll();
  deepStrictEqual(addresses(stage), ["192.0.2.11", "192.0.2.12"]);
  const fromMs = stage.nowMs;
  while (addresses(stage).length === 2 && stage.nowMs < fromMs + 60_000) {
    stage.deadline();
    stage.answerAll();
  }
  deepStrictEqual(addresses(stage), ["192.0.2.11"]);
});

Deno.test("MainCore without a Lease of its node looks at nothing", () => {
  const stage = leading({ role: "controller" });
  stage.put(WEB, service());
  stage.answerAll();
  strictEqual(asked(stage).length, 0);
});

function leading(
  config: ConstructorParameters<typeof MainStage>[1] = {},
): MainStage {
  const stage = new MainStage("n1", config);
  stage.lead();
  stage.put("node/n1", NODE("n1", "192.0.2.11"));
  return stage;
}

/** The host is looked at, and the Lease that tells of it is written. */
function look(stage: MainStage, found: Omit<HostLook, "ports">): void {
  const ports = asked(stage).at(-1) ?? [];
  stage.step({ kind: "host", look: { ports, ...found } });
  stage.nowMs += 1_000;
  stage.step({ kind: "deadline" });
  stage.answerAll();
}

function asked(stage: MainStage): readonly (readonly string[])[] {
  return stage.effects.flatMap((effect) =>
    effect.kind === "look-at-host" ? [effect.ports] : []
  );
}

function leaseWrites(stage: MainStage): number {
  return stage.effects.filter((effect) =>
    effect.kind === "write" &&
    effect.write.id.startsWith("lease/foghorn-node-n1")
  ).length;
}

function addresses(stage: MainStage): readonly unknown[] {
  const status = stage.objects.get(WEB)?.["status"] as Raw | undefined;
  const shown = status?.["loadBalancer"] as { ingress?: Raw[] } | undefined;
  return (shown?.ingress ?? []).map(({ ip }) => ip);
}

function ip(text: string): IpAddr {
  const address = parseIpAddr(text);
  if (address === undefined) throw new Error(text);
  return address;
}

function service(): Raw {
  return {
    metadata: {
      ...{ name: "web", namespace: "default" },
      annotations: {
        "lb.kubesphere.io/v1alpha1": "openelb",
        "node-proxy.openelb.kubesphere.io/type": "daemonset",
      },
    },
    spec: {
      type: "LoadBalancer",
      ipFamilies: ["IPv4"],
      ports: [{ protocol: "TCP", port: 80 }],
    },
  };
}

function NODE(name: string, address: string): Raw {
  return {
    metadata: { name },
    status: {
      addresses: [{ type: "InternalIP", address }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  };
}

const LEASE: Raw = {
  metadata: {
    ...{ name: "foghorn-node-n2", namespace: "openelb-system" },
    annotations: {
      [TOLD]: '{"mode":"iptables","free":["80/TCP"],"taken":[]}',
    },
  },
  spec: {
    holderIdentity: "other_2",
    leaseDurationSeconds: 10,
    renewTime: "2026-01-01T00:00:00.000000Z",
  },
};
