/**
 * `foghorn speaker` as a process: what it reads and tells, beside a peer that
 * says what it is told to. No network but loopback, no right but one's own.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";

const PEER = "127.0.0.1";

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

/** A JSON object that was told. */
type Told = Readonly<Record<string, unknown>>;

/** A file that goes in the end. */
class ConfigFile implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(text: string): Promise<ConfigFile> {
    const file = new ConfigFile(await Deno.makeTempFile({ suffix: ".yaml" }));
    await file.write(text);
    return file;
  }

  async write(text: string): Promise<void> {
    await Deno.writeTextFile(this.path, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path);
  }
}

/** The process, and all that it has told. */
class Speaker implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #told: Told[] = [];
  readonly #reading: Promise<void>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#reading = this.#read();
  }

  static async start(
    file: ConfigFile,
    lines: readonly string[] = [],
  ): Promise<Speaker> {
    const speaker = new Speaker(
      program("--config", file.path, { stdin: "piped", stderr: "inherit" })
        .spawn(),
    );
    await speaker.write(...lines);
    return speaker;
  }

  /** Its exit code. */
  get code(): Promise<number> {
    return this.#child.status.then(({ code }) => code);
  }

  /** The kinds of all that it told, in their order. */
  get kinds(): readonly unknown[] {
    return this.#told.map(({ kind }) => kind);
  }

  async write(...lines: readonly string[]): Promise<void> {
    const text = lines.map((line) => `${line}\n`).join("");
    await this.#input.write(new TextEncoder().encode(text));
  }

  hangUp(): void {
    this.#child.kill("SIGHUP");
  }

  /** What it told of a kind; all that came before the answer to a question. */
  all(kind: string): readonly Told[] {
    return this.#told.filter((one) => one["kind"] === kind);
  }

  /** Waits until it has told so many of a kind, and gives the last of these. */
  async told(kind: string, count = 1): Promise<Told> {
    const untilMs = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const found = this.#told.filter((one) => one["kind"] === kind);
      const one = found[count - 1];
      if (one !== undefined) return one;
      const why = `No ${kind}: ${JSON.stringify(this.#told)}`;
      ok(performance.now() < untilMs, why);
      // deno-lint-ignore no-await-in-loop -- it waits
      await pass(5);
    }
  }

  /** Asks until the peer is as it is wanted. */
  async peer(matches: (view: Told) => boolean): Promise<Told> {
    const untilMs = performance.now() + WAIT_MS_MAX;
    for (let last = "";;) {
      ok(performance.now() < untilMs, last);
      const before = this.#told.filter((one) => one["kind"] === "peers");
      // deno-lint-ignore no-await-in-loop -- it waits
      await this.write("peers");
      // deno-lint-ignore no-await-in-loop -- it waits
      const { peers } = await this.told("peers", before.length + 1);
      const [view] = peers as readonly Told[];
      if (view !== undefined && matches(view)) return view;
      last = JSON.stringify(view);
      // deno-lint-ignore no-await-in-loop -- it waits
      await pass(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#reading;
  }

  async #read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(
        "\n",
      );
      rest = lines.pop() ?? "";
      this.#told.push(...lines.map((line) => JSON.parse(line)));
    }
  }
}

/** A peer in AS 65002 on loopback, one connection at a time. */
class ScriptedPeer implements Disposable {
  readonly #listener: Deno.TcpListener;
  #connection: Deno.TcpConn | undefined;
  #bytes = new Uint8Array(0);

  constructor(address: string = PEER) {
    this.#listener = Deno.listen({ hostname: address, port: 0 });
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Takes a connection, and begins a session on it. */
  async open(): Promise<void> {
    this.#connection?.close();
    this.#connection = await this.#listener.accept();
    this.#bytes = new Uint8Array(0);
    await this.receives(1);
    // AS 65002, Hold Time 90 s, 10.0.0.2; IPv4 unicast and route refresh.
    await this.send(
      message(1, "04 fdea 005a 0a000002 0a 0208 010400010001 0200"),
      message(4, ""),
    );
    await this.receives(4);
  }

  async send(...messages: readonly Uint8Array[]): Promise<void> {
    for (const bytes of messages) {
      for (let at = 0; at < bytes.length;) {
        // deno-lint-ignore no-await-in-loop -- one after the other
        at += await this.#open().write(bytes.subarray(at));
      }
    }
  }

  /** Waits for a message of a type, and gives it; others before it are dropped. */
  async receives(type: number): Promise<Uint8Array> {
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- it waits
      const next = await this.#message();
      if (next[18] === type) return next;
    }
  }

  async #message(): Promise<Uint8Array> {
    const chunk = new Uint8Array(65_536);
    for (;;) {
      const length = ((this.#bytes[16] ?? 0) << 8) + (this.#bytes[17] ?? 0);
      if (length >= 19 && this.#bytes.length >= length) {
        const found = this.#bytes.slice(0, length);
        this.#bytes = this.#bytes.slice(length);
        return found;
      }
      // deno-lint-ignore no-await-in-loop -- it waits
      const read = await this.#open().read(chunk);
      ok(read !== null, "The speaker has closed the connection");
      const more = new Uint8Array(this.#bytes.length + read);
      more.set(this.#bytes);
      more.set(chunk.subarray(0, read), this.#bytes.length);
      this.#bytes = more;
    }
  }

  #open(): Deno.TcpConn {
    ok(this.#connection !== undefined, "A connection is taken first");
    return this.#connection;
  }

  [Symbol.dispose](): void {
    this.#connection?.close();
    this.#listener.close();
  }
}

function conf(more = ""): string {
  const spec = `as: 65001, routerId: 10.0.0.1, listenPort: -1`;
  return `apiVersion: network.kubesphere.io/v1alpha2
kind: BgpConf
metadata: {name: default}
spec: {${spec}${more === "" ? "" : `, ${more}`}}
`;
}

function peer(port: number, address: string = PEER): string {
  return `---
apiVersion: network.kubesphere.io/v1alpha2
kind: BgpPeer
metadata: {name: ${address === PEER ? "a" : "b"}}
spec: {conf: {neighborAddress: ${address}, peerAs: 65002}, transport: {remotePort: ${port}}}
`;
}

/** A message of BGP-4 (RFC 4271 §4.1). */
function message(type: number, body: string): Uint8Array {
  const bytes = Uint8Array.fromHex(body.replaceAll(" ", ""));
  const whole = new Uint8Array(19 + bytes.length).fill(0xff, 0, 16);
  new DataView(whole.buffer).setUint16(16, whole.length);
  whole[18] = type;
  whole.set(bytes, 19);
  return whole;
}

/** An UPDATE of IPv4 prefixes (RFC 4271 §4.3). */
function update(attributes: string, nlri: string): Uint8Array {
  const length = attributes.replaceAll(" ", "").length / 2;
  const hex = length.toString(16).padStart(4, "0");
  return message(2, `0000 ${hex} ${attributes} ${nlri}`);
}

function program(
  ...args: readonly [...string[], Deno.CommandOptions]
): Deno.Command {
  const options = args.at(-1) as Deno.CommandOptions;
  const main = new URL("../../main.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", main, "speaker"],
      ...args.slice(0, -1) as string[],
    ],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdout: "piped",
    ...options,
  });
}

async function check(file: ConfigFile): Promise<{
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}> {
  const { code, stdout, stderr } = await program(
    "--check",
    "--config",
    file.path,
    { stdin: "null", stderr: "piped" },
  ).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const ROUTE_REFRESH = 5;
const NOTIFICATION = 3;
const UPDATE = 2;
const WAIT_MS_MAX = 20_000;
