/** Aliases of communities as the webhook and the conditions judge them. */

import { match, strictEqual } from "node:assert/strict";
import {
  type AdmissionRequest,
  projectBgpConf,
  projectBgpPeer,
  projectEip,
} from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import { reviewAdmission } from "./admission.ts";
import { BgpPlanner } from "./bgp_planner.ts";

type Raw = { readonly [key: string]: unknown };

const CONF = { as: 65_000, communityAliases: { "to-transit": "65001:7" } };
const ADVERTISED = { communities: ["to-transit"] };
const PEER = { conf: { neighborAddress: "192.0.2.254", peerAs: 65_001 } };
const POOL = { address: "192.0.2.1" };

Deno.test.each([
  ["BgpPeer", { ...PEER, advertisement: ADVERTISED }],
  ["Eip", { ...POOL, bgp: ADVERTISED }],
])(
  "reviewAdmission() refuses an alias in a %s that the BgpConf does not have",
  (kind, spec) => {
    strictEqual(review({ conf: CONF }, kind, spec), "allowed");
    match(
      review({ conf: { as: 65_000 } }, kind, spec),
      /communities\[0\] cannot be "to-transit": spec\.communityAliases of the BgpConf has no such name/,
    );
    // The BgpConf may come later: what it is to have is not known.
    strictEqual(review({}, kind, spec), "allowed");
  },
);

Deno.test("reviewAdmission() refuses to take an alias out of the BgpConf that is in use", () => {
  const without = { as: 65_000 };
  const peers = { tor: { ...PEER, advertisement: ADVERTISED } };
  match(
    review({ conf: CONF, peers }, "BgpConf", without, CONF),
    /^BgpPeer tor: spec\.advertisement\.communities\[0\] cannot be "to-transit"/,
  );
  const eips = { pool: { ...POOL, bgp: ADVERTISED } };
  match(
    review({ conf: CONF, eips }, "BgpConf", without, CONF),
    /^Eip pool: spec\.bgp\.communities\[0\] cannot be "to-transit"/,
  );
  strictEqual(review({ conf: CONF }, "BgpConf", without, CONF), "allowed");
  // It was missing before: whoever edits something else is not kept from it.
  const edited = { as: 65_001 };
  strictEqual(review({ peers }, "BgpConf", edited, without), "allowed");
});

Deno.test("BgpPlanner tells of an alias that is missing: of a BgpPeer in its Ready, of an Eip in Degraded of the BgpConf", () => {
  const conditions = (communityAliases: Raw, bgp: Raw) => {
    const tables = {
      bgpconf: map(
        { default: { as: 65_000, communityAliases } },
        projectBgpConf,
      ),
      bgppeer: map(
        { tor: { ...PEER, advertisement: ADVERTISED } },
        projectBgpPeer,
      ),
    };
    const eips = map({ pool: { ...POOL, bgp } }, projectEip);
    const cluster = { eips, services: new Map() };
    const planner = new BgpPlanner(tables, new Map(), 1, undefined, cluster);
    return planner.plan({ nowMs: 0, nowIso: "2026-01-01T00:00:00Z" })
      .flatMap(({ id, body }) => {
        const { status } = body as { readonly status: Raw };
        return (status["conditions"] as readonly Raw[]).map((one) =>
          `${id} ${one["type"]} ${one["status"]} ${one["reason"]} ${
            one["message"]
          }`.trim()
        );
      }).join("\n");
  };
  strictEqual(
    conditions({ "to-transit": "65001:7" }, ADVERTISED),
    "bgpconf-status/default Ready True Ready\nbgppeer-status/tor Ready True Ready",
  );
  match(
    conditions({}, {}),
    /^bgpconf-status\/default Ready True Ready\nbgppeer-status\/tor Ready False FieldInvalid .*"to-transit"/,
  );
  match(
    conditions({ "to-transit": "1:2:3" }, { largeCommunities: ["eu"] }),
    /default Degraded True FieldInvalid Eip pool: spec\.bgp\.largeCommunities\[0\] .*\n.*tor Ready False .*it is 1:2:3 .*write it in spec\.advertisement\.largeCommunities/,
  );
});

Deno.test("BgpPlanner looks again when an Eip begins to use aliases", () => {
  const eips = map({ pool: POOL }, projectEip);
  const tables = {
    bgpconf: map({ default: { as: 65_000 } }, projectBgpConf),
    bgppeer: new Map(),
  };
  const cluster = { eips, services: new Map() };
  const planner = new BgpPlanner(tables, new Map(), 1, undefined, cluster);
  const now = { nowMs: 0, nowIso: "2026-01-01T00:00:00Z" };
  const [write] = planner.plan(now);
  if (write === undefined) throw new Error("A condition is written");
  const object = {
    metadata: { name: "default", uid: "u", resourceVersion: "2" },
    spec: { as: 65_000 },
    status: (write.body as { readonly status: Raw }).status,
  };
  planner.written(write, { kind: "written", object }, now);
  planner.noteCluster();
  strictEqual(planner.plan(now).length, 0);
  eips.set(
    "pool",
    value(project("pool", { ...POOL, bgp: ADVERTISED }, projectEip)),
  );
  planner.noteCluster();
  match(JSON.stringify(planner.plan(now)), /Degraded.*Eip pool: .*to-transit/);
});

/** The message of a refusal, or that there is none. */
function review(
  known: {
    readonly conf?: Raw;
    readonly peers?: Readonly<Record<string, Raw>>;
    readonly eips?: Readonly<Record<string, Raw>>;
  },
  kind: string,
  spec: Raw,
  before?: Raw,
): string {
  const name = kind === "BgpConf" ? "default" : "new";
  const request: AdmissionRequest = {
    uid: "1",
    group: "network.kubesphere.io",
    kind,
    operation: before === undefined ? "CREATE" : "UPDATE",
    object: { metadata: { name }, spec },
    oldObject: before === undefined
      ? null
      : { metadata: { name }, spec: before },
  };
  const confs = known.conf === undefined ? {} : { default: known.conf };
  const verdict = reviewAdmission(request, {
    eips: map(known.eips ?? {}, projectEip),
    services: new Map(),
    nodes: new Map(),
    bgpPeers: map(known.peers ?? {}, projectBgpPeer),
    bgpConfs: map(confs, projectBgpConf),
  });
  return verdict.kind === "denied" ? verdict.message : verdict.kind;
}

function map<T>(
  specs: Readonly<Record<string, Raw>>,
  read: (raw: unknown) => Result<T, string>,
): Map<string, T> {
  return new Map(
    Object.entries(specs).map(([name, spec]) => [
      name,
      value(project(name, spec, read)),
    ]),
  );
}

function project<T>(
  name: string,
  spec: Raw,
  read: (raw: unknown) => Result<T, string>,
): Result<T, string> {
  const metadata = { name, uid: "u", resourceVersion: "1" };
  return read({ metadata, spec });
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
