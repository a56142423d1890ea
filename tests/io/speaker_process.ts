/**
 * `foghorn speaker` as a process for tests, and a peer that says what it is told
 * to: no network but loopback, no right but one's own.
 *
 * @module
 */

import { ok } from "node:assert/strict";

/** Where the peer is that nothing else is said of. */
export const PEER = "127.0.0.1";

/** A JSON object that was told. */
export type Told = Readonly<Record<string, unknown>>;

/** A file that goes in the end. */
export class ConfigFile implements AsyncDisposable {
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
export class Speaker implements AsyncDisposable {
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

  /** All that it told. */
  get lines(): readonly string[] {
    return this.#told.map((one) => JSON.stringify(one));
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
export class ScriptedPeer implements Disposable {
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

export function conf(more = ""): string {
  const spec = `as: 65001, routerId: 10.0.0.1, listenPort: -1`;
  return `apiVersion: network.kubesphere.io/v1alpha2
kind: BgpConf
metadata: {name: default}
spec: {${spec}${more === "" ? "" : `, ${more}`}}
`;
}

export function peer(port: number, address: string = PEER): string {
  return `---
apiVersion: network.kubesphere.io/v1alpha2
kind: BgpPeer
metadata: {name: ${address === PEER ? "a" : "b"}}
spec: {conf: {neighborAddress: ${address}, peerAs: 65002}, transport: {remotePort: ${port}}}
`;
}

/** A message of BGP-4 (RFC 4271 §4.1). */
export function message(type: number, body: string): Uint8Array {
  const bytes = Uint8Array.fromHex(body.replaceAll(" ", ""));
  const whole = new Uint8Array(19 + bytes.length).fill(0xff, 0, 16);
  new DataView(whole.buffer).setUint16(16, whole.length);
  whole[18] = type;
  whole.set(bytes, 19);
  return whole;
}

/** An UPDATE of IPv4 prefixes (RFC 4271 §4.3). */
export function update(attributes: string, nlri: string): Uint8Array {
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

export async function check(file: ConfigFile): Promise<{
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

const WAIT_MS_MAX = 20_000;
