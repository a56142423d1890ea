/**
 * `foghorn speaker` as a process: what it reads and tells, beside a peer that
 * says what it is told to. No network but loopback, no right but one's own.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import {
  check,
  conf,
  ConfigFile,
  message,
  PEER,
  peer,
  ScriptedPeer,
  Speaker,
  update,
} from "./speaker_process.ts";

const SECRET = "geheim";

Deno.test("foghorn speaker --check tells what is right, and what has no effect", async () => {
  await using file = await ConfigFile.make(
    conf("useMultiplePaths: true") + peer(1),
  );
  const { code, stdout, stderr } = await check(file);
  deepStrictEqual([code, stderr], [0, ""]);
  deepStrictEqual(stdout.trim().split("\n").map((line) => JSON.parse(line)), [
    { kind: "checked", peers: 1 },
    {
      kind: "remark",
      message:
        "BgpConf default: Without effect, so leave it out: spec.useMultiplePaths",
    },
  ]);
});

Deno.test.each([
  {
    name: "is not YAML",
    text: "spec: {as: [",
    sentence: /^foghorn: The file is not YAML: [^\n]+\n$/,
  },
  {
    name: "has a field that is none",
    text: `${conf()}${peer(1).replace("peerAs", "peerAS")}`,
    sentence:
      /^foghorn: BgpPeer a: spec.conf.peerAS is not a field: spec.conf.peerAs is\n$/,
  },
  {
    name: "has no AS number",
    text: conf().replace("as: 65001", "listenAddresses: []"),
    sentence: /^foghorn: There is no AS number for this machine: [^\n]+\n$/,
  },
])(
  "foghorn speaker --check ends with 2 where the file $name, in a sentence",
  async ({ text, sentence }) => {
    await using file = await ConfigFile.make(text);
    const { code, stdout, stderr } = await check(file);
    deepStrictEqual([code, stdout], [2, ""]);
    match(stderr, sentence);
  },
);

Deno.test("foghorn speaker loads the lines that wait before it dials, and answers a line at a time", async () => {
  using router = new ScriptedPeer();
  await using file = await ConfigFile.make(conf() + peer(router.port));
  // No more than a pipe holds: what is still to be written does not wait yet.
  const waiting = Array.from(
    { length: 2_000 },
    (_, i) => `announce 10.0.${i >> 8}.${i & 255}/32`,
  );
  await using speaker = await Speaker.start(file, waiting);
  strictEqual((await speaker.told("ready"))["routes"], 2_000);
  await speaker.write("announce 10.0.0.0/33", "nonsense");
  match(`${(await speaker.told("refused"))["message"]}`, /is no prefix/);
  deepStrictEqual(await speaker.told("refused", 2), {
    kind: "refused",
    line: "nonsense",
    message: (await speaker.told("refused", 2))["message"],
  });
  await speaker.write(
    "announce 192.0.2.1/32 next-hop 10.0.0.7",
    "announce 192.0.2.1/32 next-hop 10.0.0.8",
    "withdraw 192.0.2.9/32",
    "withdraw 192.0.2.1/32 next-hop 10.0.0.9",
    "refresh nobody",
    "routes",
  );
  const { count, ipv4 } = await speaker.told("routes");
  deepStrictEqual([count, ipv4], [2_001, 2_001]);
  deepStrictEqual(
    speaker.all("refused").slice(2).map(({ message }) => message),
    [
      "192.0.2.9/32 is not announced",
      "192.0.2.1/32 is not announced by 10.0.0.9",
      "There is no peer nobody: peers tells which there are",
    ],
  );
  await speaker.write(
    ...waiting.map((line) => line.replace("announce", "withdraw")),
    "withdraw 192.0.2.1/32 next-hop 10.0.0.7",
    "routes",
  );
  const { routes } = await speaker.told("routes", 2);
  deepStrictEqual(routes, [{
    prefix: "192.0.2.1/32",
    paths: [{ nextHop: "10.0.0.8", pathId: 3 }],
  }]);
});

Deno.test("foghorn speaker tells first that it is ready, whatever waits and fails", async () => {
  using router = new ScriptedPeer();
  await using file = await ConfigFile.make(
    conf("useMultiplePaths: true") + peer(router.port) +
      peer(1, "127.0.0.9"),
  );
  await using speaker = await Speaker.start(file, ["nonsense", "routes"]);
  await router.open();
  await speaker.told("dial-failed");
  const [first, ...more] = speaker.kinds;
  strictEqual(first, "ready");
  for (const kind of ["remark", "refused", "routes", "peer-state"]) {
    ok(more.includes(kind), `${kind} is not among ${more}`);
  }
});

Deno.test("foghorn speaker tells no peer what another one announces", async () => {
  using router = new ScriptedPeer();
  using other = new ScriptedPeer("127.0.0.2");
  await using file = await ConfigFile.make(
    conf() + peer(router.port) + peer(other.port, "127.0.0.2"),
  );
  await using speaker = await Speaker.start(file);
  await Promise.all([router.open(), other.open()]);
  await router.send(
    update("400101 00 40020402 01fdea 400304 0a000002", "18cb0071"),
  );
  await speaker.peer(({ received }) =>
    (received as Readonly<Record<string, number>>)["ipv4-unicast"] === 1
  );
  await speaker.write("announce 192.0.2.1/32");
  // End-of-RIB, and the route of our own.
  strictEqual((await other.receives(UPDATE)).length, 23);
  const told = await other.receives(UPDATE);
  strictEqual(told.toHex().endsWith("20c0000201"), true, told.toHex());
  await router.send(message(2, "0004 18cb0071 0000"));
  await speaker.write("withdraw 192.0.2.1/32");
  strictEqual(
    (await other.receives(UPDATE)).toHex().endsWith("000520c00002010000"),
    true,
  );
});

Deno.test("foghorn speaker counts of each peer what came, what was wrong with it, and notifications both ways", async () => {
  using router = new ScriptedPeer();
  await using file = await ConfigFile.make(conf() + peer(router.port));
  await using speaker = await Speaker.start(file);
  await speaker.told("ready");
  await router.open();
  await speaker.write(`refresh ${PEER}`);
  await router.receives(ROUTE_REFRESH);
  await router.send(
    update("400101 00 40020402 01fdea 400304 0a000002", "18c00002 18cb0071"),
    update("400101 09 40020402 01fdea 400304 0a000002", "18c63364"),
    update(
      "400101 00 40020402 01fdea 400304 0a000002 c00703 000000",
      "100a01",
    ),
  );
  const view = await speaker.peer((one) =>
    one["attributesDiscarded"] === 1 && one["treatedAsWithdraw"] === 1
  );
  const { state, received, notifications } = view;
  deepStrictEqual({ state, received, notifications }, {
    state: "Established",
    received: { "ipv4-unicast": 3, "ipv6-unicast": 0 },
    notifications: { sent: 0, received: 0 },
  });
  // Cease / Administrative Reset.
  await router.send(message(3, "0604"));
  await speaker.told("notification-received");
  await router.open();
  await speaker.write("shutdown back at nine");
  const text = new TextDecoder().decode(await router.receives(NOTIFICATION));
  match(text, /back at nine$/);
  const sent = await speaker.told("notification-sent");
  deepStrictEqual([sent["name"], sent["text"]], [
    "Cease / Administrative Shutdown",
    "back at nine",
  ]);
  await speaker.told("stopped");
  strictEqual(await speaker.code, 0);
});

Deno.test("foghorn speaker has told of the routes before a line when it answers it", async () => {
  // By 127.0.0.1 the next hop would be the router itself.
  using router = new ScriptedPeer("127.0.0.3");
  const text = conf() + peer(router.port, "127.0.0.3");
  await using file = await ConfigFile.make(text);
  await using speaker = await Speaker.start(file);
  await router.open();
  await speaker.peer(({ state }) => state === "Established");
  const answers = speaker.all("peers").length;
  await speaker.write("announce 192.0.2.1/32", "peers");
  const { peers } = await speaker.told("peers", answers + 1);
  deepStrictEqual(
    (peers as readonly { readonly prefixes: number }[]).map((one) =>
      one.prefixes
    ),
    [1],
  );
});

Deno.test("foghorn speaker tells of a prefix within an Eip who is told of the Eip, and the difference on reload", async () => {
  // By 127.0.0.1 the next hop would be the router itself.
  using router = new ScriptedPeer("127.0.0.3");
  using other = new ScriptedPeer("127.0.0.2");
  const text = (bgp: string, address = "192.0.2.0/24") =>
    conf() + peer(router.port, "127.0.0.3").replace("name: b", "name: c") +
    peer(other.port, "127.0.0.2") +
    `---\nkind: Eip\nmetadata: {name: pool}\nspec: {address: ${address}, bgp: ${bgp}}\n`;
  await using file = await ConfigFile.make(text("{peers: [b], med: 7}"));
  await using speaker = await Speaker.start(file, ["announce 192.0.2.1/32"]);
  await Promise.all([router.open(), other.open()]);
  const route = "20c0000201";
  const isTold = async (peer: ScriptedPeer, what: RegExp) =>
    match((await peer.receives(UPDATE)).toHex().slice(38), what);
  // MED 7, then End-of-RIB; to the other one End-of-RIB alone.
  await isTold(other, new RegExp(`80040400000007.*${route}$`));
  await isTold(other, /^00000000$/);
  await isTold(router, /^00000000$/);
  await file.write(text("{peers: [c]}"));
  await speaker.write("reload");
  await isTold(other, new RegExp(`^0005${route}0000$`));
  await isTold(router, new RegExp(`${route}$`));
  // The prefix is in no Eip any more: all are told.
  await file.write(text("{peers: [c]}", "198.51.100.0/24"));
  await speaker.write("reload");
  await isTold(other, new RegExp(`${route}$`));
});

Deno.test("foghorn speaker tells no password, whatever is wrong", async () => {
  const signed = (password: string, port = 1): string =>
    peer(port).replace("peerAs", `authPassword: "${password}", peerAs`);
  await using file = await ConfigFile.make(conf() + signed(SECRET));
  const told: string[] = [];
  await using speaker = await Speaker.start(file, ["peers"]);
  await speaker.told("dial-failed");
  const wrong = [
    signed(`${SECRET}${"x".repeat(80)}`),
    signed(`${SECRET}\\n`),
    signed(SECRET).replace("authPassword", "authPasword"),
    signed(SECRET).replace(`"${SECRET}"`, `[${SECRET}]`),
    `${signed(SECRET)}${signed(SECRET)}`,
    signed(SECRET).replace("}}", ""),
  ];
  for (const [i, text] of wrong.entries()) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await file.write(conf() + text);
    // deno-lint-ignore no-await-in-loop -- likewise
    await speaker.write("reload");
    // deno-lint-ignore no-await-in-loop -- likewise
    told.push(JSON.stringify(await speaker.told("reload-refused", i + 1)));
  }
  await speaker.write("peers");
  await speaker.told("peers", 2);
  told.push(...speaker.lines);
  for (const text of told) ok(!text.includes(SECRET), text);
});

Deno.test("foghorn speaker applies a file that is right, on reload and SIGHUP, and keeps what it has else", async () => {
  using router = new ScriptedPeer();
  await using file = await ConfigFile.make(conf() + peer(router.port));
  await using speaker = await Speaker.start(file);
  await router.open();
  await speaker.peer(({ state }) => state === "Established");
  for (const [i, text] of ["kind: [", conf("colour: red")].entries()) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await file.write(text);
    // deno-lint-ignore no-await-in-loop -- likewise
    await speaker.write("reload");
    // deno-lint-ignore no-await-in-loop -- likewise
    const { problems } = await speaker.told("reload-refused", i + 1);
    strictEqual((problems as readonly unknown[]).length, 1);
  }
  strictEqual((await speaker.peer(() => true))["state"], "Established");
  await file.write(conf("useMultiplePaths: true") + peer(router.port));
  speaker.hangUp();
  match(`${(await speaker.told("remark"))["message"]}`, /useMultiplePaths/);
  await speaker.told("reloaded");
  strictEqual((await speaker.peer(() => true))["state"], "Established");
  await file.write(conf("useMultiplePaths: true"));
  await speaker.write("reload");
  await router.receives(NOTIFICATION);
  await speaker.told("reloaded", 2);
  strictEqual(speaker.all("remark").length, 1, "it is told once");
});

// Types of messages (RFC 4271 §4.1, RFC 2918 §3).
const UPDATE = 2;
const NOTIFICATION = 3;
const ROUTE_REFRESH = 5;
