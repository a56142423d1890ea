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

Deno.test("parseSpeakerFile() reads a BgpConf and its peers", () => {
  const file = parseSpeakerFile(
    CONF + peer("a", "10.0.0.2") + peer("b", "10.0.0.3"),
  );
  ok(file.ok);
  strictEqual(file.value.conf.spec.as, 65_001);
  deepStrictEqual(file.value.peers.map(({ meta }) => meta.name), ["a", "b"]);
});

const WRONG: readonly (readonly [string, string, string])[] = [
  ["no YAML", "a: [", "not YAML"],
  ["no BgpConf", peer("a", "10.0.0.2"), "no BgpConf named default"],
  [
    "another kind",
    `${CONF}---\nkind: Service\nmetadata: {name: x}\n`,
    "only BgpConf and BgpPeer",
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
    "two peers of one address",
    CONF + peer("a", "10.0.0.2") + peer("b", "10.0.0.2"),
    "same spec.conf.neighborAddress",
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
