/**
 * From the creation of a Service to its first ARP frame and to HTTP 200.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- what is timed goes one after the other
import { Capture } from "@/lab/capture.ts";
import type { KubernetesLab } from "../../kubernetes/lab.ts";
import { pass, until } from "../../support/waiting.ts";
import { servicePath } from "../../kubernetes/objects.ts";
import type { PartReport } from "../report.ts";
import {
  formatCount,
  formatSpread,
  type Spread,
  spread,
} from "../statistics.ts";
import { apiAlone } from "./api_alone.ts";
import { buildBenchLab, LAB_METHOD, OTHERS_METHOD } from "./lab.ts";

/** Measures it; inside a sandbox. */
export async function benchFirst(): Promise<PartReport> {
  await using lab = await buildBenchLab();
  await lab.objects.createEip({ name: POOL, address: POOL_RANGE });
  for (const { name } of lab.nodes) await lab.addPod(POOL, name);
  await stand(lab);
  const [arpMs, aloneMs] = await besideTheApi(lab);
  await rounds(lab, WARM_UP, firstHttp);
  const httpMs = await rounds(lab, ROUNDS, firstHttp);
  return report(arpMs, aloneMs, httpMs);
}

/** First ARP frames, and the API server's own part by turns with them. */
async function besideTheApi(
  lab: KubernetesLab,
): Promise<readonly [Spread, Spread]> {
  const aloneMs: number[] = [];
  const both = async (_: KubernetesLab, name: string): Promise<number> => {
    aloneMs.push(await apiAlone(lab, `${name}-alone`));
    await lab.objects.remove(servicePath(`${name}-alone`));
    return await firstArp(lab, name);
  };
  await rounds(lab, WARM_UP, both);
  aloneMs.length = 0;
  return [await rounds(lab, ROUNDS, both), spread(aloneMs)];
}

function report(
  arpMs: Spread,
  aloneMs: Spread,
  httpMs: Spread,
): PartReport {
  const most = Math.max(ARP_MS_MAX, ARP_OF_API_MAX * aloneMs.median);
  const row = (what: string, figure: Spread, others: readonly string[]) => [
    what,
    formatSpread(figure, formatCount),
    ...others,
  ];
  return {
    title: "One Service",
    method: [
      LAB_METHOD,
      OTHERS_METHOD,
      `The API server's own part is two round trips, a Service created and an address written into its status, ${ROUNDS} times by turns with the ARP frames: an announcer cannot do without them.`,
      `From before the POST of a Service with a wanted address, ${ROUNDS} of them one after the other; every node answers for another Service already; kube-proxy with \`--iptables-min-sync-period=10ms\`, its default adds a second for everybody. ARP is watched at the switch while nobody asks; for HTTP a client tries every ${HTTP_INTERVAL_MS} ms.`,
    ],
    tables: [{
      title: "Service created to its first answer, in ms",
      columns: ["until", "Foghorn", "OpenELB", "MetalLB", "kube-vip"],
      rows: [
        row("the API server's own part", aloneMs, ["", "", ""]),
        row("first ARP frame", arpMs, ["56", "56", "52"]),
        row("HTTP 200", httpMs, ["166", "118", "122"]),
      ],
    }],
    figures: [
      {
        name: "kubernetes-first-arp",
        what: "Service created to first ARP frame, median",
        value: `${formatCount(arpMs.median)} ms`,
      },
      {
        name: "kubernetes-first-http",
        what: "Service created to HTTP 200 through kube-proxy, median",
        value: `${formatCount(httpMs.median)} ms`,
      },
    ],
    floors: [
      {
        promise:
          `Service created to first ARP frame, median, at most ${ARP_MS_MAX} ms, or ${ARP_OF_API_MAX} times the API server's own part`,
        measured: `${formatCount(arpMs.median)} ms, of ${formatCount(most)} ms`,
        met: arpMs.median <= most,
      },
      {
        promise: "Service created to HTTP 200, median, at most 100 ms",
        measured: `${formatCount(httpMs.median)} ms`,
        met: httpMs.median <= 100,
      },
    ],
  };
}

/** Gives every node a Service to answer for, as in a cluster that is in use: its link is open. */
async function stand(lab: KubernetesLab): Promise<void> {
  for (const node of lab.nodes) {
    const vip = STANDING.find((vip) => lab.order(vip)[0] === node);
    if (vip === undefined) throw new Error(`${node.name} is first for no VIP`);
    const name = `standing-${node.name}`;
    const spec = { selector: { app: POOL }, loadBalancerIP: vip };
    await lab.objects.createService({ name, eip: POOL, spec });
    const backends = lab.nodes.map(({ name }) => name);
    await lab.isAnsweredBy(vip, node, backends);
  }
}

/** Creates and deletes Services one after the other. */
async function rounds(
  lab: KubernetesLab,
  count: number,
  measure: (lab: KubernetesLab, name: string) => Promise<number>,
): Promise<Spread> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const name = `first-${i}`;
    samples.push(await measure(lab, name));
    await lab.objects.remove(servicePath(name));
    await pass(BETWEEN_MS);
  }
  return spread(samples);
}

async function firstArp(lab: KubernetesLab, name: string): Promise<number> {
  await using capture = await Capture.start(lab.nodes.map(({ host }) => host));
  const startMs = performance.now();
  await create(lab, name);
  const frame = () =>
    capture.frames().find(({ message }) =>
      "operation" in message && message.senderIp === VIP
    );
  await until(() => frame() !== undefined, {
    timeoutMs: ANSWER_MS_MAX,
    what: () => `No ARP frame named ${VIP}`,
  });
  return (frame()?.atMs ?? NaN) - startMs;
}

async function firstHttp(lab: KubernetesLab, name: string): Promise<number> {
  await lab.client.forget(VIP);
  const stream = await lab.client.stream(VIP, {
    intervalMs: HTTP_INTERVAL_MS,
    timeoutMs: HTTP_TRY_MS,
  });
  const startMs = performance.now();
  await create(lab, name);
  await stream.until(({ status }) => status === 200, ANSWER_MS_MAX);
  const tookMs = performance.now() - startMs;
  await stream.stop();
  return tookMs;
}

async function create(lab: KubernetesLab, name: string): Promise<void> {
  const spec = { selector: { app: POOL }, loadBalancerIP: VIP };
  await lab.objects.createService({ name, eip: POOL, spec });
}

const POOL = "few";
const POOL_RANGE = "192.168.0.91-192.168.0.129";
const VIP = "192.168.0.91";
const STANDING = Array.from({ length: 38 }, (_, i) => `192.168.0.${92 + i}`);
const WARM_UP = 5;
const ROUNDS = 25;
const HTTP_INTERVAL_MS = 5;
const HTTP_TRY_MS = 250;
const ARP_MS_MAX = 55;
const ARP_OF_API_MAX = 1.1;
const ANSWER_MS_MAX = 20_000;
// Announcements of one Service are over before the next is created.
const BETWEEN_MS = 1_000;
