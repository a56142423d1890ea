/**
 * The rest of what a node's main loop stands on: the links of the machine, the
 * wire isolate, and a place to record to.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { LinkInfo } from "./link.ts";

/** The interfaces of this machine. */
export interface LinkTable {
  /** Calls back with all links, now and after every change; never from within `watch`. */
  watch(onChange: (links: readonly LinkInfo[]) => void): void;
  /** The link the kernel would send to an address by; undefined without a route or when it is local. */
  routeTo(address: IpAddr): string | undefined;
  /** The kernel's `arp_ignore` in force on a link: the larger of `all` and its own. */
  arpIgnore(link: string): number;
  /** Stops watching. */
  close(): void;
}

/** The health port of what forwards Services on this node: kube-proxy, or its replacement. */
export interface ProxyProbe {
  /** Asks it; never rejects. The HTTP status, or undefined when nothing answers before it is asked again. */
  ask(): Promise<number | undefined>;
}

/** A socket of the host that takes what comes to a port. */
export interface HostListener {
  /** `TCP` or `UDP`. */
  readonly protocol: string;
  /** The port. */
  readonly port: number;
  /** The address it is bound to; the unspecified one stands for all. */
  readonly address: IpAddr;
}

/** How this host forwards, and which ports of it are in use. */
export interface HostPorts {
  /**
   * Looks; never rejects.
   *
   * @param ports The ports to look for, each like `80/TCP`.
   * @returns How kube-proxy says that it forwards, where it says; and the
   * sockets that listen on one of the ports, where they can be listed.
   */
  look(ports: readonly string[]): Promise<{
    readonly mode?: string;
    readonly listeners?: readonly HostListener[];
  }>;
}

/** Where the webhook's certificate is made and stored. */
export interface CertificateDesk {
  /**
   * Makes a certificate and puts it into its Secret; never rejects.
   *
   * @param order What it is for.
   * @returns Why it is not there, or undefined.
   */
  make(order: { readonly names: readonly string[] }): Promise<
    | { readonly reason: string; readonly message: string }
    | undefined
  >;
}

/** The wire isolate, as main sees it. */
export interface WireIsolate<Command, Report> {
  /** Sends commands, in order. */
  send(commands: readonly Command[]): void;
  /** Calls back with each report, in order. */
  onReport(sink: (report: Report) => void): void;
  /** Calls back when the isolate died, with what it said. */
  onFailure(sink: (message: string) => void): void;
  /** Ends it. */
  close(): void;
}

/** Where events are recorded, one JSON text a line. */
export interface RecordingSink {
  /** Takes one line, without its end. */
  line(text: string): void;
}
