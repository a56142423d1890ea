/**
 * `foghorn announce`: answers for given addresses on an interface, without
 * Kubernetes, until Ctrl-C.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { KernelLinkTable, Reactor } from "@/io/ffi/mod.ts";
import type { WireCommand, WireReport } from "@/node/mod.ts";
import type { LinkInfo } from "@/port/link.ts";
import { UsageError } from "./usage_error.ts";
import { WorkerWireIsolate } from "./wire_isolate.ts";

/**
 * Answers until SIGTERM or Ctrl-C. Prints `ready` when it answers for all
 * addresses, and a line for each claim by another host.
 *
 * @param texts The addresses.
 * @param link The interface.
 * @returns The exit code.
 * @throws {UsageError} When an address or the interface cannot be used.
 */
export async function runAnnounce(
  texts: readonly string[],
  link: string,
): Promise<number> {
  const vips = parseAddresses(texts);
  const done = Promise.withResolvers<number>();
  const reactor = new Reactor();
  const table = new KernelLinkTable(reactor);
  const wire = new WorkerWireIsolate({
    node: SELF,
    incarnation: 0n,
    isAlone: true,
  });
  const announcer = new Announcer(link, vips, (code) => done.resolve(code));
  wire.onReport((report) => announcer.take(report));
  wire.onFailure((message) => announcer.fail(message));
  table.watch((links) => wire.send(announcer.links(links)));
  const stop = (): void => done.resolve(0);
  Deno.addSignalListener("SIGTERM", stop);
  Deno.addSignalListener("SIGINT", stop);
  try {
    return await done.promise;
  } finally {
    Deno.removeSignalListener("SIGTERM", stop);
    Deno.removeSignalListener("SIGINT", stop);
    wire.close();
    await wire.ended();
    table.close();
    reactor.close();
  }
}

/** What was asked for, and how far it is. */
class Announcer {
  readonly #link: string;
  readonly #vips: ReadonlySet<IpAddr>;
  readonly #owned = new Set<IpAddr>();
  readonly #end: (code: number) => void;
  #started = false;
  #ready = false;

  constructor(
    link: string,
    vips: ReadonlySet<IpAddr>,
    end: (code: number) => void,
  ) {
    this.#link = link;
    this.#vips = vips;
    this.#end = end;
  }

  /** The commands for a new list of interfaces. */
  links(links: readonly LinkInfo[]): readonly WireCommand[] {
    const found = links.find(({ name }) => name === this.#link);
    if (found === undefined || found.mac === undefined) {
      if (!this.#started) {
        this.fail(
          found === undefined
            ? `Cannot find the interface "${this.#link}": there are ${
              links.map(({ name }) => name).join(", ")
            }`
            : `Cannot answer on "${this.#link}": it is not an Ethernet interface`,
        );
      }
      return [{ kind: "links", links: [] }];
    }
    const { index, name, mac, up, running, gateways } = found;
    const commands: WireCommand[] = [{
      kind: "links",
      links: [{ index, name, mac, running: up && running, gateways }],
    }];
    if (!this.#started) {
      this.#started = true;
      commands.push(
        {
          kind: "nodes",
          nodes: [{ node: SELF, live: true, leaving: false, macs: [mac] }],
        },
        {
          kind: "vips",
          upserts: [...this.#vips].map((vip) => ({
            vip,
            links: [name],
            eligible: [SELF],
          })),
          removes: [],
        },
        { kind: "synced" },
      );
    }
    return commands;
  }

  /** Takes a report of the wire isolate. */
  take(report: WireReport): void {
    switch (report.kind) {
      case "owned":
        if (report.owned) this.#owned.add(report.vip);
        else this.#owned.delete(report.vip);
        if (!this.#ready && this.#owned.size === this.#vips.size) {
          this.#ready = true;
          print(Deno.stdout, "ready");
        }
        break;
      case "conflict":
        print(
          Deno.stderr,
          `conflict: ${report.mac} claims ${report.vip} on ${report.link}`,
        );
        break;
      case "held":
        if (!report.held) break;
        print(
          Deno.stderr,
          `held: ${report.mac} answers for ${report.vip} on ${report.link}: it is answered here when that host no longer does`,
        );
        break;
      case "link-failed":
        this.fail(report.message);
        break;
      case "ready":
      case "ping-failed":
      case "link-ready":
      case "paused":
      case "fellows":
      case "counters":
      case "left":
      case "bfd-state":
      case "bfd-failed":
        break;
    }
  }

  /** Ends with a sentence on stderr. */
  fail(message: string): void {
    print(Deno.stderr, `foghorn: ${message}`);
    this.#end(1);
  }
}

function parseAddresses(texts: readonly string[]): ReadonlySet<IpAddr> {
  const vips = new Set<IpAddr>();
  for (const text of texts) {
    const vip = parseIpAddr(text);
    if (vip === undefined) {
      throw new UsageError(
        `Cannot answer for "${text}": write an IP address, like 192.168.0.91 or 2001:db8::91`,
      );
    }
    vips.add(vip);
  }
  return vips;
}

function print(
  to: { writeSync(bytes: Uint8Array): number },
  line: string,
): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}

/** Without a cluster there is one node. */
const SELF = "self";
