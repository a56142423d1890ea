/**
 * Which peers are measured, and what is said about one that cannot be.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { parsePeers, peerUsage } from "./peers.ts";

const HERE = new Set(["/opt/kube-vip", "/opt/controller", "/opt/speaker"]);

function parse(...args: readonly string[]): ReturnType<typeof parsePeers> {
  return parsePeers(args, (path) => HERE.has(path));
}

Deno.test("parsePeers() finds none where none is given", () => {
  deepStrictEqual(parse("faults", "--rounds=2"), { ok: true, value: [] });
});

Deno.test("parsePeers() reads peers in the order they are given", () => {
  const metallb = "--peer=metallb:/opt/controller,/opt/speaker";
  deepStrictEqual(parse(metallb, "api", "--peer=kube-vip:/opt/kube-vip"), {
    ok: true,
    value: [
      { name: "metallb", programs: ["/opt/controller", "/opt/speaker"] },
      { name: "kube-vip", programs: ["/opt/kube-vip"] },
    ],
  });
});

Deno.test.each([
  {
    name: "is not known",
    args: ["--peer=openelb:/opt/manager"],
    error:
      'Cannot measure "openelb", which is no peer that is known here: give --peer=kube-vip:/path/to/kube-vip or --peer=metallb:/path/to/controller,/path/to/speaker',
  },
  {
    name: "has no name",
    args: ["--peer="],
    error:
      'Cannot measure "", which is no peer that is known here: give --peer=kube-vip:/path/to/kube-vip or --peer=metallb:/path/to/controller,/path/to/speaker',
  },
  {
    name: "lacks its program",
    args: ["--peer=kube-vip"],
    error:
      "Cannot measure kube-vip by 0 programs, it takes 1: give --peer=kube-vip:/path/to/kube-vip",
  },
  {
    name: "lacks one of its programs",
    args: ["--peer=metallb:/opt/controller"],
    error:
      "Cannot measure metallb by 1 programs, it takes 2: give --peer=metallb:/path/to/controller,/path/to/speaker",
  },
  {
    name: "is not there",
    args: ["--peer=metallb:/opt/controller,/opt/speakr"],
    error:
      'Cannot measure metallb: "/opt/speakr" is no program that can be run, give the path of an executable file',
  },
  {
    name: "is given twice",
    args: ["--peer=kube-vip:/opt/kube-vip", "--peer=kube-vip:/opt/kube-vip"],
    error: "Cannot measure kube-vip twice in one run: give it once",
  },
])(
  "parsePeers() says what would be right of a peer that $name",
  ({ args, error }) => {
    deepStrictEqual(parse(...args), { ok: false, error });
  },
);

Deno.test("peerUsage() shows each peer as it is given", () => {
  const read = peerUsage().map((usage) => parsePeers([usage], () => true));
  deepStrictEqual(
    read.map((peers) => peers.ok && peers.value.map(({ name }) => name)),
    [["kube-vip"], ["metallb"]],
  );
});
