/**
 * `foghorn demo`: a small cluster on a virtual network of this machine, in which
 * Services get addresses, a client reaches them, a node loses its power and its
 * addresses move. Every claim is what the client has seen.
 *
 * The program starts itself again in a sandbox of the kernel's namespaces, so
 * that nothing is left behind, however it ends.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import {
  DATA_IPV4,
  DATA_IPV6,
  isSandboxed,
  LabCluster,
  must,
  type Outage,
  outageOf,
  outsideGone,
  programOf,
  type RequestStream,
  type RouterKind,
  runSandboxed,
  type Sample,
} from "@/lab/mod.ts";
import { DemoReport, type DemoStep, formatMs } from "./demo_report.ts";
import { lookAround } from "./demo_look_around.ts";
import { DemoRouter, ROUTED_VIPS } from "./demo_router.ts";
import { listed } from "./listed.ts";

/** The options of the command, as they were written. */
export interface DemoOptions {
  /** Leave it running afterwards. */
  readonly keep?: boolean;
  /** One JSON object a line. */
  readonly json?: boolean;
  /** How many nodes, 2 to 9. */
  readonly nodes: number;
  /** Who speaks BGP on the router; absent: bird where it is installed. */
  readonly router?: RouterKind;
}

/**
 * Shows the demo.
 *
 * @param options The options.
 * @returns 0 when everything was as it should be, 1 when not, 130 after Ctrl-C.
 * @throws {SandboxError} When this machine does not allow it.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  if (!isSandboxed()) {
    const { builder } = programOf(Deno.mainModule);
    return await runSandboxed([...builder, "demo", ...flagsOf(options)]);
  }
  const terminal = Deno.stdout.isTerminal() && Deno.env.get("TERM") !== "dumb";
  const report = new DemoReport({
    json: options.json === true,
    terminal,
    color: terminal && !Deno.env.get("NO_COLOR"),
    write,
  });
  const demo = new Demo(options, report);
  const { promise: interrupted, resolve } = Promise.withResolvers<number>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => resolve(demo.kept ? 0 : INTERRUPTED));
  }
  void outsideGone().then(() => resolve(demo.kept ? 0 : INTERRUPTED));
  const code = await Promise.race([demo.run(), interrupted]);
  if (code === INTERRUPTED) report.failure("Interrupted; nothing is left");
  // This process is the sandbox's first: with it everything else ends.
  return code;
}

/** An address of a Service, and who answers for it. */
interface DemoAddress {
  readonly service: string;
  readonly address: string;
  /** The node whose backend answered. */
  readonly node: string;
  /** The MAC address in the client's neighbor table. */
  readonly mac: string;
  /** From the Service's creation to its first answer there. */
  readonly firstAnswerMs: number;
}

class Demo {
  /** Whether the demo is over and the lab was left running. */
  kept = false;
  readonly #options: DemoOptions;
  readonly #report: DemoReport;
  readonly #addresses: DemoAddress[] = [];
  #lab: LabCluster | undefined;
  #router: DemoRouter | undefined;

  constructor(options: DemoOptions, report: DemoReport) {
    this.#options = options;
    this.#report = report;
  }

  async run(): Promise<number> {
    const report = this.#report;
    try {
      const count = this.#options.nodes;
      report.title(
        `Foghorn demo: ${count} nodes, a client and a router on one Ethernet segment`,
      );
      await this.#build();
      await this.#startAgents();
      await this.#createServices();
      await this.#announceToRouter();
      await this.#losePower();
      if (this.#options.keep === true) return await this.#keep();
      await report.step("Removed", "removing all of it", async () => {
        await this.#router?.[Symbol.asyncDispose]();
        await this.#cluster()[Symbol.asyncDispose]();
        const left = (await must("ip", ["netns", "list"])).trim();
        if (left !== "") throw new Error(`Namespaces are left: ${left}`);
        return { text: "no process, namespace or link is left", fields: {} };
      });
      report.end("It works.");
      return 0;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const [first = "", ...more] = message.split("\n");
      report.failure(first, [...more, ...this.#lastWords()]);
      return 1;
    }
  }

  async #build(): Promise<void> {
    const { nodes } = this.#options;
    await this.#report.step("Network", "building it", async () => {
      const program = programOf(Deno.mainModule);
      this.#lab = await LabCluster.build({ program, nodes, vips: VIPS });
      const { nodes: built, client } = this.#lab;
      const prefixes = `${DATA_IPV4.prefix}.0/24 and ${DATA_IPV6.prefix}/64`;
      return {
        text: `${listed(built.map(({ name }) => name))}, client; ${prefixes}`,
        fields: {
          nodes: built.map(({ host }) => host),
          client: client.host,
        },
      };
    });
    await this.#report.step("No agent yet", "asking anyway", async () => {
      const lab = this.#cluster();
      const asked = [VIPS_IPV4[0] ?? "", VIPS_IPV6[0] ?? ""];
      await Promise.all(asked.map((vip) => lab.nobodyAnswers(vip)));
      return {
        text: `nobody answers for ${asked.join(" or ")}`,
        fields: { asked },
      };
    });
  }

  async #startAgents(): Promise<void> {
    await this.#report.step("Agents", "starting one on each node", async () => {
      const lab = this.#cluster();
      await lab.startAgents();
      const names = lab.nodes.map(({ name }) => name);
      return { text: `${listed(names)} are ready`, fields: { nodes: names } };
    });
  }

  async #createServices(): Promise<void> {
    const report = this.#report;
    await report.step("Eips", "creating two", () => this.#createEips());
    await report.step("Services", "creating three", async () => {
      for (const { name, families } of SERVICES) {
        // deno-lint-ignore no-await-in-loop -- each is timed by itself
        await this.#createService(name, families);
      }
      return {
        text: `${
          listed(SERVICES.map(({ name }) => name))
        } answer at ${this.#addresses.length} addresses`,
        fields: { addresses: this.#addresses },
      };
    });
    report.table([
      ["SERVICE", "ADDRESS", "ANSWERED BY", "NEIGHBOR ENTRY", "AFTER CREATION"],
      ...this.#addresses.map((row) => [
        row.service,
        row.address,
        row.node,
        row.mac,
        formatMs(row.firstAnswerMs),
      ]),
    ]);
  }

  async #createEips(): Promise<DemoStep> {
    const lab = this.#cluster();
    const eips = [rangeOf(VIPS_IPV4), rangeOf(VIPS_IPV6)];
    const [pool4 = "", pool6 = ""] = eips;
    lab.api.createEip({ name: "pool4", address: pool4, isDefault: true });
    lab.api.createEip({ name: "pool6", address: pool6, isDefault: true });
    return await Promise.resolve({
      text: `${pool4}, ${pool6}`,
      fields: { pool4, pool6 },
    });
  }

  async #createService(
    name: string,
    families: readonly ("IPv4" | "IPv6")[],
  ): Promise<void> {
    const lab = this.#cluster();
    const startMs = performance.now();
    lab.createService({ name, families });
    const addresses = await lab.api.waitForAddress(name, {
      count: families.length,
    });
    for (const address of addresses) {
      // deno-lint-ignore no-await-in-loop -- one address after the other is timed
      const answer = await this.#firstAnswer(address);
      const firstAnswerMs = performance.now() - startMs;
      if (answer.body === undefined) {
        throw new Error(`${address} of ${name} was silent: ${answer.error}`);
      }
      // deno-lint-ignore no-await-in-loop
      const mac = (await lab.client.neighbor(address))?.lladdr ?? "none";
      const node = lab.nodes.find(({ host }) => host.mac === mac)?.name;
      if (node !== answer.body) {
        throw new Error(
          `${answer.body} answers HTTP at ${address}, but the neighbor entry ${mac} is of ${
            node ?? "no node"
          }`,
        );
      }
      const service = name;
      this.#addresses.push({ service, address, node, mac, firstAnswerMs });
    }
  }

  /** Asks until somebody answers: the kernel may give up just now on an address that nobody had before. */
  async #firstAnswer(address: string): Promise<Sample> {
    const { client } = this.#cluster();
    const deadlineMs = performance.now() + ANSWER_MS_MAX;
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- one question after the other
      const answer = await client.request(address, { timeoutMs: 5000 });
      const isOver = performance.now() >= deadlineMs;
      if (answer.body !== undefined || isOver) return answer;
    }
  }

  async #announceToRouter(): Promise<void> {
    const { router: kind } = this.#options;
    const router = new DemoRouter(this.#cluster(), this.#report);
    this.#router = router;
    await router.start(programOf(Deno.mainModule), kind);
    await router.announce();
  }

  async #losePower(): Promise<void> {
    const lab = this.#cluster();
    const victim = busiest(this.#addresses);
    const held = this.#addresses.filter(({ node }) => node === victim);
    const streams = await Promise.all(
      this.#addresses.map(({ address }) =>
        lab.client.stream(address, { intervalMs: 100, timeoutMs: 1000 })
      ),
    );
    await Promise.all(
      streams.map((stream) =>
        stream.until(({ status }) => status === 200, 5000)
      ),
    );
    const of = `${held.length} of ${this.#addresses.length} addresses`;
    await this.#report.step("Power loss", `on ${victim}`, async () => {
      await this.#router?.watch();
      await lab.node(victim).powerOff();
      return {
        text: `${victim} is gone, it answered for ${of}`,
        fields: { node: victim, addresses: held.map(({ address }) => address) },
      };
    });
    await this.#report.step("Fail-over", "", async () => {
      const ticker = this.#countSeconds(victim);
      try {
        await Promise.all(
          streams.filter(({ address }) =>
            held.some((row) => row.address === address)
          ).map((stream) => movedFrom(stream, victim)),
        );
      } finally {
        clearInterval(ticker);
      }
      return await this.#measure(streams, victim);
    });
    await this.#showOutages(streams);
    await this.#router?.movedFrom(victim);
  }

  #countSeconds(victim: string): ReturnType<typeof setInterval> {
    const startMs = performance.now();
    const draft = (): void => {
      const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
      const doing = `${seconds} s without ${victim}, until its Lease expires`;
      this.#report.draft("Fail-over", doing);
    };
    draft();
    return setInterval(draft, 1000);
  }

  async #measure(
    streams: readonly RequestStream[],
    victim: string,
  ): Promise<DemoStep> {
    await Promise.all(streams.map((stream) => stream.stop()));
    const outages = streams.map((stream) => ({
      address: stream.address,
      ...outageOfStream(stream),
    }));
    const longestMs = Math.max(...outages.map(({ durationMs }) => durationMs));
    for (const { address, before, after, failed } of outages) {
      if (before !== victim && failed > 0) {
        throw new Error(
          `${address} of ${before} should not have noticed: ${failed} requests failed`,
        );
      }
      if (after === victim) {
        throw new Error(`${address} is still answered by ${victim}`);
      }
    }
    return {
      text: `every address answers again, outage ${formatMs(longestMs)}`,
      fields: { outages },
    };
  }

  async #showOutages(streams: readonly RequestStream[]): Promise<void> {
    const lab = this.#cluster();
    const rows = await Promise.all(streams.map(async (stream) => {
      const { before, after, durationMs, failed } = outageOfStream(stream);
      const mac = (await lab.client.neighbor(stream.address))?.lladdr ?? "";
      const moved = before !== after;
      return [
        stream.address,
        moved ? `${before} -> ${after}` : `${before} stays`,
        mac,
        moved ? formatMs(durationMs) : "none",
        `${failed} of ${stream.samples.length}`,
      ];
    }));
    this.#report.table([
      ["ADDRESS", "MOVED", "NEIGHBOR ENTRY", "OUTAGE", "REQUESTS LOST"],
      ...rows,
    ]);
  }

  async #keep(): Promise<number> {
    const lab = this.#cluster();
    const dark = lab.nodes.filter(({ powered }) => !powered);
    await this.#report.step("Power back", "waiting for the agent", async () => {
      await Promise.all(dark.map(async (node) => {
        await node.powerOn();
        await node.waitReady();
      }));
      const names = dark.map(({ name }) => name);
      return { text: `${listed(names)} is ready again`, fields: { names } };
    });
    this.kept = true;
    this.#report.kept(await lookAround(this.#addresses[0]?.address ?? ""));
    return await new Promise<never>(() => {});
  }

  #cluster(): LabCluster {
    assert(this.#lab !== undefined, "The lab is built first");
    return this.#lab;
  }

  #lastWords(): readonly string[] {
    return (this.#lab?.nodes ?? []).flatMap(({ name, agent }) =>
      (agent?.lines ?? []).slice(-5).map((line) => `${name}: ${line}`)
    );
  }
}

/** Waits until another node than that has answered. */
async function movedFrom(stream: RequestStream, node: string): Promise<void> {
  await stream.until(
    ({ status, body }) => status === 200 && body !== node,
    MOVE_MS_MAX,
  );
}

function outageOfStream(stream: RequestStream): Outage {
  const outage = outageOf(stream.samples);
  if (outage === undefined) {
    throw new Error(`${stream.address} hardly ever answered`);
  }
  return outage;
}

function busiest(addresses: readonly DemoAddress[]): string {
  const byNode = Map.groupBy(addresses, ({ node }) => node);
  const [first] = [...byNode].toSorted((a, b) =>
    b[1].length - a[1].length || a[0].localeCompare(b[0])
  );
  assert(first !== undefined, "Some node answers");
  return first[0];
}

function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

function flagsOf(options: DemoOptions): readonly string[] {
  return [
    ...(options.keep === true ? ["--keep"] : []),
    ...(options.json === true ? ["--json"] : []),
    ...(options.router === undefined ? [] : ["--router", options.router]),
    "--nodes",
    String(options.nodes),
  ];
}

function rangeOf(addresses: readonly string[]): string {
  return `${addresses[0]}-${addresses.at(-1)}`;
}

const NUMBERS = [91, 92, 93, 94, 95, 96, 97, 98, 99] as const;
const VIPS_IPV4 = NUMBERS.map((number) => `${DATA_IPV4.prefix}.${number}`);
const VIPS_IPV6 = NUMBERS.map((number) => `${DATA_IPV6.prefix}${number}`);
const VIPS = [...VIPS_IPV4, ...VIPS_IPV6, ...ROUTED_VIPS];

const SERVICES = [
  { name: "web", families: ["IPv4", "IPv6"] },
  { name: "shop", families: ["IPv4", "IPv6"] },
  { name: "mail", families: ["IPv4"] },
] as const;

// As a shell reports SIGINT.
const INTERRUPTED = 130;
// Far longer than a new Service waits for its first answer.
const ANSWER_MS_MAX = 10_000;
// Leases expire after 10 s; a busy machine may take some more.
const MOVE_MS_MAX = 30_000;
