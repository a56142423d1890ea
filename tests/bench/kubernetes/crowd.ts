/**
 * Thousands of Services at once: how far behind their creation the addresses and
 * the announcements are, what it asks of the API server, and what the agents use
 * afterwards while nothing happens.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one crowd after the other
import { type JsonObject, stringAt } from "@/lab/apiserver/json.ts";
import { Capture } from "@/lab/capture.ts";
import {
  createCrowd,
  type CrowdTimes,
  deleteCrowd,
  prepareCrowd,
} from "../../kubernetes/crowd.ts";
import type { KubernetesLab } from "../../kubernetes/lab.ts";
import { EIPS } from "../../kubernetes/objects.ts";
import { WATCH_SECONDS_MAX, WATCH_SECONDS_MIN } from "@/io/kube/reflector.ts";
import { NEWS_KINDS } from "@/node/watches.ts";
import { pass, until } from "../../support/waiting.ts";
import { cpuPercent, residentMib } from "../cpu.ts";
import type { Floor, PartReport, Table } from "../report.ts";
import {
  formatCount,
  formatDigits,
  formatSpread,
  spread,
} from "../statistics.ts";
import { type AuditedRequest, AuditTail, countRequests } from "./audit.ts";
import { buildBenchLab, LAB_METHOD, leaderOf, OTHERS_METHOD } from "./lab.ts";

/** What one crowd took. */
interface CrowdReport {
  readonly count: number;
  /** How long their creation took. */
  readonly creatingMs: number;
  /** From the last creation until all had addresses. */
  readonly addressedMs: number;
  /** From the last creation until each address had been announced. */
  readonly announcedMs: number;
  /** Services that were ever seen with more than one address. */
  readonly changed: number;
  /** What the agents asked meanwhile. */
  readonly requests: readonly AuditedRequest[];
  /** Bytes of all Eips that were written meanwhile. */
  readonly eipBytes: number;
  /** Reasons of the agents' Events that there are for Services, and how many of each. */
  readonly reasons: ReadonlyMap<string, number>;
  /** What agents use afterwards. */
  readonly rest: Rest;
}

/** What agents use while nothing happens. */
interface Rest {
  readonly mib: readonly number[];
  readonly leaderMib: number;
  readonly cpu: readonly number[];
  readonly leaderCpu: number;
  /** Requests in a minute, of the agent that gives out addresses and of the others. */
  readonly leaderRequests: number;
  readonly requests: readonly number[];
}

/** Measures it; inside a sandbox. */
export async function benchCrowd(): Promise<PartReport> {
  await using lab = await buildBenchLab();
  const startedMs = Date.now();
  await prepareCrowd(lab);
  // As the others were measured: its rules for thousands are another matter.
  await Promise.all(lab.nodes.map((node) => node.stopProxy()));
  const reports: CrowdReport[] = [];
  for (const count of COUNTS) {
    if (reports.length > 0) {
      await deleteCrowd(lab);
      await allSaid(lab);
    }
    reports.push(await measure(lab, count, startedMs));
  }
  return {
    title: "Many Services",
    method: [
      LAB_METHOD,
      OTHERS_METHOD,
      "Services are created by eight connections at once; kube-proxies are stopped. Creating itself takes the API server and the endpoint controllers most of the two cores. Requests are those in the API server's audit log, bytes the JSON of every Eip its watch showed.",
      `At rest: ${REST_MS / 1_000} s, beginning ${
        SETTLE_MS / 1_000
      } s later, and ${
        COMPILED_MS / 60_000
      } minutes after the agents have started at the earliest: what an agent does at rest it does a few times a second, and V8 takes minutes to notice that and to compile it. Each of an agent's ${WATCHES} watches is begun anew every ${
        WATCH_SECONDS_MIN / 60
      } to ${
        WATCH_SECONDS_MAX / 60
      } minutes and counts with its share of a minute, whether that falls into the measured one or not.`,
    ],
    tables: [timesTable(reports), restTable(reports), requestsTable(reports)],
    figures: reports.flatMap(figuresOf),
    floors: reports.flatMap(floorsOf),
  };
}

/** Waits until the agents have written all Events of the crowd that is gone: they are none of the next one's. */
async function allSaid(lab: KubernetesLab): Promise<void> {
  const audit = await AuditTail.open(lab);
  for (;;) {
    await pass(SAID_MS);
    const requests = await audit.take();
    if (!requests.some(({ what }) => what === "create events")) return;
  }
}

async function measure(
  lab: KubernetesLab,
  count: number,
  startedMs: number,
): Promise<CrowdReport> {
  const audit = await AuditTail.open(lab);
  const end = new AbortController();
  let eipBytes = 0;
  const list = await lab.plane.admin.must("GET", EIPS);
  const metadata = list["metadata"] as { readonly resourceVersion: string };
  const watchedFrom = Date.now();
  const watched = lab.plane.admin.watch(
    `${EIPS}?resourceVersion=${metadata.resourceVersion}`,
    ({ object }) => eipBytes += JSON.stringify(object).length,
    end.signal,
  );
  await using capture = await Capture.start(lab.nodes.map(({ host }) => host));
  const times = await createCrowd(lab, count, CREATED_MS_MAX);
  const announcedMs = await allAnnounced(capture, times);
  // Statuses of pools and Events come a little later.
  await pass(SETTLE_MS);
  end.abort();
  await watched;
  const requests = await audit.take();
  return {
    count,
    creatingMs: times.createdMs - times.beganMs,
    addressedMs: times.addressedMs - times.createdMs,
    announcedMs: announcedMs - times.createdMs,
    changed: [...times.addresses.values()].filter(({ size }) => size > 1)
      .length,
    requests,
    eipBytes,
    reasons: await eventReasons(lab, watchedFrom),
    rest: await measureRest(lab, audit, startedMs),
  };
}

/** Counts the agents' Events about Services since a moment, by their reasons. */
async function eventReasons(
  lab: KubernetesLab,
  sinceMs: number,
): Promise<ReadonlyMap<string, number>> {
  const { items } = await lab.plane.admin.must("GET", EVENTS);
  const reasons = (items as readonly JsonObject[])
    .filter((event) => stringAt(event, "involvedObject", "kind") === "Service")
    // To the second, as Events have it.
    .filter((event) =>
      Date.parse(stringAt(event, "firstTimestamp")) > sinceMs - 1_000
    )
    .map((event) => stringAt(event, "reason"));
  const counts = Map.groupBy(reasons, (reason) => reason);
  return new Map([...counts].map(([reason, all]) => [reason, all.length]));
}

/** When the last of the addresses was announced for the first time. */
async function allAnnounced(
  capture: Capture,
  { addresses }: CrowdTimes,
): Promise<number> {
  const missing = new Set([...addresses.values()].flatMap((all) => [...all]));
  let lastMs = 0;
  await until(() => {
    for (const { atMs, message } of capture.frames()) {
      if ("operation" in message && missing.delete(message.senderIp)) {
        lastMs = Math.max(lastMs, atMs);
      }
    }
    return missing.size === 0;
  }, {
    timeoutMs: ANNOUNCED_MS_MAX,
    what: () => `${missing.size} addresses were not announced`,
  });
  return lastMs;
}

async function measureRest(
  lab: KubernetesLab,
  audit: AuditTail,
  startedMs: number,
): Promise<Rest> {
  await pass(Math.max(0, startedMs + COMPILED_MS - Date.now()));
  await audit.take();
  const leader = await leaderOf(lab);
  const used = await Promise.all(lab.nodes.map(async (node) => {
    const pid = node.agent?.pid ?? 0;
    const cpu = await cpuPercent(pid, () => pass(REST_MS));
    return { node, cpu, mib: await residentMib(pid) };
  }));
  const requests = await audit.take();
  const asked = used.map(({ node, cpu, mib }) => ({
    isLeader: node === leader,
    cpu,
    mib,
    requests: perMinute(
      requests.filter(({ from }) => from === node.host.managementIp),
    ),
  }));
  const first = asked.find(({ isLeader }) => isLeader);
  const others = asked.filter(({ isLeader }) => !isLeader);
  return {
    leaderMib: first?.mib ?? NaN,
    leaderCpu: first?.cpu ?? NaN,
    leaderRequests: first?.requests ?? NaN,
    mib: others.map(({ mib }) => mib),
    cpu: others.map(({ cpu }) => cpu),
    requests: others.map((other) => other.requests),
  };
}

/** A watch lasts for minutes: begun or not in this one, it counts with its share. */
function perMinute(requests: readonly AuditedRequest[]): number {
  const others = requests.filter(({ what }) => !what.startsWith("watch "));
  const watchMs = (WATCH_SECONDS_MIN + WATCH_SECONDS_MAX) / 2 * 1_000;
  return others.length * 60_000 / REST_MS + WATCHES * 60_000 / watchMs;
}

function timesTable(reports: readonly CrowdReport[]): Table {
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  return {
    title: "Services created at once, in s",
    columns: [
      "Services",
      "created within",
      "all have addresses, after the last creation",
      "all announced, after it",
      "OpenELB, after it",
      "MetalLB, after it",
    ],
    rows: reports.map((report) => [
      formatCount(report.count),
      seconds(report.creatingMs),
      seconds(report.addressedMs),
      seconds(report.announcedMs),
      ...OTHERS_BEHIND.get(report.count) ?? ["", ""],
    ]),
  };
}

function restTable(reports: readonly CrowdReport[]): Table {
  return {
    title:
      "Agents at rest: memory in MiB, processor time in percent of a core, requests a minute; the one that gives out addresses, and the others",
    columns: [
      "Services",
      "its memory",
      "the others'",
      "its processor",
      "the others'",
      "its requests",
      "the others'",
    ],
    rows: reports.map(({ count, rest }) => [
      formatCount(count),
      rest.leaderMib.toFixed(0),
      formatSpread(spread(rest.mib), formatDigits(0)),
      rest.leaderCpu.toFixed(2),
      formatSpread(spread(rest.cpu), formatDigits(2)),
      rest.leaderRequests.toFixed(0),
      formatSpread(spread(rest.requests), formatDigits(0)),
    ]),
  };
}

function requestsTable(reports: readonly CrowdReport[]): Table {
  const names = new Set(
    reports.flatMap(({ requests }) => requests.map(({ what }) => what)),
  );
  const counts = reports.map(({ requests }) =>
    new Map(countRequests(requests))
  );
  return {
    title: "Requests of all agents, from the first creation on",
    columns: [
      "what",
      ...reports.map(({ count }) => servicesText(count)),
    ],
    rows: [
      ...[...names].toSorted().map((name) => [
        name,
        ...counts.map((count) => formatCount(count.get(name) ?? 0)),
      ]),
      ...[...new Set(reports.flatMap(({ reasons }) => [...reasons.keys()]))]
        .toSorted().map((reason) => [
          `Events of Services: ${reason}`,
          ...reports.map(({ reasons }) =>
            formatCount(reasons.get(reason) ?? 0)
          ),
        ]),
      [
        "bytes of Eips written",
        ...reports.map(({ eipBytes }) => formatCount(eipBytes)),
      ],
      [
        "Services whose address changed",
        ...reports.map(({ changed }) => formatCount(changed)),
      ],
    ],
  };
}

function figuresOf(
  { count, addressedMs, rest }: CrowdReport,
): PartReport["figures"] {
  const services = servicesText(count);
  return [
    ...(count === 1 ? [] : [{
      name: `kubernetes-addressed-${count}`,
      what:
        `${services} at once: from the creation of the last until all have addresses`,
      value: `${(addressedMs / 1_000).toFixed(1)} s`,
    }]),
    {
      name: `kubernetes-rss-${count}`,
      what: `resident memory of an agent with ${services}`,
      value: `${formatCount(spread(rest.mib).median)} MiB`,
    },
  ];
}

function servicesText(count: number): string {
  return count === 1 ? "1 Service" : `${formatCount(count)} Services`;
}

function floorsOf(report: CrowdReport): readonly Floor[] {
  const { count, rest } = report;
  const services = servicesText(count);
  const floor = (
    promise: string,
    value: number,
    max: number,
    unit: string,
  ): Floor => ({
    promise: `${services}: ${promise} at most ${max}${unit}`,
    measured: `${Number(value.toFixed(2))}${unit}`,
    met: value <= max,
  });
  const counts = new Map(countRequests(report.requests));
  const perService = (what: string): number => (counts.get(what) ?? 0) / count;
  const behindSecondsMax = BEHIND_SECONDS_MAX.get(count);
  return [
    ...(behindSecondsMax === undefined ? [] : [
      floor(
        "all have addresses",
        report.addressedMs / 1_000,
        behindSecondsMax,
        " s",
      ),
      floor(
        "PATCHes per Service",
        perService("patch services/status"),
        1.02,
        "",
      ),
      floor("Events per Service", perService("create events"), 2.02, ""),
      floor("Eips written", report.eipBytes / 1e6, 10, " MB"),
    ]),
    ...(count === 1_000
      ? [
        floor(
          "resident memory",
          Math.max(...rest.mib, rest.leaderMib),
          110,
          " MiB",
        ),
      ]
      : []),
    floor("idle processor", Math.max(...rest.cpu, rest.leaderCpu), 0.5, " %"),
    floor("requests of an idle agent", Math.max(...rest.requests), 21, "/min"),
    floor("requests of the idle leader", rest.leaderRequests, 60, "/min"),
  ];
}

const EVENTS = "/api/v1/events";
const COUNTS = [1, 1_000, 5_000] as const;
const BEHIND_SECONDS_MAX: ReadonlyMap<number, number> = new Map([
  [1_000, 2],
  [5_000, 5],
]);
// Seconds; of OpenELB at 5,000 only 3,900 were addressed after 500 s.
const OTHERS_BEHIND: ReadonlyMap<number, readonly string[]> = new Map([
  [1_000, ["76.2", "7.1"]],
  [5_000, ["not done", "17.7"]],
]);
const CREATED_MS_MAX = 900_000;
const ANNOUNCED_MS_MAX = 60_000;
const SETTLE_MS = 15_000;
/** Longer than a batch of the audit log is held back. */
const SAID_MS = 5_000;
const WATCHES = NEWS_KINDS.length;
/** Until V8 has compiled what an agent does at rest. */
const COMPILED_MS = 480_000;
const REST_MS = 120_000;
