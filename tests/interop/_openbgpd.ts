/**
 * openbgpd, in the namespace of the router.
 *
 * @module
 */

import { LabProcess, must } from "@/lab/mod.ts";
import { until } from "../support/waiting.ts";
import { ROUTER } from "./_network.ts";
import type { Router, RouterPath, Terms } from "./_router.ts";

/** An openbgpd that leaves the kernel alone. */
export class Openbgpd implements Router {
  readonly name = "openbgpd";
  readonly #folder: string;
  #process: LabProcess | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Openbgpd> {
    // It keeps no secrets in a folder that others may enter, but its helpers must.
    const folder = await Deno.makeTempDir();
    await must("chmod", ["755", folder]);
    // Where they lock themselves in; /run of the sandbox is empty.
    await Deno.mkdir(JAIL, { recursive: true });
    return new Openbgpd(folder);
  }

  async begin(terms: Terms): Promise<void> {
    await this.beginWith(openbgpdConfig(terms));
  }

  /** Begins anew with a configuration of its own. */
  async beginWith(config: string): Promise<void> {
    await this.end();
    const file = `${this.#folder}/bgpd.conf`;
    const ours = `socket "${this.#folder}/ctl"\nfib-update no\n`;
    await Deno.writeTextFile(file, ours + config);
    await Deno.chmod(file, 0o600);
    await this.resume();
  }

  /** Starts again with the same configuration. */
  async resume(): Promise<void> {
    const process = new LabProcess(ROUTER, [
      ...["/usr/sbin/bgpd", "-d", "-f", `${this.#folder}/bgpd.conf`],
    ], { name: "openbgpd" });
    this.#process = process;
    await until(async () => {
      if (process.ended) throw new Error(process.lines.join("\n"));
      return (await this.ask("show")) !== "";
    }, { timeoutMs: 10_000, what: () => process.lines.join("\n") });
  }

  async end(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  get process(): LabProcess {
    if (this.#process === undefined) throw new Error("bgpd was not started");
    return this.#process;
  }

  /** Runs its client; what it says while it is not there is empty. */
  async ask(...words: readonly string[]): Promise<string> {
    const socket = `${this.#folder}/ctl`;
    return await must("bgpctl", ["-s", socket, ...words]).catch(() => "");
  }

  async paths(prefix: string): Promise<readonly RouterPath[]> {
    // With a prefix it leaves the communities out.
    const text = await this.ask("-j", "show", "rib", "detail");
    const { rib = [] } = text === "" ? {} : JSON.parse(text) as OpenbgpdRib;
    return rib.filter((path) => path.prefix === prefix).map((path) => ({
      nextHop: path.exit_nexthop ?? "",
      asPath: path.aspath ?? "",
      med: path.metric,
      communities: (path.communities ?? []).map((word) =>
        WELL_KNOWN[word] ?? word
      ).toSorted(),
      large: (path.large_communities ?? []).toSorted(),
      extended: (path.extended_communities ?? []).map((word) =>
        word.replace("rt ", "rt:")
      ).toSorted(),
    }));
  }

  async diagnose(): Promise<string> {
    return await this.ask("show", "neighbor") +
      this.process.lines.slice(-15).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** What openbgpd is configured by. */
export function openbgpdConfig(terms: Terms): string {
  const { families = ["ipv4", "ipv6"], gtsmHops, multihop } = terms;
  const inside = [
    `remote-as ${terms.peerAs}`,
    `local-address ${terms.local}`,
    `holdtime ${terms.holdTime ?? 9}`,
    ...families.map((family) =>
      `announce ${family.replace("ip", "IP")} unicast`
    ),
    ...(terms.password === undefined
      ? []
      : [`tcp md5sig password ${terms.password}`]),
    ...(gtsmHops === undefined ? [] : ["ttl-security yes"]),
    ...(multihop === undefined ? [] : [`multihop ${multihop}`]),
    ...(terms.addPath === true ? ["announce add-path recv yes"] : []),
    ...(terms.role === undefined ? [] : [`announce policy ${terms.role}`]),
    ...(terms.passive === true ? ["passive"] : []),
    ...(terms.extra === undefined ? [] : [terms.extra]),
  ];
  return [
    `AS ${terms.localAs}`,
    "router-id 10.0.0.2",
    "listen on 0.0.0.0",
    "listen on ::",
    "network 203.0.113.2/32",
    "network 2001:db8:203::2/128",
    `neighbor ${terms.peer} {`,
    ...inside.map((line) => `  ${line}`),
    "}",
    // Without rules it takes nothing and tells nothing (RFC 8212).
    ...(terms.policyless === true ? [] : ["allow from any", "allow to any"]),
    "",
  ].join("\n");
}

const JAIL = "/run/openbgpd";

interface OpenbgpdRib {
  readonly rib?: readonly {
    readonly prefix: string;
    readonly aspath?: string;
    readonly exit_nexthop?: string;
    readonly metric?: number;
    readonly communities?: readonly string[];
    readonly large_communities?: readonly string[];
    readonly extended_communities?: readonly string[];
  }[];
}

const WELL_KNOWN: Readonly<Record<string, string>> = {
  NO_EXPORT: "65535:65281",
};
