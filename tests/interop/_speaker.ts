/**
 * The real `foghorn speaker` in a namespace, driven by its lines.
 *
 * @module
 */

import { stringify } from "yaml";
import { LabProcess, programOf } from "@/lab/mod.ts";
import type { BgpConfSpec, BgpPeerSpec } from "@/api/mod.ts";
import { MAIN } from "../support/sandboxed.ts";

/** What a speaker tells. */
export interface Told {
  readonly kind: string;
  readonly peer?: string;
  readonly state?: string;
  readonly code?: number;
  readonly subcode?: number;
  readonly text?: string;
  readonly message?: string;
  readonly doubt?: string;
  readonly doubtMessage?: string;
  readonly peers?: readonly PeerView[];
  readonly count?: number;
  readonly blocks?: boolean;
}

/** A peer as an answer to `peers` has it. */
export interface PeerView {
  /** Of its BgpPeer; with its address where it is a dynamic one. */
  readonly name: string;
  readonly peer: string;
  readonly state: string;
  readonly received: Readonly<Record<string, number>>;
  readonly announced: number;
  readonly tooLong: number;
  readonly families?: readonly string[];
  readonly addPathSend?: readonly string[];
  readonly doubt?: string;
  /** What may be wrong although the session stands. */
  readonly hint?: string;
  readonly establishedMs?: number;
  readonly receivedWithdrawn?: Readonly<Record<string, number>>;
  readonly missing?: string;
  readonly lastError?: { readonly message?: string };
  readonly lastEnd?: { readonly state: string; readonly reason: string };
  readonly bfd?: {
    readonly state: string;
    readonly message: string;
    readonly blocks: boolean;
    readonly failures: number;
    readonly local?: string;
    readonly link?: string;
  };
}

/** Peers by name. */
export type Peers = Readonly<Record<string, BgpPeerSpec>>;

/** A speaker. */
export class Speaker {
  readonly #host: string;
  readonly #file: string;
  #conf: BgpConfSpec;
  #process: LabProcess | undefined;

  private constructor(host: string, file: string, conf: BgpConfSpec) {
    this.#host = host;
    this.#file = file;
    this.#conf = conf;
  }

  /** Starts one, without peers unless they are given, and waits until it is ready. */
  static async start(
    host: string,
    conf: BgpConfSpec,
    peers: Peers = {},
    lines: readonly string[] = [],
  ): Promise<Speaker> {
    const folder = await Deno.makeTempDir();
    const speaker = new Speaker(host, `${folder}/speaker.yaml`, conf);
    await speaker.#write(peers);
    await speaker.begin(lines);
    return speaker;
  }

  /** Starts its process, again after {@linkcode Speaker.kill}. */
  async begin(lines: readonly string[] = []): Promise<void> {
    const command = [...programOf(MAIN).agent, "speaker", "--config"];
    const process = new LabProcess(this.#host, [...command, this.#file], {
      name: `speaker on ${this.#host}`,
      stdin: true,
    });
    this.#process = process;
    if (lines.length > 0) await process.write(lines.join("\n"));
    await this.told(({ kind }) => kind === "ready", { from: 0 });
  }

  get process(): LabProcess {
    if (this.#process === undefined) throw new Error("It was not started");
    return this.#process;
  }

  /** How much it has told: what comes later is counted from here. */
  get mark(): number {
    return this.process.linesTotal;
  }

  /** Replaces its file, and waits until it obeys it. */
  async configure(peers: Peers, conf: BgpConfSpec = this.#conf): Promise<void> {
    this.#conf = conf;
    await this.#write(peers);
    const from = this.mark;
    await this.line("reload");
    await this.told(({ kind }) => kind === "reloaded", { from });
  }

  /** Writes a line. */
  async line(text: string): Promise<void> {
    await this.process.write(text);
  }

  /** Waits for something it tells. */
  async told(
    matches: (told: Told) => boolean,
    options: { readonly from?: number; readonly timeoutMs?: number } = {},
  ): Promise<Told> {
    const { from = 0, timeoutMs = 20_000 } = options;
    const line = await this.process.line((text) => {
      const told = parse(text);
      return told !== undefined && matches(told);
    }, { from, timeoutMs });
    return JSON.parse(line);
  }

  /** Waits until the session with a peer is up, from a mark on. */
  async up(peer: string, from = 0): Promise<void> {
    await this.told(
      (told) => told.peer === peer && told.state === "Established",
      { from },
    );
  }

  /** Its peers. */
  async peers(): Promise<readonly PeerView[]> {
    const from = this.mark;
    await this.line("peers");
    const { peers } = await this.told(({ kind }) => kind === "peers", { from });
    return peers ?? [];
  }

  /** One of its peers. */
  async peer(address: string): Promise<PeerView | undefined> {
    return (await this.peers()).find(({ peer }) => peer === address);
  }

  /** Waits until all lines before were obeyed. */
  async obeyed(): Promise<void> {
    const from = this.mark;
    await this.line("routes");
    await this.told(({ kind }) => kind === "routes", { from });
  }

  /** Kills it, as a node without power would. */
  async kill(): Promise<void> {
    await this.process.stop("SIGKILL");
  }

  /** Resident memory in MiB. */
  async residentMiB(): Promise<number> {
    const text = await Deno.readTextFile(`/proc/${this.process.pid}/status`);
    return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.process.ended) await this.process.stop("SIGKILL");
  }

  async #write(peers: Peers): Promise<void> {
    const documents = [
      object("BgpConf", "default", this.#conf),
      ...Object.entries(peers).map(([name, spec]) =>
        object("BgpPeer", name, spec)
      ),
    ];
    await Deno.writeTextFile(
      this.#file,
      documents.map((one) => stringify(one)).join("---\n"),
    );
  }
}

function object(kind: string, name: string, spec: unknown): unknown {
  const apiVersion = "network.kubesphere.io/v1alpha2";
  return { apiVersion, kind, metadata: { name }, spec };
}

function parse(text: string): Told | undefined {
  if (!text.startsWith("{")) return undefined;
  return JSON.parse(text);
}
