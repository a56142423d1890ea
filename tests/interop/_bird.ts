/**
 * bird, in the namespace of the router.
 *
 * @module
 */

import { LabProcess, must } from "@/lab/mod.ts";
import { until } from "../support/waiting.ts";
import { ROUTER } from "./_network.ts";
import type { Router, RouterPath, Terms } from "./_router.ts";

/** A bird whose kernel gets its routes. */
export class Bird implements Router {
  readonly name = "bird";
  /** Where its files are. */
  readonly folder: string;
  #process: LabProcess | undefined;

  protected constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<Bird> {
    return new Bird(await Deno.makeTempDir());
  }

  async begin(terms: Terms): Promise<void> {
    await this.beginWith(birdConfig(this.folder, terms));
  }

  /** Begins anew with a configuration of its own. */
  async beginWith(config: string): Promise<void> {
    await this.end();
    await Deno.writeTextFile(`${this.folder}/bird.conf`, config);
    await this.resume();
  }

  /** Starts again with the same configuration. */
  async resume(): Promise<void> {
    const args = ["-c", "bird.conf", "-s", "bird.ctl", "-P", "bird.pid"]
      .map((arg) => arg.startsWith("-") ? arg : `${this.folder}/${arg}`);
    const process = new LabProcess(ROUTER, ["bird", "-f", ...args], {
      name: "bird",
    });
    this.#process = process;
    await until(async () => {
      if (process.ended) throw new Error(process.lines.join("\n"));
      return (await this.ask("show", "status")).includes("up and running");
    }, { timeoutMs: 10_000, what: () => "bird does not run" });
  }

  async end(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  get process(): LabProcess {
    if (this.#process === undefined) throw new Error("bird was not started");
    return this.#process;
  }

  /** Asks by its control socket; what it says when it is not there yet is empty. */
  async ask(...words: readonly string[]): Promise<string> {
    const socket = `${this.folder}/bird.ctl`;
    return await must("birdc", ["-s", socket, ...words]).catch(() => "");
  }

  async paths(prefix: string): Promise<readonly RouterPath[]> {
    const table = await this.ask("show", "route", "all", prefix);
    return table.split("BGP.origin:").slice(1).map((text) => {
      const field = (name: string): string =>
        new RegExp(`BGP\\.${name}: (.*)`).exec(text)?.[1] ?? "";
      const tuples = (name: string): readonly string[] =>
        [...field(name).matchAll(/\(([^)]*)\)/g)].map(([, inner = ""]) =>
          inner.replaceAll(/,\s*/g, ":")
        ).toSorted();
      const med = field("med");
      return {
        nextHop: field("next_hop").split(" ")[0] ?? "",
        asPath: field("as_path"),
        med: med === "" ? undefined : Number(med),
        communities: tuples("community"),
        large: tuples("large_community"),
        extended: tuples("ext_community"),
      };
    });
  }

  async diagnose(): Promise<string> {
    return await this.ask("show", "protocols", "all", "up") +
      this.process.lines.slice(-15).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** What bird is configured by. */
export function birdConfig(folder: string, terms: Terms): string {
  const { families = ["ipv4", "ipv6"] } = terms;
  const hold = terms.holdTime ?? 9;
  const channels = families.map((family) =>
    `${family} { import all; export where source = RTS_STATIC; ` +
    (terms.addPath === true ? "add paths rx; " : "") +
    (terms.extendedNextHop === true && family === "ipv4"
      ? "extended next hop on; "
      : "next hop self; ") +
    "};"
  );
  const lines = [
    `local ${terms.local} as ${terms.localAs};`,
    `neighbor ${terms.peer} as ${terms.peerAs};`,
    `hold time ${hold}; keepalive time ${Math.max(1, Math.floor(hold / 3))};`,
    "connect retry time 2; connect delay time 0; error wait time 1,2;",
    terms.password === undefined ? "" : `password "${terms.password}";`,
    terms.gtsmHops === undefined ? "" : "ttl security on;",
    terms.multihop === undefined && (terms.gtsmHops ?? 1) === 1
      ? ""
      : `multihop ${terms.gtsmHops ?? terms.multihop};`,
    terms.gracefulRestart === true
      ? "graceful restart on; graceful restart time 20; " +
        `long lived graceful restart ${
          terms.longLived === true ? "on" : "off"
        };`
      : "graceful restart off; long lived graceful restart off;",
    terms.extendedMessages === true ? "enable extended messages on;" : "",
    terms.role === undefined ? "" : `local role ${terms.role};`,
    terms.passive === true ? "passive on;" : "",
    terms.extra ?? "",
    ...channels,
  ];
  return [
    `log "${folder}/bird.log" all; router id 10.0.0.2;`,
    "protocol device { scan time 1; }",
    "protocol kernel k4 { merge paths on; ipv4 { export all; }; }",
    "protocol kernel k6 { merge paths on; ipv6 { export all; }; }",
    "protocol static s4 { ipv4; route 203.0.113.2/32 blackhole; }",
    "protocol static s6 { ipv6; route 2001:db8:203::2/128 blackhole; }",
    `protocol bgp up {\n  ${
      lines.filter((line) => line !== "").join("\n  ")
    }\n}`,
    "",
  ].join("\n");
}
