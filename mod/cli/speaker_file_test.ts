import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { parseSpeakerFile } from "./speaker_file.ts";

const CONF = `apiVersion: network.kubesphere.io/v1alpha2
kind: BgpConf
metadata: {name: default}
spec: {as: 65001, routerId: 10.0.0.1}
`;

function peer(name: string, address: string): string {
  return `---
apiVersion: network.kubesphere.io/v1alpha2
kind: BgpPeer
metadata: {name: ${name}}
spec: {conf: {neighborAddress: ${address}, peerAs: 65002}}
`;
}

function unnumbered(name: string): string {
  return peer(name, "10.0.0.2").replace(
    "neighborAddress: 10.0.0.2",
    "neighborInterface: eth1",
  );
}

Deno.test("parseSpeakerFile() reads a BgpConf and its peers", () => {
  const file = parseSpeakerFile(
    CONF + peer("a", "10.0.0.2") + peer("b", "10.0.0.3"),
  );
  ok(file.ok);
  strictEqual(file.value.conf.spec.as, 65_001);
  deepStrictEqual(file.value.peers.map(({ meta }) => meta.name), ["a", "b"]);
});

function policy(name: string, text: string): string {
  const lines = text.split("\n").map((line) => `    ${line}`).join("\n");
  return `---
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}}
data:
  gobgp.conf: |
${lines}
`;
}

const NAMING = CONF.replace("as: 65001", "as: 65001, policy: p");
const REJECT =
  '[global.apply-policy.config]\ndefault-export-policy = "reject-route"';

Deno.test("parseSpeakerFile() reads the policy that the BgpConf names", () => {
  const file = parseSpeakerFile(NAMING + policy("p", REJECT));
  ok(file.ok, file.ok ? "" : file.error.join(" / "));
  strictEqual(file.value.policy, `${REJECT}\n`);
});

function secret(name: string, data: string): string {
  return `---
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
${data}
`;
}

const SIGNED = peer("a", "10.0.0.2").replace(
  "spec: {",
  "spec: {authSecretRef: {name: s}, ",
);

Deno.test("parseSpeakerFile() gives a peer the password that its Secret has", () => {
  for (
    const data of [
      "stringData: {password: geheim}",
      "data: {password: Z2VoZWlt}",
    ]
  ) {
    const file = parseSpeakerFile(CONF + SIGNED + secret("s", data));
    ok(file.ok, file.ok ? "" : file.error.join(" / "));
    strictEqual(file.value.peers[0]?.spec.conf?.authPassword, "geheim");
  }
});

function eip(name: string, address: string): string {
  return `---
kind: Eip
metadata: {name: ${name}}
spec: {address: ${address}}
`;
}

Deno.test("parseSpeakerFile() reads the Eips that prefixes have to be within", () => {
  const file = parseSpeakerFile(
    CONF + peer("a", "10.0.0.2") + eip("web", "10.99.0.0/24"),
  );
  ok(file.ok, file.ok ? "" : file.error.join(" / "));
  deepStrictEqual(file.value.eips.map(({ spec }) => spec.address), [
    "10.99.0.0/24",
  ]);
});

const WRONG: readonly (readonly [string, string, string])[] = [
  ["no YAML", "a: [", "not YAML"],
  ["no BgpConf", peer("a", "10.0.0.2"), "no BgpConf named default"],
  [
    "another kind",
    `${CONF}---\nkind: Service\nmetadata: {name: x}\n`,
    "only BgpConf, BgpPeer, Eip, ConfigMap and Secret",
  ],
  [
    "no conf",
    `${CONF}---\nkind: BgpPeer\nmetadata: {name: a}\nspec: {}\n`,
    "spec.conf says who the peer is",
  ],
  [
    "a wrong address",
    CONF + peer("a", "10.0.0"),
    "write an IPv4 or IPv6 address",
  ],
  [
    "a router id of IPv6",
    CONF.replace("10.0.0.1", `"2001:db8::1"`),
    "four numbers",
  ],
  [
    "two peers of one name",
    CONF + peer("a", "10.0.0.2") + peer("a", "10.0.0.3"),
    "two BgpPeers named a",
  ],
  [
    "a Secret that is not there",
    CONF + SIGNED,
    "BgpPeer a: spec.authSecretRef names s, and there is no Secret of that name",
  ],
  [
    "a Secret without the key",
    CONF + SIGNED + secret("s", "stringData: {other: geheim}"),
    "has no such key: write one with the password under the key password",
  ],
  [
    "a Secret with a password and a line break",
    CONF + SIGNED + secret("s", 'stringData: {password: "geheim\\n"}'),
    "has a line break in it",
  ],
  [
    "a Secret that nothing uses",
    CONF + peer("a", "10.0.0.2") + secret("s", "stringData: {password: p}"),
    "Nothing uses the Secret s",
  ],
  [
    "a policy that is not there",
    NAMING,
    'spec.policy of the BgpConf is "p", and there is no ConfigMap of that name: add one with the policy under the key gobgp.conf',
  ],
  [
    "a policy under another key",
    NAMING + policy("p", "").replace("gobgp.conf", "bgp.conf"),
    'spec.policy of the BgpConf is "p", and the ConfigMap of that name has no text under that key',
  ],
  [
    "a policy that nothing names",
    CONF + policy("p", REJECT),
    "Nothing uses the ConfigMap p: name it in spec.policy of the BgpConf, or take it out",
  ],
  [
    "two ConfigMaps of a name",
    NAMING + policy("p", REJECT) + policy("p", REJECT),
    "There are two ConfigMaps named p: take one of them out",
  ],
  [
    "a policy with a mistake",
    NAMING + policy("p", REJECT.replace("export", "exprot")),
    "gobgp.conf of the ConfigMap p, line 2: global.apply-policy.config.default-exprot-policy is not a key of this table: known are",
  ],
  [
    "a community that is none",
    CONF + peer("a", "10.0.0.2").replace(
      "spec: {",
      "spec: {advertisement: {communities: [red]}, ",
    ),
    'BgpPeer a: spec.advertisement.communities[0] cannot be "red": spec.communityAliases of the BgpConf has no such name',
  ],
  [
    "an Eip without addresses",
    CONF + peer("a", "10.0.0.2") + eip("web", "10.99.0.0/33"),
    'Eip web: invalid eip address format: "10.99.0.0/33"',
  ],
  [
    "two Eips of one name",
    CONF + peer("a", "10.0.0.2") + eip("web", "10.99.0.0/24") +
    eip("web", "10.98.0.0/24"),
    "There are two Eips named web: rename one of them",
  ],
  [
    "a prefix length that is none",
    CONF + peer("a", "10.0.0.2").replace(
      "spec: {",
      "spec: {advertisement: {aggregationLength: 0}, ",
    ),
    "BgpPeer a: spec.advertisement.aggregationLength cannot be 0: write a prefix length of 1 to 32",
  ],
  [
    "two peers of one address",
    CONF + peer("a", "10.0.0.2") + peer("b", "10.0.0.2"),
    "same spec.conf.neighborAddress 10.0.0.2",
  ],
  [
    "two peers of one interface",
    CONF + unnumbered("a") + unnumbered("b"),
    "same spec.conf.neighborInterface eth1",
  ],
];

for (const [name, text, advice] of WRONG) {
  Deno.test(`parseSpeakerFile() refuses a file with ${name}, in a sentence`, () => {
    const file = parseSpeakerFile(text);
    strictEqual(file.ok, false);
    ok(
      !file.ok && file.error.some((sentence) => sentence.includes(advice)),
      !file.ok ? file.error.join(" / ") : "",
    );
  });
}
