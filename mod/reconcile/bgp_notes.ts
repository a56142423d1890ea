/**
 * Fields of a BgpConf and a BgpPeer that are set and do nothing here: the
 * webhook warns of them, and the condition `Ready` names them.
 *
 * @module
 */

import { CONDITION_REASON } from "@/api/conditions.ts";
import type { BgpConf, BgpGracefulRestart, BgpPeer } from "@/api/mod.ts";
import type { Problem } from "./eip_checks.ts";

/**
 * What of a BgpConf has no effect.
 *
 * @param conf The BgpConf.
 * @returns The sentence; undefined: nothing is set that has none.
 */
export function bgpConfRemark({ spec }: BgpConf): Problem | undefined {
  const beyond = (spec.families ?? []).filter((index) => index > 1);
  return remarkOf([
    ["spec.useMultiplePaths", spec.useMultiplePaths],
    ["spec.families other than 0 and 1", beyond.length > 0],
    ...restartFields(spec.gracefulRestart),
  ]);
}

/**
 * What of a BgpPeer has no effect.
 *
 * @param peer The BgpPeer.
 * @returns The sentence; undefined: nothing is set that has none.
 */
export function bgpPeerRemark({ spec }: BgpPeer): Problem | undefined {
  const { conf, transport, timers } = spec;
  return remarkOf([
    ["spec.conf.peerType", conf?.peerType],
    ["spec.conf.sendCommunity", conf?.sendCommunity],
    ["spec.conf.routeFlapDamping", conf?.routeFlapDamping],
    ["spec.conf.allowOwnAs", conf?.allowOwnAs],
    ["spec.transport.mtuDiscovery", transport?.mtuDiscovery],
    ["spec.transport.tcpMss", transport?.tcpMss],
    ["spec.transport.remoteAddress", transport?.remoteAddress],
    [
      "spec.timers.config.minimumAdvertisementInterval",
      Number(timers?.config?.minimumAdvertisementInterval ?? 0),
    ],
    ...restartFields(spec.gracefulRestart),
  ]);
}

type Field = readonly [name: string, value: unknown];

function restartFields(restart: BgpGracefulRestart = {}): readonly Field[] {
  return RESTART_FIELDS.map((name) =>
    [`spec.gracefulRestart.${name}`, restart[name]] as const
  );
}

/** Zero, false and "" are what nobody set. */
function remarkOf(fields: readonly Field[]): Problem | undefined {
  const names = fields.filter(([, value]) => Boolean(value))
    .map(([name]) => name);
  return names.length === 0 ? undefined : {
    reason: CONDITION_REASON.ready,
    message: `Without effect, so leave it out: ${names.join(", ")}`,
  };
}

/** Whether we come back from a restart we know ourselves; received routes are not kept, so nothing of them can be stale. */
const RESTART_FIELDS = [
  "deferralTime",
  "localRestarting",
  "mode",
  "peerRestartTime",
  "peerRestarting",
] as const;
