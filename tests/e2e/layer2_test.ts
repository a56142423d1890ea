/**
 * Addresses on the wire: who answers, to whom, and what neighbors make of it.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type CapturedFrame, LabProcess } from "@/lab/mod.ts";
import { MOVE_MS_MAX, pass, type Stage, testOnStage, until } from "./_stage.ts";
import { Stranger } from "./_stranger.ts";
import {
  allAnswered,
  ARPING,
  arping,
  ipOn,
  NDISC6,
  ndisc6,
  onHost,
  startArping,
} from "../support/link_tools.ts";
import { announcementsOf } from "../support/wire_evidence.ts";

testOnStage(
  "addresses are answered for by their owners, as others ask",
  {
    needs: [ARPING, NDISC6],
    services: [
      { name: "four", vips: ["192.168.0.91"] },
      { name: "six", vips: ["2001:db8::91"] },
      { name: "dual", vips: ["192.168.0.92", "2001:db8::93"] },
    ],
  },
  async (stage, step) => {
    const { vips, lab } = stage;
    await step("every node owns something, by SHA-256 of node#ip", () => {
      const owners = new Set(vips.map((vip) => stage.owner(vip)));
      deepStrictEqual([...owners].sort(), ["n1", "n2", "n3"]);
      return Promise.resolve();
    });
    await step("HTTP reaches the owner over IPv4 and IPv6", async () => {
      for (const vip of vips) {
        await lab.client.forget(vip);
        await stage.isReached(vip, stage.owner(vip));
        strictEqual(await lab.neighborNode(vip), stage.owner(vip));
      }
    });
    await step("arping by broadcast, by unicast and as a probe", async () => {
      for (const vip of ["192.168.0.91", "192.168.0.92"]) {
        const mac = ownerMac(stage, vip);
        // RFC 5227 §2.1.1: a probe comes from 0.0.0.0.
        for (const args of [[], ["-t", mac], ["-0"], ["-d"]]) {
          await allAnswered(vip, mac, { args });
        }
      }
    });
    await step(
      "a request to the MAC address of another node is not answered",
      async () => {
        const other = lab.nodes.find(({ name }) =>
          name !== stage.owner("192.168.0.91")
        );
        const args = ["-t", other?.host.mac ?? ""];
        strictEqual((await arping("192.168.0.91", { args })).answered, 0);
      },
    );
    await step("ndisc6 by multicast", async () => {
      for (const vip of ["2001:db8::91", "2001:db8::93"]) {
        const mac = ownerMac(stage, vip);
        let macs: readonly string[] = [];
        await until(async () => `${macs = await ndisc6(vip)}` === mac, {
          timeoutMs: MOVE_MS_MAX,
          what: () => `${vip} is answered by [${macs}], not ${mac}`,
        });
      }
    });
    await step("duplicate address detection finds the owner", async () => {
      await duplicateIsFound(stage, "2001:db8::91");
    });
    await step(
      "an IPv6 neighbor is confirmed again and again, and never fails",
      async () => {
        await neighborStays(stage, "2001:db8::91");
      },
    );
  },
);

testOnStage(
  "addresses follow the endpoints of their Services",
  {
    services: [
      {
        name: "local",
        vips: ["192.168.0.94", "2001:db8::94"],
        externalTrafficPolicy: "Local",
      },
      { name: "cluster", vips: ["192.168.0.95"] },
    ],
  },
  async (stage, step) => {
    const { lab } = stage;
    const hostsOf = (names: readonly string[]) =>
      names.map((name) => lab.node(name).host);
    await step("Local: a node with an endpoint", async () => {
      const options = stage.options("local");
      for (const names of [["n3"], ["n1"], [], ["n1", "n3"], ["n2"]]) {
        lab.api.setEndpoints(options, hostsOf(names));
        for (const vip of stage.services[0]?.vips ?? []) {
          if (names.length === 0) await stage.isSilent(vip);
          else await isAnsweredByOneOf(stage, vip, names);
        }
      }
    });
    await step("Local: it stays there while it may", async () => {
      lab.api.setEndpoints(
        stage.options("local"),
        hostsOf(["n1", "n2", "n3"]),
      );
      await pass(STAYS_MS);
      for (const vip of stage.services[0]?.vips ?? []) {
        await stage.isAnsweredBy(vip, "n2");
      }
    });
    await step(
      "Cluster: withdrawn without any endpoint, and back",
      async () => {
        const options = stage.options("cluster");
        lab.api.setEndpoints(options, hostsOf(["n1"]));
        // Where the endpoint is does not matter.
        await stage.isAnsweredBy("192.168.0.95", stage.owner("192.168.0.95"));
        lab.api.setEndpoints(options, []);
        await stage.isSilent("192.168.0.95");
        lab.api.setEndpoints(options, hostsOf(["n1", "n2", "n3"]));
        await isAnsweredByOneOf(stage, "192.168.0.95", ["n1", "n2", "n3"]);
      },
    );
    await step(
      "the first in rank has it back after a minute",
      async () => {
        for (const vip of stage.services[0]?.vips ?? []) {
          await stage.isAnsweredBy(vip, stage.owner(vip), DWELL_MS_MAX);
        }
      },
    );
  },
);

testOnStage(
  "claims of other hosts are counted, told and defended against, within limits",
  {
    needs: [ARPING],
    services: [
      { name: "four", vips: ["192.168.0.91"] },
      { name: "six", vips: ["2001:db8::91"] },
    ],
  },
  async (stage, step) => {
    const vip = "192.168.0.91";
    const owner = stage.owner(vip);
    await step(
      "an IPv4 address is defended three times, not more",
      async () => {
        await hasAnnounced(stage, vip);
        await using capture = await stage.capture();
        const { mac } = stage.lab.client.host;
        const count = CLAIMING_MS / 100;
        const claims = { count, intervalMs: 100, args: ["-U", "-S", vip] };
        await startArping(vip, claims).status;
        const defences = announcementsOf(capture, vip).filter((frame) =>
          frame.host === owner && isRequest(frame)
        );
        strictEqual(defences.length, 3);
        const gaps = defences.slice(1).map(({ atMs }, i) =>
          atMs - (defences[i]?.atMs ?? 0)
        );
        ok(gaps.every((ms) => ms >= DEFEND_INTERVAL_MS - LATE_MS), `${gaps}`);
        await isTold(stage, { service: "four", vip, mac });
        await counted(stage, owner, count / 2);
        await stage.isAnsweredBy(vip, owner);
      },
    );
    await step("an IPv6 address", async () => {
      await using stranger = await Stranger.plug();
      const six = "2001:db8::91";
      const before = await conflicts(stage, stage.owner(six));
      await using capture = await stage.capture();
      stranger.claim(six);
      const { mac } = stranger;
      await isTold(stage, { service: "six", vip: six, mac });
      await counted(stage, stage.owner(six), before + 1);
      const [defence] = announcementsOf(capture, six);
      strictEqual(defence?.host, stage.owner(six));
      await stage.isAnsweredBy(six, stage.owner(six));
    });
  },
);

// Its announcements of taking over are past, so that those that follow are
// defences: none has come for longer than an owner waits with the next, also when
// it heard another claim the address, while the agents got to know each other.
async function hasAnnounced(stage: Stage, vip: string): Promise<void> {
  await using capture = await stage.capture();
  const startMs = performance.now();
  const lastMs = (): number =>
    announcementsOf(capture, vip).at(-1)?.atMs ?? startMs;
  await until(() => performance.now() - lastMs() > SETTLED_MS, {
    timeoutMs: 6 * SETTLED_MS,
    what: () => `${vip} is still announced`,
  });
}

function isRequest({ message }: CapturedFrame): boolean {
  return "operation" in message && message.operation === "request";
}

function conflicts(stage: Stage, node: string): Promise<number> {
  const sample = 'foghorn_address_conflicts_total{link="eth0"}';
  return stage.metric(node, sample);
}

async function counted(
  stage: Stage,
  node: string,
  atLeast: number,
): Promise<void> {
  await until(async () => await conflicts(stage, node) >= atLeast, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `${node} has not counted ${atLeast} claims`,
  });
}

async function isTold(
  stage: Stage,
  claim: {
    readonly service: string;
    readonly vip: string;
    readonly mac: string;
  },
): Promise<void> {
  const { api } = stage.lab;
  const words = [
    '"reason":"AddressConflict"',
    '"type":"Warning"',
    `"name":"${claim.service}"`,
    `claims ${claim.vip}: its MAC address is ${claim.mac}`,
  ];
  const told = (): boolean => {
    const { items } = api.read("/api/v1/namespaces/default/events");
    return Array.isArray(items) && items.map((item) => JSON.stringify(item))
      .some((event) => words.every((word) => event.includes(word)));
  };
  await api.until("events", told, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `No Event tells of the claim of ${claim.mac}`,
  });
}

function ownerMac(stage: Stage, vip: string): string {
  return stage.lab.node(stage.owner(vip)).host.mac;
}

// The client's kernel tries to take the address (RFC 4862 §5.4).
async function duplicateIsFound(stage: Stage, vip: string): Promise<void> {
  const accept = "/proc/sys/net/ipv6/conf/eth0/accept_dad";
  await onHost("client", "sh", "-c", `echo 1 >${accept}`);
  await using capture = await stage.capture();
  const address = [`${vip}/64`, "dev", "eth0"];
  try {
    await until(async () => {
      await ipOn("client", "addr", "replace", ...address);
      if (await isFoundTaken(vip)) return true;
      // The kernel asks once. An agent that did not run just then does not answer.
      await ipOn("client", "addr", "del", ...address);
      return false;
    }, { timeoutMs: 30_000, what: () => `${vip} was not found to be taken` });
    const owner = stage.owner(vip);
    const told = capture.frames().filter(({ message, ethernet }) =>
      "kind" in message && message.kind === "neighbor-advertisement" &&
      message.target === vip && ethernet.destination === "33:33:00:00:00:01"
    );
    deepStrictEqual([...new Set(told.map(({ host }) => host))], [owner]);
  } finally {
    await ipOn("client", "addr", "flush", "dev", "eth0", "to", `${vip}/128`);
    await onHost("client", "sh", "-c", `echo 0 >${accept}`);
  }
  await stage.isAnsweredBy(vip, stage.owner(vip));
}

/** What the kernel finds out about an address that it was just given. */
async function isFoundTaken(address: string): Promise<boolean> {
  let found: { local: string; dadfailed?: boolean; tentative?: boolean } = {
    local: address,
  };
  await until(async () => {
    const links: readonly { addr_info: readonly (typeof found)[] }[] = JSON
      .parse(await ipOn("client", "-j", "addr", "show", "dev", "eth0"));
    found = links.flatMap(({ addr_info }) => addr_info)
      .find(({ local }) => local === address) ?? found;
    return found.dadfailed === true || found.tentative !== true;
  }, { timeoutMs: 30_000, what: () => `${address} stays in doubt` });
  return found.dadfailed === true;
}

// A refused connection proves nothing to the kernel, so it asks the neighbor by
// unicast whenever it has not heard of it for a while (RFC 4861 §7.3). Data that
// is acknowledged is a proof.
async function neighborStays(stage: Stage, vip: string): Promise<void> {
  const neigh = "/proc/sys/net/ipv6/neigh/eth0";
  const shorten = `echo ${REACHABLE_MS} >${neigh}/base_reachable_time_ms` +
    ` && echo 1 >${neigh}/delay_first_probe_time`;
  await onHost("client", "sh", "-c", shorten);
  const { client } = stage.lab;
  await client.forget(vip);
  await using capture = await stage.capture();
  const monitor = new LabProcess("client", ["ip", "monitor", "neigh"], {
    name: "ip monitor",
  });
  const refused = await client.stream(vip, { intervalMs: 100, port: 81 });
  await until(
    () => unicastSolicitations(capture, vip) >= CONFIRMATIONS,
    { timeoutMs: 60_000, what: () => "The kernel did not ask often enough" },
  );
  await refused.stop();
  const stream = await client.stream(vip, { intervalMs: 50 });
  await pass(4 * REACHABLE_MS);
  await stream.stop();
  strictEqual((await client.neighbor(vip))?.lladdr, ownerMac(stage, vip));
  await monitor.stop();
  const states = monitor.lines.filter((line) => line.startsWith(`${vip} `));
  const unsure = states.filter((line) => /FAILED|INCOMPLETE/.test(line));
  deepStrictEqual(unsure, [], states.join("\n"));
  ok(states.some((line) => line.includes("REACHABLE")), states.join("\n"));
  const lost = refused.samples.filter(({ error }) =>
    error !== "connection refused"
  );
  deepStrictEqual(lost, []);
  deepStrictEqual(stream.samples.filter(({ status }) => status !== 200), []);
}

/** Which of them claims an address first does not matter: one that is stopped for a moment is passed over. */
async function isAnsweredByOneOf(
  { lab }: Stage,
  vip: string,
  names: readonly string[],
): Promise<void> {
  await until(async () => {
    const { hosts, backend } = await lab.askTheWire(vip);
    const [host = ""] = hosts;
    return hosts.length === 1 && names.includes(host) && backend === host;
  }, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `None of ${names} answers for ${vip} alone`,
  });
}

function unicastSolicitations(
  capture: Awaited<ReturnType<Stage["capture"]>>,
  vip: string,
): number {
  return capture.frames().filter(({ host, ethernet, message }) =>
    host === "client" && "kind" in message &&
    message.kind === "neighbor-solicitation" && message.target === vip &&
    !ethernet.destination.startsWith("33:33:")
  ).length;
}

/** Longer than the ten seconds after which an owner announces again, having heard another. */
const SETTLED_MS = 12_000;
/** How long a host claims an address, past the third defence. */
const CLAIMING_MS = 32_000;
/** How much later than it came a busy machine may see a frame. */
const LATE_MS = 2_000;
/** RFC 5227 §1.1. */
const DEFEND_INTERVAL_MS = 10_000;
/** How often the neighbor is confirmed while it is watched. */
const CONFIRMATIONS = 3;
/** How long the client then believes that a neighbor is reachable, more or less. */
const REACHABLE_MS = 500;
/** Long enough to see that nothing moves. */
const STAYS_MS = 3_000;
/** An address moves to a node that comes before its owner after a minute, on a busy machine a little later. */
const DWELL_MS_MAX = 120_000;
