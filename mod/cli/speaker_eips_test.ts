import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { formatPrefix, parsePrefix, type Prefix } from "@/addr/prefix.ts";
import { projectEip } from "@/api/mod.ts";
import { LocRib } from "@/bgp/mod.ts";
import { assert } from "@/lang/assert.ts";
import { BgpSelection } from "@/node/bgp_selection.ts";
import { SpeakerEips } from "./speaker_eips.ts";

const PLAIN = {
  communities: [],
  extendedCommunities: [],
  largeCommunities: [],
};

Deno.test("SpeakerEips finds the Eip that a prefix lies in, all of it", () => {
  const eips = new SpeakerEips(new BgpSelection());
  strictEqual(eips.eipOf(prefix("192.0.2.1/32")), undefined);
  const all = [
    eipOf("four", "192.0.2.0/25"),
    eipOf("range", "192.0.2.130-192.0.2.140"),
    eipOf("six", "2001:db8::/64"),
    eipOf("local", "198.51.100.0/24", "layer2"),
  ];
  strictEqual(eips.set(all), true);
  strictEqual(eips.set(all), false);
  const found = [
    ...["192.0.2.1/32", "192.0.2.0/25", "192.0.2.0/24", "192.0.2.132/30"],
    ...["2001:db8::1/128", "198.51.100.1/32", "203.0.113.0/24"],
  ].map((text) => `${text} ${eips.eipOf(prefix(text))}`);
  deepStrictEqual(found, [
    "192.0.2.1/32 four",
    "192.0.2.0/25 four",
    "192.0.2.0/24 undefined",
    "192.0.2.132/30 range",
    "2001:db8::1/128 six",
    "198.51.100.1/32 undefined",
    "203.0.113.0/24 undefined",
  ]);
});

Deno.test("SpeakerEips names the routes that are in another Eip than before", () => {
  const eips = new SpeakerEips(new BgpSelection());
  const rib = new LocRib();
  for (const text of ["192.0.2.1/32", "192.0.2.2/32", "2001:db8::1/128"]) {
    rib.announce(prefix(text), undefined, PLAIN, eips.eipOf(prefix(text)));
  }
  const moved = () =>
    [...eips.moved(rib)].map((args) => {
      rib.announce(...args);
      return `${formatPrefix(args[0])} ${args[3]}`;
    });
  deepStrictEqual(moved(), []);
  eips.set([eipOf("a", "192.0.2.0/31"), eipOf("six", "2001:db8::/64")]);
  deepStrictEqual(moved(), ["192.0.2.1/32 a", "2001:db8::1/128 six"]);
  deepStrictEqual(moved(), []);
  eips.set([eipOf("b", "192.0.2.0/24")]);
  deepStrictEqual(moved(), [
    "192.0.2.1/32 b",
    "192.0.2.2/32 b",
    "2001:db8::1/128 undefined",
  ]);
});

function eipOf(name: string, address: string, protocol = "bgp") {
  const eip = projectEip({ metadata: { name }, spec: { address, protocol } });
  assert(eip.ok, "It is an Eip");
  return eip.value;
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  assert(parsed !== undefined, `${text} is a prefix`);
  return parsed;
}
