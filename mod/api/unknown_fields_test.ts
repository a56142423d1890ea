import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { unknownFields } from "./unknown_fields.ts";

Deno.test.each([
  {
    name: "in other letters",
    spec: { conf: { peerAS: 65_001 } },
    found: "spec.conf.peerAS → spec.conf.peerAs",
  },
  {
    name: "with a letter too few",
    spec: { conf: { authPasword: "s" } },
    found: "spec.conf.authPasword → spec.conf.authPassword",
  },
  {
    name: "one level too high",
    spec: { neighborAddress: "10.0.0.2" },
    found: "spec.neighborAddress → spec.conf.neighborAddress",
  },
  {
    name: "in a list",
    spec: { afiSafis: [{}, { addPath: {} }] },
    found: "spec.afiSafis[1].addPath → spec.afiSafis[1].addPaths",
  },
  {
    name: "below a list, written elsewhere",
    spec: { sendMax: 3 },
    found: "spec.sendMax → spec.afiSafis[].addPaths.config.sendMax",
  },
  {
    name: "that is like none",
    spec: { colour: "red" },
    found: "spec.colour → nothing",
  },
  {
    name: "that two places have",
    spec: { enabled: true },
    found: "spec.enabled → nothing",
  },
])("unknownFields() finds a field $name", ({ spec, found }) => {
  deepStrictEqual(
    unknownFields("BgpPeer", { spec }).map(({ path, near }) =>
      `${path} → ${near ?? "nothing"}`
    ),
    [found],
  );
});

Deno.test("unknownFields() tells which are known in its place", () => {
  const [field] = unknownFields("BgpPeer", {
    spec: { timers: { holdTime: "3", colour: 1 } },
  });
  strictEqual(field?.near, "spec.timers.config.holdTime");
  deepStrictEqual(field?.known, ["config"]);
});

Deno.test("unknownFields() finds one beside spec, and none in metadata, status and maps", () => {
  deepStrictEqual(
    unknownFields("BgpConf", {
      apiVersion: "v",
      kind: "BgpConf",
      metadata: { name: "default", anything: 1 },
      spec: { as: 65_001, asPerRack: { "rack-1": 65_002 } },
      status: { anything: 1 },
      specs: {},
    }).map(({ path }) => path),
    ["specs"],
  );
  deepStrictEqual(
    unknownFields("BgpPeer", {
      spec: { nodeSelector: { matchLabels: { colour: "red" } } },
    }),
    [],
  );
});

Deno.test.each([[null], [7], ["x"], [[]], [{ spec: null }], [{ spec: [] }]])(
  "unknownFields() finds none in what is no object: %o",
  (raw) => deepStrictEqual(unknownFields("BgpConf", raw), []),
);
