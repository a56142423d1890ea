import { match, strictEqual } from "node:assert/strict";
import { projectEip } from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import {
  EIP_PEERS_MAX,
  eipBgpNote,
  eipBgpProblem,
  selectsAllEips,
  whyUntold,
} from "./eip_selection.ts";

type Raw = { readonly [key: string]: unknown };

const BY_LABEL = { matchLabels: { zone: "a" } };

Deno.test.each([
  { name: "neither says anything", selector: undefined, bgp: undefined },
  { name: "the selector is empty", selector: {}, bgp: { peers: [] } },
  { name: "the labels are selected", selector: BY_LABEL, bgp: undefined },
  { name: "it is named", selector: undefined, bgp: { peers: ["b", "tor"] } },
  { name: "both agree", selector: BY_LABEL, bgp: { peers: ["tor"] } },
])("whyUntold() lets a router be told where $name", ({ selector, bgp }) => {
  strictEqual(
    whyUntold({ name: "tor", eipSelector: selector }, eipOf(bgp)),
    undefined,
  );
});

Deno.test.each([
  {
    name: "the labels are not selected",
    selector: { matchLabels: { zone: "b" } },
    bgp: { peers: ["tor"] },
    why: "spec.eipSelector of the BgpPeer leaves the Eip pool out",
  },
  {
    name: "another one is named",
    selector: BY_LABEL,
    bgp: { peers: ["b"] },
    why: "spec.bgp.peers of the Eip pool does not name it",
  },
  {
    name: "what routes are to carry cannot be read",
    selector: undefined,
    bgp: { communities: ["x y"] },
    why:
      'of the Eip pool spec.bgp.communities[0] cannot be "x y": write two numbers up to 65535, as 65001:100, a well-known name such as no-export, or an alias of the BgpConf',
  },
])("whyUntold() leaves a router untold where $name", (row) => {
  strictEqual(
    whyUntold({ name: "tor", eipSelector: row.selector }, eipOf(row.bgp)),
    row.why,
  );
});

Deno.test.each([
  {
    name: "a name that is none",
    bgp: { peers: ["a b"] },
    text: /^spec\.bgp\.peers\[0\] cannot be "a b": /,
  },
  {
    name: "more names than there may be",
    bgp: { peers: Array(EIP_PEERS_MAX + 1).fill("a") },
    text: /^spec\.bgp\.peers cannot be 65 names: write 64 at most/,
  },
  {
    name: "a community that is none",
    bgp: { communities: ["65536:1"] },
    text: /^spec\.bgp\.communities\[0\] cannot be /,
  },
  {
    name: "a large community that is none",
    bgp: { largeCommunities: ["1:2:3", "1:2"] },
    text: /^spec\.bgp\.largeCommunities\[1\] cannot be /,
  },
  {
    name: "more communities than there may be",
    bgp: { communities: Array(65).fill("1:1") },
    text: /^spec\.bgp\.communities cannot be 65 communities: /,
  },
])("eipBgpProblem() refuses $name", ({ bgp, text }) => {
  match(eipBgpProblem(eipOf(bgp))?.message ?? "", text);
});

Deno.test("eipBgpProblem() has nothing against an Eip that is right, or says nothing", () => {
  const bgp = {
    peers: ["tor.rack-1", "b"],
    communities: ["65001:1", "NO_EXPORT"],
    largeCommunities: ["4294967295:1:2"],
    med: 0,
    localPref: 4_294_967_295,
  };
  strictEqual(eipBgpProblem(eipOf(bgp)), undefined);
  strictEqual(eipBgpProblem(eipOf(undefined)), undefined);
});

Deno.test("eipBgpNote() tells of BgpPeers that there are not, and of an Eip that is not for routers", () => {
  const peers = new Map([["tor", {}]]);
  const note = (bgp: Raw | undefined, isRouted = true) =>
    eipBgpNote(eipOf(bgp), { isRouted, peers })?.message;
  strictEqual(note(undefined), undefined);
  strictEqual(note({ peers: ["tor"] }), undefined);
  match(
    note({ peers: ["tor", "b", "c"] }) ?? "",
    / names b, c, and there is no/,
  );
  strictEqual(note(undefined, false), undefined);
  match(note({ med: 1 }, false) ?? "", /^spec\.bgp is without effect/);
});

Deno.test("selectsAllEips() is true of a selector that says nothing", () => {
  strictEqual(selectsAllEips(undefined), true);
  strictEqual(selectsAllEips({}), true);
  strictEqual(selectsAllEips({ matchLabels: {}, matchExpressions: [] }), true);
  strictEqual(selectsAllEips(BY_LABEL), false);
  const matchExpressions = [{ key: "a", operator: "Exists" }];
  strictEqual(selectsAllEips({ matchExpressions }), false);
});

function eipOf(bgp: Raw | undefined) {
  const eip = projectEip({
    metadata: { name: "pool", labels: { zone: "a" } },
    spec: { address: "192.0.2.0/24", ...(bgp === undefined ? {} : { bgp }) },
  });
  assert(eip.ok, "It is an Eip");
  return eip.value;
}
