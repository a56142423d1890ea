/**
 * Eips: pools of addresses.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { readConditions } from "./_conditions_reader.ts";
import { EIP_SPEC_READ } from "./_eip_schema.ts";
import { present, Reader } from "./_reader.ts";
import { readWith } from "./_spec_reader.ts";
import type { LabelSelector } from "./bgp_peer.ts";
import type { Condition } from "./conditions.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** The spec of an Eip, defaults applied. */
export interface EipSpec {
  /** The pool: one address, a CIDR, or `first-last`. */
  readonly address: string;
  /** `bgp`, `layer2` or `vip`; absent or unknown is treated as `bgp`. */
  readonly protocol?: string;
  /** Interface name, `can_reach:<IP>`, or a list of patterns; never empty. */
  readonly interface?: string;
  /** Whether new addresses are refused; false when absent. */
  readonly disable: boolean;
  /** Without effect, here and in OpenELB. */
  readonly usingKnownIPs?: boolean;
  /** Smaller is preferred; 0 when absent. */
  readonly priority: number;
  /** Namespaces bound to this pool, by name. */
  readonly namespaces: readonly string[];
  /** Namespaces bound to this pool, by equality of all these labels; empty selects all. */
  readonly namespaceSelector?: Readonly<Record<string, string>>;
  /** Addresses, CIDRs and ranges that are never handed out. */
  readonly exclude: readonly string[];
  /** Whether IPv4 addresses ending in .0 and .255 are never handed out. */
  readonly avoidBuggyIPs: boolean;
  /** Whether the owner of an address answers `ping` for it, where nothing on its node holds it. */
  readonly answerPing: boolean;
  /** Whether naming this pool does not bypass its namespaces; false when absent. */
  readonly enforceNamespaces?: boolean;
  /** The Services it serves; absent: any. */
  readonly serviceSelector?: LabelSelector;
  /** The nodes that may answer for its addresses; absent: any. */
  readonly nodeSelector?: LabelSelector;
  /** The nodes that answer rather than others; absent: none. */
  readonly preferredNodes?: readonly PreferredNodes[];
  /** Which routers are told of its addresses, and what the routes carry; absent: all, and nothing. */
  readonly bgp?: EipBgp;
}

/** How addresses of an Eip are announced to routers. */
export interface EipBgp {
  /** Names of the BgpPeers that are told of them; absent or empty: all. */
  readonly peers?: readonly string[];
  /** Communities (RFC 1997) of their routes, beside those of the BgpPeer. */
  readonly communities?: readonly string[];
  /** Large communities (RFC 8092) of their routes, beside those of the BgpPeer. */
  readonly largeCommunities?: readonly string[];
  /** MULTI_EXIT_DISC (RFC 4271 §5.1.4); absent: the BgpPeer's. */
  readonly med?: number;
  /** LOCAL_PREF (RFC 4271 §5.1.5), told to iBGP peers only; absent: the BgpPeer's. */
  readonly localPref?: number;
}

/** Nodes that are preferred; as Kubernetes' PreferredSchedulingTerm. */
export interface PreferredNodes {
  /** By how much, 1 to 100; those of all entries that match a node are added. */
  readonly weight: number;
  /** Which nodes. */
  readonly preference: LabelSelector;
}

/** The spec of an Eip as it is stored. */
export interface EipSpecFields {
  /** See {@linkcode EipSpec}; so have the others. */
  readonly address: string;
  /** The protocol. */
  readonly protocol?: string;
  /** The interface. */
  readonly interface?: string;
  /** Whether it is switched off. */
  readonly disable?: boolean;
  /** Without effect. */
  readonly usingKnownIPs?: boolean;
  /** Preference. */
  readonly priority?: number;
  /** Bound namespaces by name. */
  readonly namespaces?: readonly string[];
  /** Bound namespaces by label. */
  readonly namespaceSelector?: Readonly<Record<string, string>>;
  /** What is never handed out. */
  readonly exclude?: readonly string[];
  /** Whether .0 and .255 are never handed out. */
  readonly avoidBuggyIPs?: boolean;
  /** Whether `ping` is answered. */
  readonly answerPing?: boolean;
  /** Whether its namespaces are enforced. */
  readonly enforceNamespaces?: boolean;
  /** The Services it serves. */
  readonly serviceSelector?: LabelSelector;
  /** The nodes that may answer. */
  readonly nodeSelector?: LabelSelector;
  /** The nodes that are preferred. */
  readonly preferredNodes?: readonly PreferredNodes[];
  /** How they are announced to routers. */
  readonly bgp?: EipBgp;
}

/** The status of an Eip. */
export interface EipStatus {
  /** Number of addresses; capped at 2⁵³ − 1. */
  readonly poolSize?: number;
  /** Number of addresses in use. */
  readonly usage?: number;
  /** Whether no address is free. */
  readonly occupied?: boolean;
  /** Written by OpenELB 0.5 only. */
  readonly ready?: boolean;
  /** Whether the pool is IPv4; absent for IPv6. */
  readonly v4?: boolean;
  /** First address of the pool. */
  readonly firstIP?: string;
  /** Last address of the pool. */
  readonly lastIP?: string;
  /** Address to `namespace/name`; several Services joined by `;`. */
  readonly used: Readonly<Record<string, string>>;
  /** Conditions. */
  readonly conditions: readonly Condition[];
}

/** The status of an Eip as it is stored. */
export interface EipStatusFields extends Partial<EipStatus> {}

/** An Eip. */
export interface Eip {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** Its spec. */
  readonly spec: EipSpec;
  /** Its status. */
  readonly status: EipStatus;
}

/**
 * Reads an Eip as the API server sends it, in either version.
 *
 * The address is not parsed here: an Eip whose address makes no sense is an
 * Eip, and gets a condition.
 *
 * @param raw The object.
 * @returns What we use of it, or one sentence that says what is wrong.
 */
export function projectEip(raw: unknown): Result<Eip, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const fields =
    readWith(reader, root, { key: "spec", schema: EIP_SPEC_READ }) ??
      { address: "" };
  const status = reader.object(root, "status", "");
  const eip: Eip = {
    meta: readMeta(reader, root),
    spec: present<EipSpec>({
      ...fields,
      protocol: fields.protocol === "" ? undefined : fields.protocol,
      interface: fields.interface === "" ? undefined : fields.interface,
      disable: fields.disable ?? false,
      priority: fields.priority ?? 0,
      namespaces: fields.namespaces ?? [],
      exclude: fields.exclude ?? [],
      avoidBuggyIPs: fields.avoidBuggyIPs ?? false,
      answerPing: fields.answerPing ?? false,
    }),
    // By hand, not by zod: `used` has thousands of entries and changes often.
    status: present<EipStatus>({
      poolSize: reader.integer(status, "poolSize", AT),
      usage: reader.integer(status, "usage", AT),
      occupied: reader.flag(status, "occupied", AT),
      ready: reader.flag(status, "ready", AT),
      v4: reader.flag(status, "v4", AT),
      firstIP: reader.filledText(status, "firstIP", AT),
      lastIP: reader.filledText(status, "lastIP", AT),
      used: reader.map(status, "used", AT),
      conditions: readConditions(reader, status),
    }),
  };
  return reader.finish("Eip", raw, eip);
}

const AT = "status.";
