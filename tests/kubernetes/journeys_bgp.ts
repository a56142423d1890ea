/**
 * What OpenELB's pages on BGP have their readers do, and what they see then, on
 * bird. The YAML is the pages', in `journeys/`, with the lab's addresses.
 *
 * The pages' router knows one node only, and has every node as a next hop.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import type { LabHost } from "@/lab/mod.ts";
import { Router } from "../support/bird_router.ts";
import type { Journey, JourneyStage } from "./_journey_stage.ts";
import { servicesPath } from "./objects.ts";

/** J6 "BGP". */
export const BGP: Journey = {
  name: "J6 BGP",
  async apply(stage) {
    await startRouters(stage, [["client", "n1"]]);
    await stage.apply("j06-bgp");
  },
  async holds(stage, patienceMs) {
    const [router] = routers as readonly [Router];
    await stage.hasExternalIp("bgp-svc", VIP, { patienceMs });
    await router.hasNextHops(VIP, addressesOf(stage, ALL), patienceMs);
    const pods = await stage.podNodes("bgp-openelb");
    await stage.curlHits(VIP, pods, patienceMs);
    await setPolicy(stage, "Local");
    // The kernel chooses by addresses, so curl would hit one of them only.
    await router.hasNextHops(VIP, addressesOf(stage, pods), patienceMs);
    await setPolicy(stage, "Cluster");
    await router.hasNextHops(VIP, addressesOf(stage, ALL), patienceMs);
    await stage.apply("j06-shared");
    for (const service of ["bgp-svc-1", "bgp-svc-2"]) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      await stage.hasExternalIp(service, SHARED, { patienceMs });
    }
    await router.hasNextHops(SHARED, addressesOf(stage, ALL), patienceMs);
    await stage.curlHits(SHARED, pods, patienceMs);
    await stage.remove("j06-shared");
    await router.hasNextHops(SHARED, [], patienceMs);
  },
  async remove(stage) {
    await stage.remove("j06-bgp");
    await stopRouters();
  },
};

/**
 * J12 "multi-router": two leaves, each of which knows one node. The page may
 * leave out the node between; where no agent is, nobody vouches for a node, so
 * it is the page's advice of two agents under a leaf that is followed.
 */
export const MULTI_ROUTER: Journey = {
  name: "J12 multi-router (BGP)",
  async apply(stage) {
    await startRouters(stage, [["client", "n1"], ["router", "n3"]]);
    await stage.kubectl(
      ...["label", "--overwrite", "nodes", ...ALL],
      "lb.kubesphere.io/v1alpha1=openelb",
    );
    await template(stage, {
      "kubernetes.io/os": "linux",
      "lb.kubesphere.io/v1alpha1": "openelb",
    });
    await label(stage, ["n1", "n2"], "leaf1");
    await label(stage, ["n3"], "leaf2");
    await stage.apply("j12-multi-router");
  },
  async holds(stage, patienceMs) {
    const [leaf1, leaf2] = routers as readonly [Router, Router];
    await stage.hasSpeakers(ALL, patienceMs);
    await stage.hasExternalIp("bgp-svc", VIP, { patienceMs });
    await leaf1.hasNextHops(VIP, addressesOf(stage, ["n1", "n2"]), patienceMs);
    await leaf2.hasNextHops(VIP, addressesOf(stage, ["n3"]), patienceMs);
    const pods = await stage.podNodes("bgp-openelb");
    await stage.curlHits(VIP, pods, patienceMs);
  },
  async remove(stage) {
    await stage.remove("j12-multi-router");
    await label(stage, ALL, undefined);
    await template(stage, { "lb.kubesphere.io/v1alpha1": null });
    await stopRouters();
  },
};

/** J13 "BGP reference": ADD-PATH is asked for, and one node peers. */
export const REFERENCE: Journey = {
  name: "J13 BGP reference page",
  async apply(stage) {
    await startRouters(stage, [["client", "n1"]]);
    await label(stage, ["n1"], "leaf1");
    await stage.apply("j13-bgp-reference");
  },
  async holds(stage, patienceMs) {
    const [router] = routers as readonly [Router];
    await stage.hasExternalIp("bgp-svc", VIP, { patienceMs });
    await router.hasNextHops(VIP, addressesOf(stage, ALL), patienceMs);
    const text = await stage.kubectl(
      ...["get", "bgppeer", "bgppeer-sample"],
      ...["-o", "jsonpath={.spec.afiSafis[0].addPaths.config.sendMax}"],
    );
    strictEqual(text.trim(), "10");
    const pods = await stage.podNodes("bgp-openelb");
    await stage.curlHits(VIP, pods, patienceMs);
  },
  async remove(stage) {
    await stage.remove("j13-bgp-reference");
    await label(stage, ["n1"], undefined);
    await stopRouters();
  },
};

/** The routers of the journey that is made, in the order of its page. */
let routers: readonly Router[] = [];

/** Starts bird on hosts, each of which knows one node. */
async function startRouters(
  stage: JourneyStage,
  pairs: readonly (readonly [host: string, node: string])[],
): Promise<void> {
  routers = await Promise.all(pairs.map(([name, node]) => {
    const { host: client } = stage.lab.client;
    const host: LabHost = name === client.name
      ? client
      : { ...client, name, ipv4: "192.168.0.2" };
    const [neighbor = ""] = addressesOf(stage, [node]);
    return Router.configured(host, configuration(host.ipv4, neighbor));
  }));
}

async function stopRouters(): Promise<void> {
  await Promise.all(routers.map((router) => router[Symbol.asyncDispose]()));
  routers = [];
}

/** The page's, whose bird 1.6 has the lines of a family outside of its braces. */
function configuration(own: string, neighbor: string): string {
  return `
router id ${own};

protocol device {
}

protocol kernel {
    scan time 60;
    ipv4 {
        import none;
        export all;
    };
    merge paths on;
}

protocol bgp neighbor1 {
    local as 50001;
    neighbor ${neighbor} port 17900 as 50000;
    source address ${own};
    enable route refresh off;
    ipv4 {
        import all;
        export all;
        add paths on;
    };
}
`;
}

function addressesOf(
  stage: JourneyStage,
  nodes: readonly string[],
): readonly string[] {
  return nodes.map((name) => stage.lab.node(name).host.ipv4);
}

async function setPolicy(
  stage: JourneyStage,
  externalTrafficPolicy: "Cluster" | "Local",
): Promise<void> {
  const path = `${servicesPath("default")}/bgp-svc`;
  await stage.lab.objects.patch(path, { spec: { externalTrafficPolicy } });
}

/** Labels nodes with a rack, or takes the label off. */
async function label(
  stage: JourneyStage,
  nodes: readonly string[],
  rack: string | undefined,
): Promise<void> {
  const key = "openelb.kubesphere.io/rack";
  const text = rack === undefined ? `${key}-` : `${key}=${rack}`;
  await stage.kubectl("label", "--overwrite", "nodes", ...nodes, text);
}

/** `kubectl edit` of the page, as a patch. */
async function template(
  stage: JourneyStage,
  nodeSelector: Readonly<Record<string, string | null>>,
): Promise<void> {
  await stage.kubectl(
    ...["patch", "ds", "foghorn", "-n", "openelb-system", "--type=merge"],
    ...[
      "-p",
      JSON.stringify({ spec: { template: { spec: { nodeSelector } } } }),
    ],
  );
}

const ALL = ["n1", "n2", "n3"];
const VIP = "172.22.0.2";
const SHARED = "172.22.0.3";
