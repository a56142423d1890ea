/**
 * Which links of this node answer for an address: the meaning of
 * `Eip.spec.interface`.
 *
 * ```text
 *  (empty)                the one link whose subnet holds the address
 *  eth0                   that link
 *  eth*  ens[0-9]  en?    all links that match, as a shell would (glob(7))
 *  can_reach:192.0.2.254  the link the kernel would send to that address by
 *  eth0,ens3,bond*        all that these name; nodes may differ, one must be there
 * ```
 *
 * Where that leaves a choice, or chooses nothing on a node, the annotation
 * `layer2.openelb.kubesphere.io/v1alpha1` of its Node decides, as in OpenELB before 0.6:
 * an address, or a CIDR, that the interface to answer on has.
 *
 * Links that belong to containers, tunnels or the node itself are chosen only
 * when they are named exactly, see {@linkcode VIRTUAL_LINK_PATTERNS}. The
 * address need not be in a subnet of a link that is named, matched or reached.
 *
 * @module
 */

import {
  type AddrRange,
  parseAddrRange,
  rangeContains,
  rangesOverlap,
} from "@/addr/addr_range.ts";
import {
  addrBits,
  familyOf,
  type IpAddr,
  parseIpAddr,
} from "@/addr/ip_addr.ts";
import { type MacAddr, ZERO_MAC } from "@/addr/mac_addr.ts";
import { type Prefix, prefixContains, prefixRange } from "@/addr/prefix.ts";
import { err, ok, type Result } from "@/lang/result.ts";

/** A link of this node. */
export interface SelectableLink {
  /** Its name. */
  readonly name: string;
  /** Its MAC address; absent or zero when it is not Ethernet. */
  readonly mac?: MacAddr | undefined;
  /** The addresses it has, with the lengths of their subnets. */
  readonly prefixes: readonly Prefix[];
}

/** What links are chosen for. */
export interface SelectionRequest {
  /** `Eip.spec.interface`; empty when absent. */
  readonly interface?: string | undefined;
  /** The address to be answered for. */
  readonly vip: IpAddr;
}

/** What this node has. */
export interface SelectionContext {
  /** Its links. */
  readonly links: readonly SelectableLink[];
  /**
   * For each of {@linkcode canReachTargets}, the name of the link the kernel
   * would send to it by; absent without a route.
   */
  readonly routes: ReadonlyMap<IpAddr, string>;
  /** An address or a CIDR of the interface to answer on, by the annotation of the Node; absent or empty: none. */
  readonly nodeAddress?: string | undefined;
}

/**
 * Why no link is chosen; reasons of a condition.
 *
 * - `InterfaceInvalid`: the text means nothing, or a link cannot carry ARP.
 * - `InterfaceNotFound`: no link of this node has such a name.
 * - `InterfaceAmbiguous`: several links have a subnet that holds the address.
 * - `NoInterfaceForAddress`: no link has one, or there is no route.
 */
export type SelectionReason =
  | "InterfaceInvalid"
  | "InterfaceNotFound"
  | "InterfaceAmbiguous"
  | "NoInterfaceForAddress";

/** Why no link is chosen, and what would be right. */
export interface SelectionRefusal {
  /** The reason, for a condition. */
  readonly reason: SelectionReason;
  /** One sentence for the operator. */
  readonly message: string;
}

/**
 * Links that are chosen only when they are named exactly: those of containers
 * and their networks, tunnels, virtual machines, and the node's own.
 */
export const VIRTUAL_LINK_PATTERNS: readonly string[] = [
  "lo",
  "dummy*",
  "ifb*",
  // kube-proxy, node-local DNS
  "kube-ipvs*",
  "kube-bridge",
  "nodelocaldns*",
  // container runtimes; docker names its bridges by 12 hex digits
  "docker*",
  `br-${"[0-9a-f]".repeat(12)}`,
  "podman*",
  "nerdctl*",
  "veth*",
  // networks of pods
  "cni*",
  "cbr[0-9]*",
  "flannel*",
  "cali*",
  "tunl*",
  "vxlan*",
  "wireguard*",
  "cilium*",
  "lxc*",
  "lxd*",
  "weave*",
  "antrea*",
  "genev*",
  "ovs-*",
  "ovn*",
  "azv*",
  // virtual machines
  "virbr*",
  "vnet*",
  // tunnels
  "tun*",
  "tap*",
  "wg*",
  "tailscale*",
  "zt*",
  "gre*",
  "erspan*",
  "sit*",
  "ip6tnl*",
  "ip6gre*",
  "ip_vti*",
  "ip6_vti*",
];

/** How many parts `Eip.spec.interface` may have. */
export const INTERFACE_PARTS_MAX = 32;

/**
 * Chooses the links that answer for an address.
 *
 * @example Usage
 * ```ts
 * import { parseIpAddr } from "@/addr/ip_addr.ts";
 * import { parseMacAddr } from "@/addr/mac_addr.ts";
 * import { selectLinks } from "@/reconcile/interface_selection.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const vip = parseIpAddr("192.0.2.91");
 * const mac = parseMacAddr("02:00:00:00:00:01");
 * const links = [{ name: "eth0", mac, prefixes: [] }];
 * deepStrictEqual(
 *   vip && selectLinks({ interface: "eth*", vip }, { links, routes: new Map() }),
 *   { ok: true, value: ["eth0"] },
 * );
 * ```
 *
 * @param request What they are chosen for.
 * @param context What this node has.
 * @returns Names of links, sorted, at least one; or why there is none.
 */
export function selectLinks(
  request: SelectionRequest,
  context: SelectionContext,
): Result<readonly string[], SelectionRefusal> {
  const text = (request.interface ?? "").trim();
  const annotated = annotatedLinks(context);
  if (text === "") {
    return annotated.length > 0
      ? ok(annotated)
      : selectBySubnet(request.vip, context.links);
  }
  const selected = selectByText(text, context);
  if (annotated.length === 0) return selected;
  if (!selected.ok) {
    return selected.error.reason === "InterfaceInvalid"
      ? selected
      : ok(annotated);
  }
  const both = selected.value.filter((name) => annotated.includes(name));
  return ok(both.length > 0 ? both : selected.value);
}

/**
 * The links that any address of a pool may be answered on.
 *
 * @param pool `Eip.spec.interface`, empty when absent, and the pool's addresses.
 * @param context What this node has.
 * @returns Names of links, sorted: at least those that {@linkcode selectLinks}
 *   chooses for some address of it.
 */
export function selectPoolLinks(
  pool: { readonly interface: string; readonly range: AddrRange },
  context: SelectionContext,
): readonly string[] {
  const text = pool.interface.trim();
  const annotated = annotatedLinks(context);
  if (text !== "") {
    const selected = selectByText(text, context);
    if (selected.ok) return selected.value;
    return selected.error.reason === "InterfaceInvalid" ? [] : annotated;
  }
  if (annotated.length > 0) return annotated;
  return context.links.filter((link) =>
    !isVirtualLink(link.name) && isEthernet(link) &&
    link.prefixes.some((prefix) =>
      hasOthers(prefix) && rangesOverlap(prefixRange(prefix), pool.range)
    )
  ).map(({ name }) => name).sort();
}

/** The links that have an address that the annotation of the Node names. */
function annotatedLinks(
  { links, nodeAddress = "" }: SelectionContext,
): readonly string[] {
  const range = parseAddrRange(nodeAddress.trim());
  if (range === undefined) return [];
  return links.filter((link) =>
    !isVirtualLink(link.name) && isEthernet(link) &&
    link.prefixes.some(({ addr }) => rangeContains(range, addr))
  ).map(({ name }) => name).sort();
}

function selectByText(
  text: string,
  context: SelectionContext,
): Result<readonly string[], SelectionRefusal> {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > INTERFACE_PARTS_MAX) {
    return refuse(
      "InterfaceInvalid",
      `spec.interface names ${parts.length} interfaces, at most ${INTERFACE_PARTS_MAX} are allowed`,
    );
  }
  const names = new Set<string>();
  let missing: SelectionRefusal | undefined;
  for (const part of parts) {
    const selected = selectPart(part, context);
    if (selected.ok) { for (const name of selected.value) names.add(name); }
    else if (selected.error.reason === "InterfaceInvalid") return selected;
    else missing ??= selected.error;
  }
  // A list serves nodes that differ: what is missing here is there elsewhere.
  if (names.size > 0 || missing === undefined) return ok([...names].sort());
  return err(
    parts.length === 1 ? missing : {
      reason: missing.reason,
      message: `This node has none of the interfaces "${text}": set ` +
        `spec.interface to one of ${listOf(context.links)}`,
    },
  );
}

/**
 * The addresses a caller has to find routes to before {@linkcode selectLinks}.
 *
 * @param text `Eip.spec.interface`.
 * @returns The addresses after `can_reach:`.
 */
export function canReachTargets(text: string | undefined): readonly IpAddr[] {
  return (text ?? "").split(",").flatMap((part) => {
    const target = targetIn(part.trim());
    return target === undefined ? [] : [target];
  });
}

/**
 * What is wrong with a text that names links, whatever links there are.
 *
 * @param text `Eip.spec.interface`; absent and empty are right.
 */
export function interfaceProblem(
  text: string | undefined,
): SelectionRefusal | undefined {
  const trimmed = (text ?? "").trim();
  if (trimmed === "") return undefined;
  const selected = selectByText(trimmed, { links: [], routes: new Map() });
  return selected.ok || selected.error.reason !== "InterfaceInvalid"
    ? undefined
    : selected.error;
}

/**
 * Whether a link is one that is chosen only when it is named exactly.
 *
 * @param name Its name.
 * @returns True when one of {@linkcode VIRTUAL_LINK_PATTERNS} matches.
 */
export function isVirtualLink(name: string): boolean {
  return VIRTUAL_LINKS.some((pattern) => pattern.test(name));
}

function selectPart(
  part: string,
  { links, routes }: SelectionContext,
): Result<readonly string[], SelectionRefusal> {
  if (part.includes(":")) return selectByRoute(part, { links, routes });
  if (!NAME_OR_PATTERN.test(part)) {
    return refuse(
      "InterfaceInvalid",
      `"${part}" is no interface name: write a name, a pattern such as eth*, or can_reach:IP`,
    );
  }
  if (!/[*?[\]]/.test(part)) return selectByName(part, links);
  const pattern = patternOf(part);
  if (pattern === undefined) {
    return refuse(
      "InterfaceInvalid",
      `"${part}" is no pattern: close the bracket, as in ens[0-9]`,
    );
  }
  const matching = links.filter((link) =>
    pattern.test(link.name) && !isVirtualLink(link.name) && isEthernet(link)
  );
  return matching.length > 0 ? ok(matching.map(({ name }) => name)) : refuse(
    "InterfaceNotFound",
    `No interface of this node matches "${part}": it has ${listOf(links)}`,
  );
}

function selectByName(
  name: string,
  links: readonly SelectableLink[],
): Result<readonly string[], SelectionRefusal> {
  const link = links.find((link) => link.name === name);
  if (link === undefined) {
    return refuse(
      "InterfaceNotFound",
      `This node has no interface "${name}": it has ${listOf(links)}`,
    );
  }
  return isEthernet(link) ? ok([name]) : refuse(
    "InterfaceInvalid",
    `Interface "${name}" is not Ethernet and carries no ARP: choose one of ${
      listOf(links)
    }`,
  );
}

function selectByRoute(
  part: string,
  { links, routes }: SelectionContext,
): Result<readonly string[], SelectionRefusal> {
  const target = targetIn(part);
  if (target === undefined) {
    return refuse(
      "InterfaceInvalid",
      `"${part}" is not understood: after a colon only can_reach:IP is, such as can_reach:192.0.2.254`,
    );
  }
  const name = routes.get(target);
  if (name === undefined) {
    return refuse(
      "NoInterfaceForAddress",
      `This node has no route to ${target}, which spec.interface wants to reach`,
    );
  }
  if (isVirtualLink(name)) {
    return refuse(
      "NoInterfaceForAddress",
      `This node reaches ${target} by "${name}", which is no link to the network: ` +
        "name an address outside this node, such as the gateway",
    );
  }
  return selectByName(name, links);
}

function selectBySubnet(
  vip: IpAddr,
  links: readonly SelectableLink[],
): Result<readonly string[], SelectionRefusal> {
  const holding = links.filter((link) =>
    !isVirtualLink(link.name) && isEthernet(link) &&
    link.prefixes.some((prefix) => isSubnet(prefix, vip))
  );
  if (holding.length > 1) {
    return refuse(
      "InterfaceAmbiguous",
      `Interfaces ${
        listOf(holding)
      } all have a subnet that holds ${vip}: name one in spec.interface`,
    );
  }
  return holding.length === 1 ? ok(holding.map(({ name }) => name)) : refuse(
    "NoInterfaceForAddress",
    `No interface of this node has a subnet that holds ${vip}: name one of ${
      listOf(links)
    } in spec.interface`,
  );
}

function isSubnet(prefix: Prefix, vip: IpAddr): boolean {
  return hasOthers(prefix) && prefixContains(prefix, vip);
}

/** An address alone, without others beside it, says nothing of a link's subnet. */
function hasOthers({ addr, lengthBits }: Prefix): boolean {
  return lengthBits < addrBits(familyOf(addr));
}

function isEthernet({ mac }: SelectableLink): boolean {
  return mac !== undefined && mac !== ZERO_MAC;
}

/** The address after `can_reach:`; an IPv6 address has colons of its own. */
function targetIn(part: string): IpAddr | undefined {
  return part.startsWith(CAN_REACH)
    ? parseIpAddr(part.slice(CAN_REACH.length).trim())
    : undefined;
}

/** The names an operator would choose from. */
function listOf(links: readonly SelectableLink[]): string {
  const names = links
    .filter((link) => !isVirtualLink(link.name) && isEthernet(link))
    .map(({ name }) => name).sort();
  if (names.length === 0) return "no Ethernet interface";
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(", ");
  return names.length > NAMES_SHOWN_MAX ? `${shown}, …` : shown;
}

/** A shell's pattern (glob(7)) as a regular expression, or `undefined`. */
function patternOf(text: string): RegExp | undefined {
  // Stars side by side mean one, but would be tried in every combination.
  const tokens = text.replaceAll(/\*+/g, "*").match(TOKENS) ?? [];
  let source = "";
  for (const token of tokens) {
    if (token === "*") source += ".*";
    else if (token === "?") source += ".";
    else if (token.length > 1) {
      if (!isAscending(token.slice(1, -1))) return undefined;
      source += token;
    } else if (token === "[" || token === "]") return undefined;
    else source += token === "." ? "\\." : token;
  }
  return new RegExp(`^${source}$`);
}

/** Whether the ranges among a bracket's members go up, as in `0-9a-f`. */
function isAscending(members: string): boolean {
  return [...members.matchAll(RANGES)]
    .every(([, first = "", last = ""]) => first <= last);
}

function refuse(
  reason: SelectionReason,
  message: string,
): Result<never, SelectionRefusal> {
  return err({ reason, message });
}

const CAN_REACH = "can_reach:";
const NAMES_SHOWN_MAX = 8;
// Names the kernel allows, but for characters nobody uses, and pattern marks.
const NAME_OR_PATTERN = /^[-\w.*?[\]]{1,64}$/;
// A bracket with letters, digits and ranges of them, or one character.
const TOKENS = /\[(?:\w-\w|\w)+\]|./g;
const RANGES = /(\w)-(\w)/g;
const VIRTUAL_LINKS: readonly RegExp[] = VIRTUAL_LINK_PATTERNS
  .map(patternOf).filter((pattern) => pattern !== undefined);
