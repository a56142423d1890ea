/**
 * BgpConf: how the BGP speakers are configured. Only the one named `default`
 * counts.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import {
  BGP_CONF_SPEC_SCHEMA,
  BGP_CONF_STATUS_SCHEMA,
} from "./_bgp_conf_schema.ts";
import { Reader } from "./_reader.ts";
import { readWith } from "./_spec_reader.ts";
import type { Condition } from "./conditions.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** Graceful restart, RFC 4724 and RFC 9494. */
export interface BgpGracefulRestart {
  /** Whether the capability is offered. */
  readonly enabled?: boolean;
  /** Restart Time in seconds, RFC 4724 §3. */
  readonly restartTime?: number;
  /** Whether we only help others to restart. */
  readonly helperOnly?: boolean;
  /** Longest wait for End-of-RIB before choosing routes, in seconds. */
  readonly deferralTime?: number;
  /** Whether a NOTIFICATION keeps routes too, RFC 8538. */
  readonly notificationEnabled?: boolean;
  /** Long-lived graceful restart, RFC 9494. */
  readonly longlivedEnabled?: boolean;
  /** How long stale routes are kept, in seconds. */
  readonly staleRoutesTime?: number;
  /** State written into specs by OpenELB's types; without effect. */
  readonly peerRestartTime?: number;
  /** State written into specs by OpenELB's types; without effect. */
  readonly peerRestarting?: boolean;
  /** Whether we come back from a restart. */
  readonly localRestarting?: boolean;
  /** Without effect. */
  readonly mode?: string;
}

/** The spec of a BgpConf. */
export interface BgpConfSpec {
  /** Local autonomous system number; 0 or absent: not configured. */
  readonly as?: number;
  /** Autonomous system number by value of the rack label. */
  readonly asPerRack?: Readonly<Record<string, number>>;
  /** BGP Identifier; the node's own address when absent. */
  readonly routerId?: string;
  /** TCP port listened on; 179 when 0 or absent, negative: none. */
  readonly listenPort?: number;
  /** Addresses listened on; all when empty. */
  readonly listenAddresses?: readonly string[];
  /** Address families, by GoBGP's index. */
  readonly families?: readonly number[];
  /** GoBGP's multipath selection; without effect on what is announced. */
  readonly useMultiplePaths?: boolean;
  /** Graceful restart for all peers. */
  readonly gracefulRestart?: BgpGracefulRestart;
  /** Name of the ConfigMap with the policy. */
  readonly policy?: string;
  /** Names for communities in BgpPeers and Eips: `65001:100`, or `65001:1:2` for a large one, by name. */
  readonly communityAliases?: Readonly<Record<string, string>>;
}

/** What a node's speaker took from a BgpConf. */
export interface BgpConfNodeStatus {
  /** BGP Identifier. */
  readonly routerId?: string;
  /** Autonomous system number. */
  readonly as?: number;
}

/** The status of a BgpConf. */
export interface BgpConfStatus {
  /** By name of the node. */
  readonly nodesConfStatus?: Readonly<Record<string, BgpConfNodeStatus>>;
  /** Conditions. */
  readonly conditions?: readonly Condition[];
}

/** A BgpConf. */
export interface BgpConf {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** Its spec. */
  readonly spec: BgpConfSpec;
  /** Its status. */
  readonly status: BgpConfStatus;
}

/** The spec of a v1alpha1 BgpConf, whose names v1alpha2 does not know. */
export interface BgpConfOldSpec {
  /** Local autonomous system number. */
  readonly as: number;
  /** TCP port listened on. */
  readonly port: number;
  /** BGP Identifier. */
  readonly routerID: string;
}

/**
 * Reads a BgpConf as the API server sends it.
 *
 * @param raw The object, in v1alpha2.
 * @returns What we use of it, or one sentence that says what is wrong.
 */
export function projectBgpConf(raw: unknown): Result<BgpConf, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const conf: BgpConf = {
    meta: readMeta(reader, root),
    spec:
      readWith(reader, root, { key: "spec", schema: BGP_CONF_SPEC_SCHEMA }) ??
        {},
    status: readWith(reader, root, {
      key: "status",
      schema: BGP_CONF_STATUS_SCHEMA,
    }) ?? {},
  };
  return reader.finish("BgpConf", raw, conf);
}
