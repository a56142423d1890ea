/**
 * Hosts as network namespaces on one Ethernet segment, with a second segment
 * for management, all inside a sandbox.
 *
 * ```text
 *    client 192.168.0.5      n1 .11      n2 .12      n3 .13
 *        eth0 |           eth0 |      eth0 |      eth0 |
 *  -----------+----------------+-----------+-----------+----  bridge data0
 *                         eth1 |      eth1 |      eth1 |
 *  ----------------------------+-----------+-----------+----  bridge mgmt0
 *                      172.30.0.1 (this process, the API server)
 * ```
 *
 * @module
 */

import { ipBatch, must } from "./command.ts";

/** A host of the lab. */
export interface LabHost {
  /** Name of its network namespace. */
  readonly name: string;
  /** Its IPv4 address on the data segment. */
  readonly ipv4: string;
  /** Its IPv6 address on the data segment. */
  readonly ipv6: string;
  /** MAC address of its interface on the data segment. */
  readonly mac: string;
  /** Its address on the management segment; absent without a link to it. */
  readonly managementIp?: string;
}

/** Addresses of the data segment. */
export const DATA_IPV4 = { prefix: "192.168.0", lengthBits: 24 } as const;
/** IPv6 prefix of the data segment. */
export const DATA_IPV6 = { prefix: "2001:db8::", lengthBits: 64 } as const;
/** The bridge that is the data segment. */
export const DATA_BRIDGE = "data0";
/** Address of this process on the management segment. */
export const MANAGEMENT_HOST = "172.30.0.1";

/** Builds both segments; call once per sandbox. */
export async function buildSegments(): Promise<void> {
  await ipBatch("", [
    ...[DATA_BRIDGE, MANAGEMENT_BRIDGE].flatMap((bridge) => [
      // What delays or filters frames is off: a plain switch.
      `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set ${bridge} up`,
    ]),
    `addr add ${MANAGEMENT_HOST}/24 dev ${MANAGEMENT_BRIDGE}`,
  ]);
}

/**
 * Adds a host to the data segment.
 *
 * @param name Name of the host, at most 8 letters and digits.
 * @param number Last part of its addresses, 2 to 99.
 * @param options `management`: whether it has a link to the API server too.
 * @returns The host.
 */
export async function addHost(
  name: string,
  number: number,
  options: { readonly management: boolean },
): Promise<LabHost> {
  const managementIp = `172.30.0.${number}`;
  const host: LabHost = {
    name,
    ipv4: `${DATA_IPV4.prefix}.${number}`,
    ipv6: `${DATA_IPV6.prefix}${number}`,
    mac: macOf(0, number),
    ...(options.management ? { managementIp } : {}),
  };
  await must("ip", ["netns", "add", name]);
  // Also link-local addresses can be used at once, without seconds of probing.
  await setSysctl(name, {
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
  });
  await addLink(name, "eth0", { bridge: DATA_BRIDGE, mac: host.mac });
  if (options.management) {
    const mac = macOf(1, number);
    await addLink(name, "eth1", { bridge: MANAGEMENT_BRIDGE, mac });
  }
  await setAddresses(host);
  return host;
}

/**
 * Gives a host its addresses, as its boot would: those it had before go, VIPs too.
 *
 * @param host A host whose links are there.
 */
export async function setAddresses(host: LabHost): Promise<void> {
  await ipBatch(host.name, [
    "link set lo up",
    "addr flush dev lo scope global",
    "addr flush dev eth0 scope global",
    `addr add ${host.ipv4}/${DATA_IPV4.lengthBits} dev eth0`,
    `addr add ${host.ipv6}/${DATA_IPV6.lengthBits} dev eth0 nodad`,
    ...(host.managementIp === undefined ? [] : [
      "addr flush dev eth1 scope global",
      `addr add ${host.managementIp}/24 dev eth1`,
    ]),
  ]);
}

/**
 * Adds an interface to a host, connected to a bridge.
 *
 * @param host The host.
 * @param link Name of the interface on the host.
 * @param to The bridge, and the MAC address of the interface.
 */
export async function addLink(
  host: string,
  link: string,
  to: { readonly bridge: string; readonly mac: string },
): Promise<void> {
  const port = portOf(host, link);
  await ipBatch("", [
    `link add ${port} type veth peer name ${link} netns ${host} address ${to.mac}`,
    `link set ${port} master ${to.bridge} up`,
  ]);
  await must("ip", ["-n", host, "link", "set", link, "up"]);
}

/** The port of the switch an interface of a host is plugged into; a link of the sandbox itself. */
export function portOf(host: string, link: string): string {
  return `${host}-${link}`;
}

/**
 * Plugs an interface in or out at the switch: its host loses or gets the carrier.
 *
 * @param host The host.
 * @param link Name of its interface.
 * @param up Whether.
 */
export async function setPort(
  host: string,
  link: string,
  up: boolean,
): Promise<void> {
  const state = up ? "up" : "down";
  await must("ip", ["link", "set", portOf(host, link), state]);
}

/**
 * Lets a port of the switch forward or not: its host keeps the carrier and gets
 * and sends nothing, as behind a switch that has lost its way.
 *
 * @param host The host.
 * @param link Name of its interface.
 * @param forwards Whether.
 */
export async function setPortForwarding(
  host: string,
  link: string,
  forwards: boolean,
): Promise<void> {
  // BR_STATE_FORWARDING and BR_STATE_DISABLED of the bridge.
  const state = forwards ? "3" : "0";
  const port = ["dev", portOf(host, link)];
  await must("bridge", ["link", "set", ...port, "state", state]);
}

/** Adds an address to an interface of a host; IPv6 without waiting for duplicate detection. */
export async function addAddress(
  host: string,
  link: string,
  prefix: string,
): Promise<void> {
  const nodad = prefix.includes(":") ? ["nodad"] : [];
  await must("ip", ["-n", host, "addr", "add", prefix, "dev", link, ...nodad]);
}

/**
 * Lets a host accept traffic for VIPs as kube-proxy in IPVS mode does: they sit
 * on `lo`, and the kernel answers ARP only for addresses of the interface asked
 * on, so that only an agent can answer for them. For IPv6 it never does
 * otherwise.
 */
export async function bindVips(
  host: string,
  vips: readonly string[],
): Promise<void> {
  await setSysctl(host, {
    "net/ipv4/conf/all/arp_ignore": "1",
    "net/ipv4/conf/all/arp_announce": "2",
  });
  await ipBatch(
    host,
    vips.map((vip) =>
      vip.includes(":")
        ? `addr replace ${vip}/128 dev lo nodad`
        : `addr replace ${vip}/32 dev lo`
    ),
  );
}

/**
 * Writes kernel settings of a host.
 *
 * @param host The host.
 * @param values What to write, by path under `/proc/sys`.
 */
export async function setSysctl(
  host: string,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const writes = Object.entries(values).map(([path, value]) =>
    `echo ${value} >/proc/sys/${path}`
  );
  const script = writes.join(" && ");
  await must("ip", ["netns", "exec", host, "sh", "-c", script]);
}

/** An entry of a host's neighbor table. */
export interface NeighborEntry {
  /** The address. */
  readonly dst: string;
  /** The interface it is on. */
  readonly dev: string;
  /** MAC address, when known. */
  readonly lladdr?: string;
  /** States such as REACHABLE. */
  readonly state: readonly string[];
}

/** The neighbor table of a host. */
export async function neighbors(
  host: string,
): Promise<readonly NeighborEntry[]> {
  return JSON.parse(await must("ip", ["-j", "-n", host, "neigh", "show"]));
}

/** Empties the neighbor table of a host. */
export async function flushNeighbors(host: string): Promise<void> {
  await must("ip", ["-n", host, "neigh", "flush", "all"]);
}

/**
 * Removes hosts and both segments.
 *
 * @param hosts The hosts, on which no program runs any more.
 */
export async function removeSegments(hosts: readonly LabHost[]): Promise<void> {
  const links: readonly { ifname: string }[] = JSON.parse(
    await must("ip", ["-j", "link", "show"]),
  );
  const ours = links.map(({ ifname }) => ifname).filter((link) =>
    link === DATA_BRIDGE || link === MANAGEMENT_BRIDGE ||
    hosts.some(({ name }) => link.startsWith(portOf(name, "")))
  );
  // Links go at once; those of a namespace that is deleted go some time later.
  await ipBatch("", ours.map((link) => `link del ${link}`));
  await Promise.all(
    hosts.map(({ name }) => must("ip", ["netns", "del", name])),
  );
}

/** Removes one host; call before the segments go. */
export async function removeHost({ name }: LabHost): Promise<void> {
  // The link goes at once; those of a namespace that is deleted some time later.
  await must("ip", ["link", "del", portOf(name, "eth0")]);
  await must("ip", ["netns", "del", name]);
}

// Locally administered; the last byte is the host, the one before the segment.
function macOf(segment: number, number: number): string {
  return [2, 0, 0, 0, segment, number].map((byte) =>
    byte.toString(16).padStart(2, "0")
  ).join(":");
}

const MANAGEMENT_BRIDGE = "mgmt0";
