/**
 * The state of a node under the names of OpenELB's metrics.
 *
 * @module
 */

import type { MainView } from "@/node/mod.ts";
import type { MetricSample } from "@/obs/mod.ts";

/**
 * The gauges and counters of this moment: those of pools on the agent that gives
 * addresses out, those of addresses on each that has answered for them.
 *
 * @param view The node.
 */
export function openelbSamplesOf(
  view: Pick<MainView, "owners" | "pools" | "servicesOf">,
): readonly MetricSample[] {
  return [...poolSamples(view), ...addressSamples(view)];
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
  { owners }: Pick<MainView, "owners">,
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
