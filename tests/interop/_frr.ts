/**
 * frr's zebra and bgpd, in the namespace of the router.
 *
 * @module
 */

import { LabProcess, must } from "@/lab/mod.ts";
import { until } from "../support/waiting.ts";
import { ROUTER } from "./_network.ts";
import type { Router, RouterPath, Terms } from "./_router.ts";

/** An frr whose kernel gets its routes. */
export class Frr implements Router {
  readonly name = "frr";
  readonly #folder: string;
  readonly #host: string;
  #zebra: LabProcess | undefined;
  #bgpd: LabProcess | undefined;
  #bfdd: LabProcess | undefined;

  private constructor(folder: string, host: string) {
    this.#folder = folder;
    this.#host = host;
  }

  /** One that was not started, in the namespace of the router, or another. */
  static async make(host: string = ROUTER): Promise<Frr> {
    const folder = await Deno.makeTempDir();
    await Deno.mkdir(`${folder}/run`);
    await Deno.writeTextFile(`${folder}/zebra.conf`, "");
    await must("chown", ["-R", "frr:frr", folder]);
    return new Frr(folder, host);
  }

  async begin(terms: Terms): Promise<void> {
    await this.beginWith(frrConfig(terms));
  }

  /** Begins anew with a configuration of its own. */
  async beginWith(config: string): Promise<void> {
    await this.#bgpd?.stop("SIGKILL");
    // It would keep the routes of a bgpd under graceful restart as stale.
    await this.#zebra?.stop();
    await Deno.remove(`${this.#folder}/run/zserv.api`).catch(() => {});
    await Deno.writeTextFile(`${this.#folder}/bgpd.conf`, config);
    this.#zebra = this.#start("zebra");
    await until(() => this.#exists("run/zserv.api"), {
      timeoutMs: 10_000,
      what: () => "zebra does not run",
    });
    await this.resume();
  }

  /** Starts bgpd again with the same configuration. */
  async resume(): Promise<void> {
    this.#bgpd = this.#start("bgpd");
    await until(async () => (await this.ask("show bgp summary json")) !== "", {
      timeoutMs: 15_000,
      what: () => `bgpd does not run: ${this.#bgpd?.lines.join("\n")}`,
    });
  }

  async end(): Promise<void> {
    await this.#bgpd?.stop();
    await this.#bfdd?.stop();
    await this.#zebra?.stop();
    this.#bgpd = undefined;
    this.#bfdd = undefined;
    this.#zebra = undefined;
  }

  /** Starts bfdd, before a session that wants it, with these lines below `bfd`. */
  async beginBfd(lines: readonly string[]): Promise<void> {
    await this.#bfdd?.stop();
    const config = ["bfd", ...lines.map((line) => ` ${line}`), ""];
    await Deno.writeTextFile(`${this.#folder}/bfdd.conf`, config.join("\n"));
    this.#zebra ??= this.#start("zebra");
    await until(() => this.#exists("run/zserv.api"), {
      timeoutMs: 10_000,
      what: () => "zebra does not run",
    });
    this.#bfdd = this.#start("bfdd");
    await until(
      async () => (await this.askBfd("show bfd peers json")) !== "",
      {
        timeoutMs: 15_000,
        what: () => `bfdd does not run: ${this.#bfdd?.lines.join("\n")}`,
      },
    );
  }

  /** Runs commands of bfdd's shell. */
  async askBfd(...commands: readonly string[]): Promise<string> {
    return await this.#vtysh("bfdd", commands);
  }

  get process(): LabProcess {
    if (this.#bgpd === undefined) throw new Error("bgpd was not started");
    return this.#bgpd;
  }

  /** Runs commands of its shell; what it says while it is not there is empty. */
  async ask(...commands: readonly string[]): Promise<string> {
    return await this.#vtysh("bgpd", commands);
  }

  async #vtysh(
    daemon: "bgpd" | "bfdd",
    commands: readonly string[],
  ): Promise<string> {
    const args = commands.flatMap((command) => ["-c", command]);
    const socket = ["--vty_socket", `${this.#folder}/run`];
    return await must("vtysh", [...socket, "-d", daemon, ...args])
      .catch(() => "");
  }

  async paths(prefix: string): Promise<readonly RouterPath[]> {
    const family = prefix.includes(":") ? "ipv6" : "ipv4";
    const text = await this.ask(`show bgp ${family} unicast ${prefix} json`);
    const { paths = [] } = text === "" ? {} : JSON.parse(text) as FrrRoute;
    return paths.map((path) => ({
      nextHop: path.nexthops?.find(({ scope }) => scope !== "link-local")?.ip ??
        "",
      asPath: path.aspath?.string ?? "",
      med: path.metric,
      communities: words(path.community?.string).map((word) =>
        WELL_KNOWN[word] ?? word
      ).toSorted(),
      large: words(path.largeCommunity?.string).toSorted(),
      extended: words(path.extendedCommunity?.string).map((word) =>
        word.replace("RT:", "rt:")
      ).toSorted(),
    }));
  }

  async diagnose(): Promise<string> {
    return await this.ask("show bgp neighbors") +
      (this.#bgpd?.lines.slice(-15).join("\n") ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  #start(daemon: "zebra" | "bgpd" | "bfdd"): LabProcess {
    const at = (name: string) => `${this.#folder}/${name}`;
    return new LabProcess(this.#host, [
      `/usr/lib/frr/${daemon}`,
      ...["-f", at(`${daemon}.conf`), "-i", at(`run/${daemon}.pid`)],
      ...["-z", at("run/zserv.api"), "--vty_socket", at("run"), "-P", "0"],
      ...["--log", "stdout"],
      ...daemon === "bfdd" ? ["--bfdctl", at("run/bfdd.sock")] : [],
    ], { name: daemon });
  }

  async #exists(name: string): Promise<boolean> {
    try {
      await Deno.stat(`${this.#folder}/${name}`);
      return true;
    } catch {
      return false;
    }
  }
}

/** What bgpd is configured by. */
export function frrConfig(terms: Terms): string {
  const { peer, families = ["ipv4", "ipv6"] } = terms;
  const hold = terms.holdTime ?? 9;
  const of = (line: string) => ` neighbor ${peer} ${line}`;
  const when = (condition: unknown, line: string) =>
    condition === undefined || condition === false ? [] : [line];
  return [
    `router bgp ${terms.localAs}`,
    " bgp router-id 10.0.0.2",
    ...when(terms.policyless !== true, " no bgp ebgp-requires-policy"),
    " no bgp default ipv4-unicast",
    " no bgp network import-check",
    // An answer to a refresh would be suppressed, too.
    " no bgp suppress-duplicates",
    ` timers bgp ${Math.max(1, Math.floor(hold / 3))} ${hold}`,
    ...when(terms.gracefulRestart, " bgp graceful-restart"),
    ...when(
      terms.longLived,
      " bgp long-lived-graceful-restart stale-time 60",
    ),
    of(`remote-as ${terms.peerAs}`),
    of("timers connect 2"),
    of("advertisement-interval 0"),
    ...when(terms.password, of(`password ${terms.password}`)),
    ...when(terms.gtsmHops, of(`ttl-security hops ${terms.gtsmHops}`)),
    ...when(terms.multihop, of(`ebgp-multihop ${terms.multihop}`)),
    ...when(terms.role, of(`local-role ${terms.role}`)),
    ...when(terms.extendedNextHop, of("capability extended-nexthop")),
    ...when(terms.passive, of("passive")),
    ...when(terms.extra, ` ${terms.extra}`),
    ...families.flatMap((family) => [
      ` address-family ${family} unicast`,
      ` ${of("activate")}`,
      family === "ipv4"
        ? "  network 203.0.113.2/32"
        : "  network 2001:db8:203::2/128",
      "  maximum-paths 8",
      " exit-address-family",
    ]),
    "",
  ].join("\n");
}

interface FrrRoute {
  readonly paths?: readonly {
    readonly aspath?: { readonly string?: string };
    readonly metric?: number;
    readonly nexthops?: readonly {
      readonly ip?: string;
      readonly scope?: string;
    }[];
    readonly community?: { readonly string?: string };
    readonly largeCommunity?: { readonly string?: string };
    readonly extendedCommunity?: { readonly string?: string };
  }[];
}

function words(text = ""): readonly string[] {
  return text.split(" ").filter((word) => word !== "");
}

const WELL_KNOWN: Readonly<Record<string, string>> = {
  "no-export": "65535:65281",
  "llgr-stale": "65535:6",
};
