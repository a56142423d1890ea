/**
 * The state of a node under the names of OpenELB's metrics.
 *
 * @module
 */

import type { MainView } from "@/node/mod.ts";
import type { MetricSample } from "@/obs/mod.ts";

/** What of a node is looked at. */
export interface OpenelbView
  extends Pick<MainView, "node" | "pools" | "servicesOf"> {
  /** What it answers for. */
  readonly owners: Pick<MainView["owners"], "counters">;
  /** Its sessions. */
  readonly speaker: Pick<MainView["speaker"], "sessions">;
  /** Whom they are with. */
  readonly bgp: Pick<MainView["bgp"], "bgppeer">;
}

/**
 * The gauges and counters of this moment: those of pools on the agent that gives
 * addresses out, those of addresses on each that has answered for them.
 *
 * @param view The node.
 */
export function openelbSamplesOf(
  view: OpenelbView,
): readonly MetricSample[] {
  return [
    ...poolSamples(view),
    ...addressSamples(view),
    ...sessionSamples(view),
  ];
}

function* poolSamples(
  view: Pick<MainView, "pools" | "servicesOf">,
): Generator<MetricSample> {
  for (const { eip, size, used } of view.pools()) {
    const labels = { eipName: eip };
    const services = view.servicesOf(eip);
    yield { name: "addresses_total", labels, value: size };
    yield { name: "addresses_in_use_total", labels, value: used };
    yield { name: "services_allocated_total", labels, value: services };
  }
}

function* addressSamples(
  { owners }: Pick<OpenelbView, "owners">,
): Generator<MetricSample> {
  const sums = new Map<string, { answers: number; announcements: number }>();
  for (const { byVip = [] } of owners.counters) {
    for (const { vip, answers, announcements } of byVip) {
      const sum = sums.get(vip) ?? { answers: 0, announcements: 0 };
      sum.answers += answers;
      sum.announcements += announcements;
      sums.set(vip, sum);
    }
  }
  for (const [ip, { answers, announcements }] of sums) {
    const labels = { ip };
    // Every request for an address of this node's is answered.
    yield { name: "requests_received", labels, value: answers };
    yield { name: "responses_sent", labels, value: answers };
    yield { name: "gratuitous_sent", labels, value: announcements };
  }
}

function* sessionSamples(
  { speaker, bgp, node }: Pick<OpenelbView, "speaker" | "bgp" | "node">,
): Generator<MetricSample> {
  for (const [name, { view }] of speaker.sessions) {
    const { conf } = bgp.bgppeer.get(name)?.spec ?? {};
    const peerIP = conf?.neighborAddress ?? name;
    const labels = { peerIP, nodeName: node };
    const { counts } = view;
    const state = STATES.indexOf(view.state);
    yield { name: "session_up", labels, value: state };
    const updates = counts?.received.update ?? 0;
    yield { name: "updates_total", labels, value: updates };
    const prefixes = counts?.prefixes ?? 0;
    yield { name: "announced_prefixes_total", labels, value: prefixes };
    const pending = counts?.pending ?? 0;
    yield { name: "pending_prefixes_total", labels, value: pending };
  }
}

/** As GoBGP numbers them. */
const STATES: readonly string[] = [
  "Idle",
  "Connect",
  "Active",
  "OpenSent",
  "OpenConfirm",
  "Established",
];
