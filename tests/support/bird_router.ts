/**
 * A router of another implementation: bird on a host of the lab, with the
 * kernel's routes behind it.
 *
 * @module
 */

import { LAB_FOLDER, type LabHost, LabProcess, must } from "@/lab/mod.ts";
import { command, type Need } from "./needs.ts";
import { until } from "./waiting.ts";

/** Speaks BGP. */
export const BIRD: Need = command("bird");

/** AS number of the router. */
export const ROUTER_AS = 65_001;

/** Hold Time the router proposes, the least that RFC 4271 §4.2 has. */
export const ROUTER_HOLD_SECONDS = 3;

/** Longest for a route that follows a change of objects at once. */
export const ROUTE_MS_MAX = 15_000;

/** What the router is. */
export interface RouterOptions {
  /** The host it runs on. */
  readonly host: LabHost;
  /** Hosts it speaks to. */
  readonly peers: readonly LabHost[];
  /** Their AS number. */
  readonly peerAs: number;
  /** Further lines for each peer. */
  readonly perPeer?: string;
  /** Further protocols. */
  readonly more?: string;
  /** Further lines for each family of a peer. */
  readonly perFamily?: string;
}

/** A router. */
export class Router implements AsyncDisposable {
  readonly #host: LabHost;
  readonly #bird: LabProcess;
  readonly #socket: string;

  private constructor(host: LabHost, bird: LabProcess, socket: string) {
    this.#host = host;
    this.#bird = bird;
    this.#socket = socket;
  }

  /** Starts it. */
  static start(options: RouterOptions): Promise<Router> {
    return Router.configured(options.host, configuration(options));
  }

  /**
   * Starts one that is configured otherwise.
   *
   * @param host The host it runs on.
   * @param text All of its configuration.
   */
  static async configured(host: LabHost, text: string): Promise<Router> {
    const { name } = host;
    const file = `${LAB_FOLDER}/${name}.bird.conf`;
    const socket = `${LAB_FOLDER}/${name}.bird.ctl`;
    await Deno.writeTextFile(file, text);
    const bird = new LabProcess(
      name,
      ["bird", "-f", "-c", file, "-s", socket],
      { name: `bird of ${name}`, logFile: `${LAB_FOLDER}/${name}.bird.log` },
    );
    const router = new Router(host, bird, socket);
    await until(async () => (await router.ask("show status")) !== "", {
      timeoutMs: ROUTE_MS_MAX,
      what: () => `bird does not run: ${bird.lines.join("\n")}`,
    });
    return router;
  }

  /** Signals its process: one that is stopped hangs. */
  signal(signal: Deno.Signal): void {
    this.#bird.kill(signal);
  }

  /** What bird answers; empty where it does not. */
  async ask(line: string): Promise<string> {
    try {
      return await must("birdc", ["-s", this.#socket, ...line.split(" ")]);
    } catch {
      return "";
    }
  }

  /** The next hops of a prefix in the kernel's table, sorted. */
  async nextHops(prefix: string): Promise<readonly string[]> {
    const family = prefix.includes(":") ? "-6" : "-4";
    const routes: readonly {
      readonly gateway?: string;
      readonly nexthops?: readonly { readonly gateway?: string }[];
    }[] = JSON.parse(
      await must("ip", [
        ...["-j", family, "-n", this.#host.name, "route", "show", prefix],
      ]),
    );
    return routes.flatMap((
      { gateway, nexthops = [] },
    ) => [gateway, ...nexthops.map((hop) => hop.gateway)]).filter((hop) =>
      hop !== undefined
    ).sort();
  }

  /** Waits until a prefix has these next hops in the kernel's table, and no others. */
  async hasNextHops(
    prefix: string,
    hops: readonly string[],
    timeoutMs: number = ROUTE_MS_MAX,
  ): Promise<void> {
    let found: readonly string[] = [];
    const wanted = [...hops].sort().join();
    await until(
      async () => (found = await this.nextHops(prefix)).join() === wanted,
      { timeoutMs, what: () => `${prefix} has [${found}], not [${wanted}]` },
    );
  }

  /** How many prefixes bird has put into the kernel's table. */
  async routes(): Promise<number> {
    const list: readonly unknown[] = JSON.parse(
      await must("ip", [
        ...["-j", "-n", this.#host.name, "route", "show", "proto", "bird"],
      ]),
    );
    return list.length;
  }

  /** Everything bird knows of a route. */
  async route(prefix: string): Promise<string> {
    return await this.ask(`show route for ${prefix} all`);
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bird.stop("SIGTERM");
  }
}

function configuration(
  { host, peers, peerAs, perPeer = "", perFamily = "", more = "" }:
    RouterOptions,
): string {
  return `
log stderr all;
router id ${host.ipv4};
protocol device { scan time 1; }
protocol kernel four {
  merge paths on;
  ipv4 { export where source = RTS_BGP; import none; };
}
protocol kernel six {
  merge paths on;
  ipv6 { export where source = RTS_BGP; import none; };
}
${more}
protocol static { ipv4; route 198.51.100.0/24 blackhole; }
template bgp node {
  local as ${ROUTER_AS};
  hold time ${ROUTER_HOLD_SECONDS};
  connect retry time 1;
  error wait time 1, 2;
  # One route, as routers have some to tell.
  ipv4 { import all; export where source = RTS_STATIC; ${perFamily} };
  ipv6 { import all; export none; ${perFamily} };
  ${perPeer}
}
${
    peers.map(({ name, ipv4 }) =>
      `protocol bgp ${name} from node { neighbor ${ipv4} as ${peerAs}; }`
    ).join("\n")
  }
`;
}
